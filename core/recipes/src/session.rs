//! What the recipes need to know about the session they run on: is a failure the connection's or
//! the session's, when is it back, and until when may work go on.

use std::time::Duration;

use pinfold_client::{Client, Error, ErrorCode, ErrorKind, Outcome, SessionState};
use tokio::time::Instant;

// The codes that the recipes decide by, as Error::code gives them.
const CONNECTION_LOSS: i32 = -4;
pub(crate) const NO_NODE: i32 = -101;
pub(crate) const BAD_VERSION: i32 = -103;
pub(crate) const NO_AUTH: i32 = -102;
pub(crate) const NODE_EXISTS: i32 = -110;
pub(crate) const NOT_EMPTY: i32 = -111;
const IN_FLIGHT_FULL: i32 = -1001;
pub(crate) const CLAIM_LOST: i32 = -1005;
const NOT_CONNECTED: i32 = -1009;

/// How a failed request is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection broke or is not there: look at the tree when it is back.
    Connection,
    /// The session is over, and with it everything that was held in its name.
    Session,
    /// The server answered, and the answer is no.
    Refused,
}

pub(crate) fn fault(error: &Error) -> Fault {
    match (error.outcome(), error.code()) {
        (Outcome::SessionOver, _) => Fault::Session,
        (_, CONNECTION_LOSS | NOT_CONNECTED | IN_FLIGHT_FULL) => Fault::Connection,
        (Outcome::MaybeApplied, _) => Fault::Connection,
        (Outcome::NotApplied, _) => Fault::Refused,
    }
}

/// The claim, assignment or leadership belongs to somebody else now.
pub(crate) fn claim_lost(path: &str, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::ClaimLost, why).with_path(path)
}

/// An argument that cannot work.
pub(crate) fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, why)
}

/// The session is over: the error that says so.
pub(crate) fn session_over(state: SessionState) -> Error {
    Error::new(ErrorCode::SessionExpired, format!("the session is over: {state:?}"))
}

pub(crate) fn is_over(state: SessionState) -> bool {
    matches!(state, SessionState::Expired | SessionState::AuthFailed | SessionState::Closed)
}

/// Waits until the session is attached to a server; fails when it is over.
pub(crate) async fn connected(client: &Client) -> Result<(), Error> {
    // A failed request can come in before the state that explains it.
    tokio::task::yield_now().await;
    let mut states = client.states();
    loop {
        let state = *states.borrow_and_update();
        if state == SessionState::Connected {
            return Ok(());
        }
        if is_over(state) {
            return Err(session_over(state));
        }
        if states.changed().await.is_err() {
            return Err(session_over(SessionState::Closed));
        }
    }
}

/// Does a request again after each broken connection.
pub(crate) async fn patiently<T, R>(client: &Client, request: impl Fn() -> R) -> Result<T, Error>
where
    R: Future<Output = Result<T, Error>>,
{
    let mut round = 0;
    loop {
        match request().await {
            Err(error) if fault(&error) == Fault::Connection => {
                connected(client).await?;
                pause(round).await;
                round += 1;
            }
            outcome => return outcome,
        }
    }
}

/// The margin before the server's own clock, which runs at the same speed but in coarse ticks and
/// starts when our request arrives.
pub(crate) fn margin(timeout: Duration) -> Duration {
    (timeout / 10).clamp(Duration::from_millis(20), Duration::from_secs(2))
}

/// Until when, by the monotonic clock, this session may be taken for alive without hearing more.
pub(crate) fn deadline(client: &Client) -> Instant {
    let timeout = client.session_timeout();
    last_contact(client) + timeout.saturating_sub(margin(timeout))
}

/// On the clock of the runtime, which is the one that its timers go by.
fn last_contact(client: &Client) -> Instant {
    Instant::from_std(client.last_contact())
}

/// True while work in the name of this session may go on.
pub(crate) fn is_alive(client: &Client) -> bool {
    !is_over(client.state()) && Instant::now() < deadline(client)
}

/// Resolves, with the reason, when work in the name of this session has to stop: the session is
/// over, or its server was silent for so long that it may soon be.
pub(crate) async fn lapsed(client: &Client) -> String {
    let mut states = client.states();
    loop {
        let state = *states.borrow_and_update();
        if is_over(state) {
            return format!("the session is over: {state:?}");
        }
        let until = deadline(client);
        if Instant::now() >= until {
            let silence = last_contact(client).elapsed();
            return format!("no word from the server for {} ms", silence.as_millis());
        }
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            changed = states.changed() => {
                if changed.is_err() {
                    return "the client is closed".to_owned();
                }
            }
        }
    }
}

/// Resolves when the znode that this session created is gone, while the session lives.
pub(crate) async fn removed(client: &Client, path: &str, czxid: i64) {
    let mut round = 0;
    loop {
        match client.exists_watch(path).await {
            Ok((Some(stat), mut watch)) if stat.czxid == czxid => {
                round = 0;
                drop(watch.next().await);
            }
            Ok(_) => return,
            Err(_) => {
                pause(round).await;
                round += 1;
            }
        }
        if connected(client).await.is_err() {
            // The end of the session is told by the one who watches it.
            std::future::pending::<()>().await;
        }
    }
}

/// Resolves when a stop was asked for, or its owner is gone.
pub(crate) async fn halted(stop: &mut tokio::sync::watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Waits a moment that grows with `round`, so that a refusing server is not flooded.
pub(crate) async fn pause(round: u32) {
    let wait = Duration::from_millis(50 << round.min(5));
    tokio::time::sleep(wait).await;
}

/// 32 hexadecimal digits that nobody else has: the name of one attempt to acquire something.
pub(crate) fn unique(client: &Client) -> String {
    let mut bytes = [0u8; 16];
    if !client.fill_random(&mut bytes) {
        // Without the system's randomness: time and a counter still differ within a process.
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let count = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as u64);
        bytes[..8].copy_from_slice(&now.to_be_bytes());
        bytes[8..].copy_from_slice(&(count ^ u64::from(std::process::id()) << 32).to_be_bytes());
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
