//! The watches of a session: who armed what where, whom an event concerns, and what has to be
//! armed again after a reconnection. Paths here are the server's.

use std::collections::HashMap;
use std::sync::Arc;

use pinfold_proto::records::{SetWatches, SetWatches2};
use pinfold_proto::{AddWatchMode, EventType, WatcherType, path};
use tokio::sync::mpsc;

use crate::{Sink, WatchEvent};

/// Most bytes of paths in one request that arms watches again; ZooKeeper's clients keep to it so
/// that no such request runs into `jute.maxbuffer` (ZOOKEEPER-706).
const REARM_BATCH: usize = 128 * 1024;

/// Where a watch delivers.
#[derive(Clone)]
pub(crate) enum Target {
    /// The host's sink, under the ticket of the arming request.
    Sink(u64, Arc<dyn Sink>),
    /// A [`crate::Watch`], by the client's own number for it.
    Channel(u64, mpsc::UnboundedSender<WatchEvent>),
}

/// What names a watch for removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum WatchKey {
    Ticket(u64),
    Channel(u64),
}

impl Target {
    pub(crate) fn key(&self) -> WatchKey {
        match self {
            Target::Sink(ticket, _) => WatchKey::Ticket(*ticket),
            Target::Channel(number, _) => WatchKey::Channel(*number),
        }
    }

    /// Whether nobody can receive its events any more.
    fn is_dropped(&self) -> bool {
        match self {
            Target::Sink(..) => false,
            Target::Channel(_, sender) => sender.is_closed(),
        }
    }

    fn deliver(&self, event: WatchEvent) {
        match self {
            Target::Sink(ticket, sink) => sink.event(*ticket, event),
            // A watch that was dropped wants no events any more.
            Target::Channel(_, sender) => drop(sender.send(event)),
        }
    }
}

/// The kinds of watches that the client tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchKind {
    Data,
    Exist,
    Child,
    Persistent,
    Recursive,
}

const KINDS: [WatchKind; 5] = [
    WatchKind::Data,
    WatchKind::Exist,
    WatchKind::Child,
    WatchKind::Persistent,
    WatchKind::Recursive,
];

impl WatchKind {
    pub(crate) fn of(mode: AddWatchMode) -> WatchKind {
        match mode {
            AddWatchMode::Persistent => WatchKind::Persistent,
            AddWatchMode::PersistentRecursive => WatchKind::Recursive,
        }
    }

    /// What the server calls it when it is removed; it does not tell data from exist.
    pub(crate) fn watcher_type(self) -> WatcherType {
        match self {
            WatchKind::Data | WatchKind::Exist => WatcherType::Data,
            WatchKind::Child => WatcherType::Children,
            WatchKind::Persistent => WatcherType::Persistent,
            WatchKind::Recursive => WatcherType::PersistentRecursive,
        }
    }
}

/// All watches of a session.
#[derive(Default)]
pub(crate) struct Watches {
    tables: [HashMap<String, Vec<Target>>; 5],
}

impl Watches {
    fn table(&mut self, kind: WatchKind) -> &mut HashMap<String, Vec<Target>> {
        &mut self.tables[kind as usize]
    }

    pub(crate) fn add(&mut self, kind: WatchKind, path: String, target: Target) {
        let armed = self.table(kind).entry(path).or_default();
        // Watches that nobody holds any more must not pile up; looked for only where the list
        // would grow its memory, so that arming stays cheap.
        if armed.len() == armed.capacity() {
            armed.retain(|at| !at.is_dropped());
        }
        armed.push(target);
    }

    /// Where a watch is, if it is still armed.
    pub(crate) fn find(&self, key: WatchKey) -> Option<(WatchKind, String)> {
        KINDS.into_iter().zip(&self.tables).find_map(|(kind, table)| {
            let found = table.iter().find(|(_, armed)| armed.iter().any(|at| at.key() == key));
            found.map(|(path, _)| (kind, path.clone()))
        })
    }

    /// Whether the server must keep its watch for those that are not `removed`.
    pub(crate) fn is_shared(
        &self,
        kind: WatchKind,
        path: &str,
        removed: impl Fn(WatchKey) -> bool,
    ) -> bool {
        let wanted = kind.watcher_type();
        KINDS.into_iter().zip(&self.tables).any(|(other, table)| {
            other.watcher_type() == wanted
                && table.get(path).is_some_and(|armed| armed.iter().any(|at| !removed(at.key())))
        })
    }

    pub(crate) fn remove(&mut self, key: WatchKey) {
        for table in &mut self.tables {
            table.retain(|_, armed| {
                armed.retain(|at| at.key() != key);
                !armed.is_empty()
            });
        }
    }

    /// Delivers an event to everybody whom it concerns; one-shot watches are used up.
    pub(crate) fn deliver(&mut self, kind: EventType, server_path: &str, event: &WatchEvent) {
        let one_shot: &[WatchKind] = match kind {
            EventType::NodeCreated | EventType::NodeDataChanged => {
                &[WatchKind::Data, WatchKind::Exist]
            }
            EventType::NodeDeleted => &[WatchKind::Data, WatchKind::Exist, WatchKind::Child],
            EventType::NodeChildrenChanged => &[WatchKind::Child],
            EventType::None => &[],
        };
        for kind in one_shot {
            for target in self.table(*kind).remove(server_path).unwrap_or_default() {
                target.deliver(event.clone());
            }
        }
        for target in self.table(WatchKind::Persistent).get(server_path).into_iter().flatten() {
            target.deliver(event.clone());
        }
        if kind == EventType::NodeChildrenChanged {
            return;
        }
        let recursive = self.table(WatchKind::Recursive);
        if recursive.is_empty() {
            return;
        }
        let mut at = Some(server_path);
        while let Some(here) = at {
            for target in recursive.get(here).into_iter().flatten() {
                target.deliver(event.clone());
            }
            at = path::parent(here);
        }
    }

