//! Waiting for an item of a queue, without a herd.
//!
//! Those that wait stand in a line, and only the first of it watches the queue: an item that comes
//! wakes one. The others look by themselves twice within a session's timeout, so that an item does
//! not wait for the end of a first one that was cut off.

use bytes::Bytes;
use pinfold_client::{Client, Error, Watch};
use tokio::time::sleep;

use crate::hold::Hold;
use crate::items::Items;
use crate::lock::Lock;
use crate::session::{NO_NODE, connected, patiently};

/// Waits, as long as it takes, until `attempt` gets something. Dropping the future waits no
/// longer; an attempt that is under way has to take care of itself.
pub(crate) async fn until<T, F>(items: &Items, attempt: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<Option<T>, Error>>,
{
    loop {
        if let Some(got) = attempt().await? {
            return Ok(got);
        }
        let line = Lock::new(items.client.clone(), &format!("{}/line", items.handles));
        let turn = line.acquire(Bytes::new());
        tokio::pin!(turn);
        let turn = loop {
            tokio::select! {
                turn = &mut turn => break turn?,
                () = sleep(items.client.session_timeout() / 2) => {
                    if let Some(got) = attempt().await? {
                        return Ok(got);
                    }
                }
            }
        };
        if let Some(got) = first(items, &turn, &attempt).await? {
            return Ok(got);
        }
    }
}

/// As the first of the line; `None` when it is that no longer.
async fn first<T, F>(
    items: &Items,
    turn: &Hold,
    attempt: &impl Fn() -> F,
) -> Result<Option<T>, Error>
where
    F: Future<Output = Result<Option<T>, Error>>,
{
    loop {
        let watches = patiently(&items.client, || watch(items)).await;
        let (mut items_changed, mut claims_changed) = match watches {
            Err(error) if error.code() == NO_NODE => {
                items.prepare().await?;
                continue;
            }
            outcome => outcome?,
        };
        items.forget();
        if let Some(got) = attempt().await? {
            return Ok(Some(got));
        }
        let released = async {
            match claims_changed.as_mut() {
                Some(watch) => watch.next().await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            event = items_changed.next() => event,
            event = released => event,
            _ = turn.lost() => return Ok(None),
        };
        if event.is_none() {
            connected(&items.client).await?;
        }
    }
}

async fn watch(items: &Items) -> Result<(Watch, Option<Watch>), Error> {
    let client: &Client = &items.client;
    let claims = items.taken.as_ref().map(|taken| client.get_children_watch(taken));
    let (_, _, items_changed) = client.get_children_watch(&items.folder).await?;
    let claims_changed = match claims {
        Some(claims) => Some(claims.await?.2),
        None => None,
    };
    Ok((items_changed, claims_changed))
}
