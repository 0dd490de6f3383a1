//! Holding a queue, and waiting until it has nothing more to do.

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, EventKind, Watch};

use crate::errand::present;
use crate::layout::Layout;
use crate::master::prepare;
use crate::record::TaskId;
use crate::session::{NODE_EXISTS, connected, patiently};

/// From when this returns, masters and claimers that hear of it give nothing out.
pub(crate) async fn pause(client: &Client, layout: &Layout) -> Result<(), Error> {
    prepare(client, layout).await?;
    let path = layout.paused();
    let mode = CreateMode::Persistent;
    let create = || client.create(&path, Bytes::new(), mode, &Acl::open_unsafe());
    match patiently(client, create).await {
        Err(error) if error.code() != NODE_EXISTS => Err(error),
        _ => Ok(()),
    }
}

pub(crate) async fn resume(client: &Client, layout: &Layout) -> Result<(), Error> {
    let path = layout.paused();
    present(patiently(client, || client.delete(&path, -1)).await).map(drop)
}

pub(crate) async fn is_paused(client: &Client, layout: &Layout) -> Result<bool, Error> {
    let path = layout.paused();
    Ok(patiently(client, || client.exists(&path)).await?.is_some())
}

/// Waits until no task waits and none is in hand.
pub(crate) async fn drained(client: &Client, layout: &Layout) -> Result<(), Error> {
    while let Some((path, mut watch)) = patiently(client, || busy(client, layout)).await? {
        // One watch on one task: it tells nothing of the others, which may be many.
        loop {
            match watch.next().await {
                Some(event) if event.kind == EventKind::Deleted => break,
                Some(_) => {}
                None => {
                    connected(client).await?;
                    break;
                }
            }
            let look = patiently(client, || client.exists_watch(&path)).await?;
            let (Some(_), next) = look else { break };
            watch = next;
        }
    }
    Ok(())
}

/// A task that is not at its end, with a watch; `None` when at one instant there was none.
async fn busy(client: &Client, layout: &Layout) -> Result<Option<(String, Watch)>, Error> {
    loop {
        present(client.sync(layout.root()).await)?;
        let Some((waiting, before)) = present(client.get_children(&layout.tasks()).await)? else {
            return Ok(None);
        };
        let mut there = youngest(waiting).map(|task| layout.task(&task));
        if there.is_none() {
            there = assigned(client, layout).await?;
        }
        if let Some(path) = there {
            match client.exists_watch(&path).await? {
                (Some(_), watch) => return Ok(Some((path, watch))),
                (None, _) => continue,
            }
        }
        // Between two looks that found it empty and unchanged nothing was taken from the folder
        // nor put back, so no task was on its way while the desks were looked at.
        let after = client.exists(&layout.tasks()).await?;
        if after.is_some_and(|after| after.pzxid == before.pzxid) {
            return Ok(None);
        }
    }
}

async fn assigned(client: &Client, layout: &Layout) -> Result<Option<String>, Error> {
    let desks = present(client.get_children(&layout.assign()).await)?.unwrap_or_default().0;
    let lists: Vec<_> =
        desks.iter().map(|worker| client.get_children(&layout.desk(worker))).collect();
    for (worker, pending) in desks.iter().zip(lists) {
        let names = present(pending.await)?.unwrap_or_default().0;
        if let Some(task) = youngest(names) {
            return Ok(Some(layout.assignment(worker, &task)));
        }
    }
    Ok(None)
}

/// The one that most likely is the last to go.
fn youngest(names: Vec<String>) -> Option<TaskId> {
    let tasks = names.iter().filter_map(|name| TaskId::parse(name));
    tasks.max_by_key(TaskId::sequence)
}