    /// Requests that arm everything again, each of a size that any server takes.
    pub(crate) fn rearm(&mut self, relative_zxid: i64) -> Vec<SetWatches2> {
        for table in &mut self.tables {
            table.retain(|_, armed| {
                armed.retain(|at| !at.is_dropped());
                !armed.is_empty()
            });
        }
        let mut batches = Vec::new();
        let empty = || SetWatches2 { relative_zxid, ..SetWatches2::default() };
        let (mut batch, mut size) = (empty(), 0);
        for (kind, table) in KINDS.into_iter().zip(&self.tables) {
            for path in table.keys() {
                if size > 0 && size + path.len() > REARM_BATCH {
                    batches.push(std::mem::replace(&mut batch, empty()));
                    size = 0;
                }
                size += path.len() + 4;
                match kind {
                    WatchKind::Data => batch.data.push(path.clone()),
                    WatchKind::Exist => batch.exist.push(path.clone()),
                    WatchKind::Child => batch.child.push(path.clone()),
                    WatchKind::Persistent => batch.persistent.push(path.clone()),
                    WatchKind::Recursive => batch.persistent_recursive.push(path.clone()),
                }
            }
        }
        if size > 0 {
            batches.push(batch);
        }
        batches
    }

    /// Ends every watch; nothing is delivered any more.
    pub(crate) fn clear(&mut self) {
        self.tables = Default::default();
    }
}

/// The older form of a request that arms watches again, which servers before 3.6 know too; none
/// where it cannot express the watches.
pub(crate) fn without_persistent(request: &SetWatches2) -> Option<SetWatches> {
    let plain = request.persistent.is_empty() && request.persistent_recursive.is_empty();
    plain.then(|| SetWatches {
        relative_zxid: request.relative_zxid,
        data: request.data.clone(),
        exist: request.exist.clone(),
        child: request.child.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventKind;

    fn channel(watches: &mut Watches, kind: WatchKind, path: &str, number: u64) -> Receiver {
        let (sender, receiver) = mpsc::unbounded_channel();
        watches.add(kind, path.to_owned(), Target::Channel(number, sender));
        receiver
    }

    type Receiver = mpsc::UnboundedReceiver<WatchEvent>;

    fn deliver(watches: &mut Watches, kind: EventType, path: &str) {
        let event = WatchEvent { kind: EventKind::Created, path: path.to_owned(), zxid: 1 };
        watches.deliver(kind, path, &event);
    }

    #[test]
    fn one_shot_watches_are_used_up_and_lasting_ones_stay() {
        let mut watches = Watches::default();
        let mut data = channel(&mut watches, WatchKind::Data, "/a/b", 1);
        let mut child = channel(&mut watches, WatchKind::Child, "/a/b", 2);
        let mut lasting = channel(&mut watches, WatchKind::Persistent, "/a/b", 3);
        let mut recursive = channel(&mut watches, WatchKind::Recursive, "/", 4);
        for _ in 0..2 {
            deliver(&mut watches, EventType::NodeDataChanged, "/a/b");
        }
        deliver(&mut watches, EventType::NodeChildrenChanged, "/a/b");
        let count = |receiver: &mut Receiver| {
            let mut count = 0;
            while receiver.try_recv().is_ok() {
                count += 1;
            }
            count
        };
        assert_eq!(count(&mut data), 1);
        assert_eq!(count(&mut child), 1);
        assert_eq!(count(&mut lasting), 3);
        assert_eq!(count(&mut recursive), 2);
    }

    #[test]
    fn a_watch_is_found_shared_and_removed() {
        let mut watches = Watches::default();
        let _data = channel(&mut watches, WatchKind::Data, "/a", 1);
        let _exist = channel(&mut watches, WatchKind::Exist, "/a", 2);
        let key = WatchKey::Channel(1);
        assert_eq!(watches.find(key), Some((WatchKind::Data, "/a".to_owned())));
        assert!(watches.is_shared(WatchKind::Data, "/a", |other| other == key));
        watches.remove(WatchKey::Channel(2));
        assert!(!watches.is_shared(WatchKind::Data, "/a", |other| other == key));
        watches.remove(key);
        assert_eq!(watches.find(key), None);
    }

    #[test]
    fn watches_are_armed_again_in_batches() {
        let mut watches = Watches::default();
        let long = "x".repeat(1000);
        let receivers: Vec<_> = (0..300)
            .map(|i| channel(&mut watches, WatchKind::Data, &format!("/{i}{long}"), i))
            .collect();
        let batches = watches.rearm(7);
        assert_eq!(batches.iter().map(|batch| batch.data.len()).sum::<usize>(), receivers.len());
        assert!(batches.len() > 1);
        for batch in batches {
            assert!(batch.data.iter().map(String::len).sum::<usize>() <= REARM_BATCH);
            assert_eq!(batch.relative_zxid, 7);
        }
    }
}
