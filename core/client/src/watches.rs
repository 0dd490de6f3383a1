//! The watches of a session: who armed what where, whom an event concerns, and what has to be
//! armed again after a reconnection. Paths here are the server's.

use std::collections::HashMap;
use std::sync::Arc;

use pinfold_proto::records::{SetWatches, SetWatches2};
use pinfold_proto::{AddWatchMode, EventType, WatcherType, path};
use tokio::sync::mpsc;

use crate::{EventKind, Sink, WatchEvent};

mod standing;

use standing::Standing;

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

    /// What is told when it is removed by somebody else than its holder.
    fn removed(self) -> EventKind {
        match self {
            WatchKind::Data | WatchKind::Exist => EventKind::DataWatchRemoved,
            WatchKind::Child => EventKind::ChildWatchRemoved,
            WatchKind::Persistent | WatchKind::Recursive => EventKind::PersistentWatchRemoved,
        }
    }
}

/// All watches of a session.
#[derive(Default)]
pub(crate) struct Watches {
    /// Those that were armed by an answer, by kind.
    tables: [HashMap<Arc<str>, Vec<Target>>; 5],
    /// Those that will stand when everything that was sent has been answered.
    standing: Standing,
}

impl Watches {
    fn table(&mut self, kind: WatchKind) -> &mut HashMap<Arc<str>, Vec<Target>> {
        &mut self.tables[kind as usize]
    }

    /// A request that arms a watch has been sent; answers with the path to arm it by.
    pub(crate) fn expect(&mut self, kind: WatchKind, path: &str, key: WatchKey) -> Arc<str> {
        let path = self.standing.intern(path);
        self.standing.add(key, kind.watcher_type(), &path);
        path
    }

    /// The request that was to arm a watch has failed.
    pub(crate) fn fail(&mut self, key: WatchKey) {
        self.standing.remove(key);
    }

    /// The request that arms a watch has been answered.
    pub(crate) fn add(&mut self, kind: WatchKind, path: Arc<str>, target: Target) {
        self.table(kind).entry(path).or_default().push(target);
    }

    /// A removal is to be sent: what the watch is, and whether the server must keep its watch for
    /// others; none if there is no such watch. A watch counts from the request that arms it, whose
    /// answer may still be on its way, to the request that removes it.
    pub(crate) fn leave(&mut self, key: WatchKey) -> Option<(WatcherType, Arc<str>, bool)> {
        let (kind, path) = self.standing.remove(key)?;
        let shared = self.standing.is_shared(kind, &path);
        Some((kind, path, shared))
    }

    /// A removal of all watches of a kind on a path is to be sent; `arming` are those there whose
    /// answers are still on their way.
    pub(crate) fn leave_all(
        &mut self,
        kind: WatcherType,
        path: &str,
        arming: impl Iterator<Item = WatchKey>,
    ) {
        let armed = kinds_of(kind).filter_map(|kind| self.tables[kind as usize].get(path));
        for key in arming.chain(armed.flatten().map(Target::key)) {
            self.standing.remove(key);
        }
    }

    /// The removal of a watch has been answered.
    pub(crate) fn remove(&mut self, key: WatchKey, kind: WatcherType, path: &str) {
        for kind in kinds_of(kind) {
            let table = self.table(kind);
            let Some(armed) = table.get_mut(path) else { continue };
            armed.retain(|at| at.key() != key);
            if armed.is_empty() {
                table.remove(path);
            }
        }
    }

