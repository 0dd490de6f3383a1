//! Where everything lives under one root, and the way back from a path to its meaning.
//!
//! ```text
//! <root>/master/c-<guid>-<seq>   ephemeral sequential: the candidates, the lowest leads
//! <root>/workers/<id>            ephemeral: capacity and abilities of a live worker
//! <root>/tasks/t-<seq>           persistent sequential: waiting
//! <root>/assign/<id>/t-<seq>     persistent: given to that worker, payload included
//! <root>/results/t-<seq>         persistent: done
//! <root>/dead/t-<seq>            persistent: given up, with the reason
//! <root>/progress/t-<seq>        persistent: what its worker last said; goes with the task's end
//! <root>/keys/<key>              persistent: the task that was submitted under an idempotence key
//! <root>/paused                  persistent: nothing is given out while it is there
//! ```
//! A task keeps its name on the whole way, and is at one of `tasks`, `assign`, `results` and
//! `dead` at any zxid.
//!
//! A znode that is created anew has version 0 again, so the version of a task's znode is made to
//! tell its turns apart: it begins with twice the number of the turn, modulo 8. An operation that
//! was meant for an earlier turn is refused, also where the same worker has the task once more.

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error};

use crate::record::TaskId;
use crate::session::{NO_AUTH, NODE_EXISTS};

/// The paths of one task queue.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Without a trailing slash; empty for "/".
    root: String,
}

/// What a path below the root stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Worker(String),
    Task(TaskId),
    /// The folder of a worker's assignments.
    Desk(String),
    Assignment(String, TaskId),
    Result(TaskId),
    Dead(TaskId),
    Progress(TaskId),
    Paused,
}

impl Layout {
    pub(crate) fn new(root: &str) -> Layout {
        Layout { root: root.trim_end_matches('/').to_owned() }
    }

    /// The root as ZooKeeper wants it written.
    pub(crate) fn root(&self) -> &str {
        if self.root.is_empty() { "/" } else { &self.root }
    }

    pub(crate) fn master(&self) -> String {
        format!("{}/master", self.root)
    }

    pub(crate) fn workers(&self) -> String {
        format!("{}/workers", self.root)
    }

    pub(crate) fn worker(&self, worker: &str) -> String {
        format!("{}/workers/{worker}", self.root)
    }

    pub(crate) fn tasks(&self) -> String {
        format!("{}/tasks", self.root)
    }

    pub(crate) fn task(&self, task: &TaskId) -> String {
        format!("{}/tasks/{task}", self.root)
    }

    pub(crate) fn assign(&self) -> String {
        format!("{}/assign", self.root)
    }

    pub(crate) fn desk(&self, worker: &str) -> String {
        format!("{}/assign/{worker}", self.root)
    }

    pub(crate) fn assignment(&self, worker: &str, task: &TaskId) -> String {
        format!("{}/assign/{worker}/{task}", self.root)
    }

    pub(crate) fn results(&self) -> String {
        format!("{}/results", self.root)
    }

    pub(crate) fn result(&self, task: &TaskId) -> String {
        format!("{}/results/{task}", self.root)
    }

    pub(crate) fn dead(&self) -> String {
        format!("{}/dead", self.root)
    }

    pub(crate) fn dead_letter(&self, task: &TaskId) -> String {
        format!("{}/dead/{task}", self.root)
    }

    pub(crate) fn progress(&self) -> String {
        format!("{}/progress", self.root)
    }

    pub(crate) fn progress_of(&self, task: &TaskId) -> String {
        format!("{}/progress/{task}", self.root)
    }

    pub(crate) fn keys(&self) -> String {
        format!("{}/keys", self.root)
    }

