//! Where a task is now, found by looking at every place in the direction that tasks move.

use bytes::Bytes;
use futures_util::future::join_all;
use pinfold_client::{Client, Error, Stat};

use crate::errand::present;
use crate::layout::Layout;
use crate::record::TaskId;
use crate::session::pause;

/// A task that moved while it was looked for is looked for again, so often.
const LOOKS: u32 = 2;

/// The place of a task, with what is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Whereabouts {
    Waiting(Bytes, Stat),
    Assigned { worker: String, data: Bytes, stat: Stat },
    Done(Bytes, Stat),
    Dead(Bytes, Stat),
}

impl Whereabouts {
    /// Looks for the task; `None` when it is nowhere: it was never submitted, or is forgotten.
    /// What other sessions wrote before this call is seen.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) async fn of(
        client: &Client,
        layout: &Layout,
        task: &TaskId,
    ) -> Result<Option<Whereabouts>, Error> {
        let mut looks = 0;
        loop {
            let found = look(client, layout, task).await?;
            if found.is_some() || looks == LOOKS {
                return Ok(found);
            }
            pause(looks).await;
            looks += 1;
        }
    }
}

async fn look(
    client: &Client,
    layout: &Layout,
    task: &TaskId,
) -> Result<Option<Whereabouts>, Error> {
    // All requests of one burst are answered in their order.
    let synced = client.sync(layout.root());
    let waiting = client.get(&layout.task(task));
    let desks = client.get_children(&layout.assign());
    let ends = (client.get(&layout.result(task)), client.get(&layout.dead_letter(task)));
    match synced.await {
        // A root that is not there has no tasks.
        Err(error) if error.code() != crate::session::NO_NODE => return Err(error),
        _ => {}
    }
    if let Some((data, stat)) = present(waiting.await)? {
        return Ok(Some(Whereabouts::Waiting(data, stat)));
    }
    let desks = present(desks.await)?.unwrap_or_default().0;
    if let Some((data, stat)) = present(ends.0.await)? {
        return Ok(Some(Whereabouts::Done(data, stat)));
    }
    if let Some((data, stat)) = present(ends.1.await)? {
        return Ok(Some(Whereabouts::Dead(data, stat)));
    }
    let seats = desks.into_iter().map(|worker| {
        let pending = client.get(&layout.assignment(&worker, task));
        async move { Ok((worker, present(pending.await)?)) }
    });
    for seat in join_all(seats).await {
        if let (worker, Some((data, stat))) = seat? {
            return Ok(Some(Whereabouts::Assigned { worker, data, stat }));
        }
    }
    Ok(None)
}
