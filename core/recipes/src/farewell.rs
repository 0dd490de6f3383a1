//! Why a task is not in somebody's hands any more, as the tree tells it afterwards.

use pinfold_client::Client;

use crate::layout::Layout;
use crate::record::{Cause, DeadHead, TaskHead, TaskId, decode};

/// Asks why the task was taken away. The requests take their place in the session's order when
/// this is called. Where nothing tells, it was given to another meanwhile.
pub(crate) fn farewell(
    client: &Client,
    layout: &Layout,
    task: &TaskId,
) -> impl Future<Output = (Cause, String)> + Send + use<> {
    let dead = client.get(&layout.dead_letter(task));
    let waiting = client.get(&layout.task(task));
    async move {
        if let Ok((data, _)) = dead.await
            && let Ok((head, _)) = decode::<DeadHead>(&data)
        {
            return (head.cause, head.reason);
        }
        if let Ok((data, _)) = waiting.await
            && let Ok((head, _)) = decode::<TaskHead>(&data)
            && let Some(last) = head.last
        {
            return (last.cause, last.reason);
        }
        (Cause::Vanished, "it is no longer given to this worker".to_owned())
    }
}
