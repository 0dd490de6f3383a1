//! How far the work is, read from the tree: the znodes are the truth, nobody is asked.

use pinfold_client::{Client, Error};

/// Numbers of one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub(super) waiting: usize,
    pub(super) assigned: usize,
    pub(super) done: usize,
    pub(super) dead: usize,
    pub(super) workers: usize,
}

/// Reads them all in one pipelined go, and the desks of the workers in a second.
pub(super) async fn read(client: &Client, root: &str) -> Result<Reading, Error> {
    let stat = |folder: &str| client.exists(&format!("{root}/{folder}"));
    let (waiting, done, dead) = (stat("tasks"), stat("results"), stat("dead"));
    let workers = stat("workers");
    let desks = client.get_children(&format!("{root}/assign"));
    let children = |stat: Option<pinfold_client::Stat>| {
        stat.map_or(0, |stat| usize::try_from(stat.num_children).unwrap_or(0))
    };
    let mut reading = Reading {
        waiting: children(waiting.await?),
        done: children(done.await?),
        dead: children(dead.await?),
        workers: children(workers.await?),
        assigned: 0,
    };
    let names = desks.await.map(|(names, _)| names).unwrap_or_default();
    let desks: Vec<_> = names.iter().map(|name| stat(&format!("assign/{name}"))).collect();
    for desk in desks {
        reading.assigned += children(desk.await?);
    }
    Ok(reading)
}

/// How many tasks that worker has in its hands, after everything that was sent before now.
pub(super) async fn in_hand(client: &Client, root: &str, worker: &str) -> Result<usize, Error> {
    let desk = format!("{root}/assign/{worker}");
    let synced = client.sync(&desk);
    let stat = client.exists(&desk);
    synced.await?;
    let stat = stat.await?;
    Ok(stat.map_or(0, |stat| usize::try_from(stat.num_children).unwrap_or(0)))
}