    /// The removal of all watches of a kind on a path has been answered: each is told, as its last
    /// event. Answers whether there was one.
    pub(crate) fn remove_all(&mut self, kind: WatcherType, path: &str, caller_path: &str) -> bool {
        let mut found = false;
        for kind in kinds_of(kind) {
            for target in self.table(kind).remove(path).unwrap_or_default() {
                found = true;
                self.standing.remove(target.key());
                let path = caller_path.to_owned();
                target.deliver(WatchEvent { kind: kind.removed(), path, zxid: -1 });
            }
        }
        found
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
                self.standing.remove(target.key());
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
                drop_dead(armed, &mut self.standing);
                !armed.is_empty()
            });
        }
        let mut batches = Vec::new();
        let empty = || SetWatches2 { relative_zxid, ..SetWatches2::default() };
        let (mut batch, mut size) = (empty(), 0);
        for (kind, table) in KINDS.into_iter().zip(&self.tables) {
            // In an order that does not change from run to run.
            let mut paths: Vec<_> = table.keys().collect();
            paths.sort_unstable();
            for path in paths {
                if size > 0 && size + path.len() > REARM_BATCH {
                    batches.push(std::mem::replace(&mut batch, empty()));
                    size = 0;
                }
                size += path.len() + 4;
                match kind {
                    WatchKind::Data => batch.data.push(path.to_string()),
                    WatchKind::Exist => batch.exist.push(path.to_string()),
                    WatchKind::Child => batch.child.push(path.to_string()),
                    WatchKind::Persistent => batch.persistent.push(path.to_string()),
                    WatchKind::Recursive => batch.persistent_recursive.push(path.to_string()),
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
        *self = Watches::default();
    }
}

/// Takes out those that nobody holds any more and whose removal was lost with a connection, or is
/// still to be sent.
fn drop_dead(armed: &mut Vec<Target>, standing: &mut Standing) {
    armed.retain(|at| {
        let dropped = at.is_dropped();
        if dropped {
            standing.remove(at.key());
        }
        !dropped
    });
}

/// The client's kinds that the server calls so.
fn kinds_of(wanted: WatcherType) -> impl Iterator<Item = WatchKind> {
    let is_wanted =
        move |kind: &WatchKind| wanted == WatcherType::Any || kind.watcher_type() == wanted;
    KINDS.into_iter().filter(is_wanted)
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
        let path = watches.expect(kind, path, WatchKey::Channel(number));
        watches.add(kind, path, Target::Channel(number, sender));
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
    fn a_watch_leaves_alone_or_with_others_behind() {
        let mut watches = Watches::default();
        let mut data = channel(&mut watches, WatchKind::Data, "/a", 1);
        let _exist = channel(&mut watches, WatchKind::Exist, "/a", 2);
        // Its answer is still on its way.
        watches.expect(WatchKind::Data, "/a", WatchKey::Channel(3));
        let _other = channel(&mut watches, WatchKind::Persistent, "/a", 4);
        let left = |watches: &mut Watches, number| {
            let left = watches.leave(WatchKey::Channel(number));
            left.map(|(kind, path, shared)| (kind, path.to_string(), shared))
        };
        let is = |shared| Some((WatcherType::Data, "/a".to_owned(), shared));
        assert_eq!(left(&mut watches, 1), is(true));
        assert_eq!(left(&mut watches, 1), None);
        assert_eq!(left(&mut watches, 2), is(true));
        watches.fail(WatchKey::Channel(3));
        assert_eq!(left(&mut watches, 3), None);
        watches.remove(WatchKey::Channel(1), WatcherType::Data, "/a");
        deliver(&mut watches, EventType::NodeCreated, "/a");
        assert!(data.try_recv().is_err());
        assert_eq!(watches.leave(WatchKey::Channel(4)).map(|(_, _, shared)| shared), Some(false));
    }

    #[test]
    fn all_of_a_kind_are_removed_and_told() {
        let mut watches = Watches::default();
        let kinds = [WatchKind::Exist, WatchKind::Child, WatchKind::Persistent];
        let mut receivers: Vec<_> =
            (1..).zip(kinds).map(|(n, kind)| channel(&mut watches, kind, "/a", n)).collect();
        watches.leave_all(WatcherType::Children, "/a", std::iter::empty());
        assert!(watches.leave(WatchKey::Channel(2)).is_none());
        assert!(watches.remove_all(WatcherType::Children, "/a", "/b"));
        assert!(!watches.remove_all(WatcherType::Children, "/a", "/b"));
        watches.leave_all(WatcherType::Any, "/a", [WatchKey::Channel(9)].into_iter());
        assert!(watches.remove_all(WatcherType::Any, "/a", "/b"));
        let told: Vec<_> = receivers.iter_mut().map(|at| at.try_recv().unwrap().kind).collect();
        let removed = [
            EventKind::DataWatchRemoved,
            EventKind::ChildWatchRemoved,
            EventKind::PersistentWatchRemoved,
        ];
        assert_eq!(told, removed);
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