    /// The znode of an idempotence key. What cannot be in a znode's name is written as `%` and
    /// two hexadecimal digits.
    pub(crate) fn key(&self, key: &str) -> String {
        let mut path = format!("{}/keys/", self.root);
        for c in key.chars() {
            let is_plain = c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '@' | '+');
            if is_plain {
                path.push(c);
            } else {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    path.push_str(&format!("%{byte:02x}"));
                }
            }
        }
        path
    }

    pub(crate) fn paused(&self) -> String {
        format!("{}/paused", self.root)
    }

    /// What `path` stands for; `None` for folders and for znodes that are not ours.
    pub(crate) fn place(&self, path: &str) -> Option<Place> {
        let rest = path.strip_prefix(self.root.as_str())?.strip_prefix('/')?;
        if rest == "paused" {
            return Some(Place::Paused);
        }
        let (folder, rest) = rest.split_once('/')?;
        let task = |name: &str| TaskId::parse(name);
        match folder {
            "workers" if !rest.contains('/') => Some(Place::Worker(rest.to_owned())),
            "tasks" => Some(Place::Task(task(rest)?)),
            "results" => Some(Place::Result(task(rest)?)),
            "dead" => Some(Place::Dead(task(rest)?)),
            "progress" => Some(Place::Progress(task(rest)?)),
            "assign" => match rest.split_once('/') {
                None => Some(Place::Desk(rest.to_owned())),
                Some((worker, name)) => Some(Place::Assignment(worker.to_owned(), task(name)?)),
            },
            _ => None,
        }
    }

    /// Creates the root, its parents and its folders where they are missing.
    pub(crate) async fn prepare(&self, client: &Client) -> Result<(), Error> {
        create_all(client, self.root()).await?;
        let folders = [
            self.master(),
            self.workers(),
            self.tasks(),
            self.assign(),
            self.results(),
            self.dead(),
            self.progress(),
            self.keys(),
        ];
        let pending: Vec<_> = folders.iter().map(|path| folder(client, path)).collect();
        for (path, one) in folders.iter().zip(pending) {
            settle(client, path, one.await).await?;
        }
        Ok(())
    }

    /// Creates the folder that a worker's assignments are put into.
    pub(crate) async fn prepare_desk(&self, client: &Client, worker: &str) -> Result<(), Error> {
        let desk = self.desk(worker);
        settle(client, &desk, folder(client, &desk).await).await
    }
}

/// Creates `path` and its parents, persistent and empty, where they are missing.
pub(crate) async fn create_all(client: &Client, path: &str) -> Result<(), Error> {
    if path == "/" {
        return Ok(());
    }
    // The whole path is mostly there already: one read instead of a refused write per component.
    if client.exists(path).await?.is_some() {
        return Ok(());
    }
    let ends = path.char_indices().skip(1).filter(|(_, c)| *c == '/').map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
        let path = &path[..end];
        settle(client, path, folder(client, path).await).await?;
    }
    Ok(())
}

fn folder(client: &Client, path: &str) -> pinfold_client::Pending<pinfold_client::Created> {
    client.create(path, Bytes::new(), CreateMode::Persistent, &Acl::open_unsafe())
}

/// A folder that is there is as good as one that was made, also where this session may make none.
async fn settle(
    client: &Client,
    path: &str,
    outcome: Result<pinfold_client::Created, Error>,
) -> Result<(), Error> {
    match outcome {
        Err(error) if error.code() == NO_AUTH && client.exists(path).await?.is_none() => Err(error),
        Err(error) if !matches!(error.code(), NODE_EXISTS | NO_AUTH) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_place_agree() {
        for root in ["/", "/app", "/deep/app/"] {
            let layout = Layout::new(root);
            let task = TaskId::parse("t-0000000007").expect("a task name");
            let place = |path: String| layout.place(&path);
            assert_eq!(place(layout.worker("w1")), Some(Place::Worker("w1".into())));
            assert_eq!(place(layout.task(&task)), Some(Place::Task(task.clone())));
            assert_eq!(place(layout.desk("w1")), Some(Place::Desk("w1".into())));
            assert_eq!(place(layout.progress_of(&task)), Some(Place::Progress(task.clone())));
            assert_eq!(place(layout.paused()), Some(Place::Paused));
            let assignment = Place::Assignment("w1".into(), task.clone());
            assert_eq!(place(layout.assignment("w1", &task)), Some(assignment));
            assert_eq!(place(layout.result(&task)), Some(Place::Result(task.clone())));
            assert_eq!(place(layout.dead_letter(&task)), Some(Place::Dead(task.clone())));
            assert_eq!(place(layout.tasks()), None);
        }
    }

    #[test]
    fn foreign_znodes_have_no_place() {
        let layout = Layout::new("/app");
        for path in
            ["/app", "/app/tasks/x", "/app/tasks/t-1/y", "/other/tasks/t-1", "/apps/tasks/t-1"]
        {
            assert_eq!(layout.place(path), None, "{path}");
        }
    }
}
