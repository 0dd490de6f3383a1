//! Tells when what a znode of this session stands for is held no longer.

use pinfold_client::Client;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::session;

/// Watches over a znode and its session, until it is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    client: Client,
    lost: watch::Receiver<Option<String>>,
    task: JoinHandle<()>,
    runtime: Handle,
}

impl Guard {
    /// Over the znode at `path` whose create had this czxid.
    pub(crate) fn over(client: &Client, path: &str, czxid: i64) -> Guard {
        let (tell, lost) = watch::channel(None);
        let (guarded, own) = (client.clone(), path.to_owned());
        let task = tokio::spawn(async move {
            let reason = tokio::select! {
                reason = session::lapsed(&guarded) => reason,
                () = session::removed(&guarded, &own, czxid) => format!("{own} was removed"),
            };
            tell.send_replace(Some(reason));
        });
        Guard { client: client.clone(), lost, task, runtime: Handle::current() }
    }

    /// True while work may go on, by this process's monotonic clock.
    pub(crate) fn is_held(&self) -> bool {
        self.lost.borrow().is_none() && session::is_alive(&self.client) && !self.task.is_finished()
    }

    /// Resolves, with the reason, when work has to stop; again each time once lost.
    pub(crate) async fn lost(&self) -> String {
        self.losing().await
    }

    /// The same for those that outlive it: they are told that it was released.
    pub(crate) fn losing(&self) -> impl Future<Output = String> + Send + use<> {
        let mut lost = self.lost.clone();
        async move {
            let told = lost.wait_for(Option::is_some).await;
            match told.as_deref() {
                Ok(Some(reason)) => reason.clone(),
                _ => "released".to_owned(),
            }
        }
    }

    /// What it watched over is given away on purpose.
    pub(crate) fn end(&self) {
        self.task.abort();
    }

    /// Where it was made, for what has to be done after its owner is gone.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
    }
}
