//! Four-letter words: what operators and monitors ask over the client port.
//!
//! The texts are those of ZooKeeper 3.9, since programs take them apart.

mod clients;
mod dump;
mod environment;
mod monitor;
mod number;
mod watches;

use std::path::absolute;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::oneshot;

use crate::pipeline::Message;
use crate::shared::{Shared, lock};
use number::decimal;

/// What monitors read as the version: the ZooKeeper release whose behaviour is offered, and ours.
pub(crate) const VERSION: &str = concat!("3.9.5-pinfold-", env!("CARGO_PKG_VERSION"));

/// What a server says while it knows no leader.
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";

const WORDS: [&str; 19] = [
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hand", "hash", "isro", "mntr", "ruok",
    "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs",
];

/// One of the words, whether it may be answered or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word(&'static str);

impl Word {
    /// What the first four bytes of a connection say; `None` when they are the length of a frame.
    pub(crate) fn known(bytes: [u8; 4]) -> Option<Word> {
        // What telnet sends to end a connection.
        if bytes == [0xff, 0xf4, 0xff, 0xfd] {
            return Some(Word("telnet close"));
        }
        WORDS.into_iter().find(|word| word.as_bytes() == bytes).map(Word)
    }

    /// How many bytes behind the word it needs to be answered.
    pub(crate) fn argument_length(self, shared: &Shared) -> usize {
        match self.0 {
            "stmk" if self.is_allowed(shared) => 8,
            _ => 0,
        }
    }

    fn is_allowed(self, shared: &Shared) -> bool {
        // ZooKeeper allows it together with the read-only mode: clients look for a server by it.
        let is_search = self.0 == "isro" && shared.config.read_only;
        is_search || shared.config.four_letter_words.contain(self.0)
    }

    /// What it is answered with, or its refusal. `argument` is `None` if not all of it came.
    pub(crate) async fn answer(self, shared: &Shared, argument: Option<&[u8]>) -> String {
        let word = self.0;
        if !self.is_allowed(shared) {
            return format!("{word} is not executed because it is not in the whitelist.\n");
        }
        tracing::debug!(word, "answered");
        let needs_service = !["envi", "gtmk", "isro", "ruok", "stmk"].contains(&word);
        if needs_service && shared.mode().is_none() {
            return NOT_SERVING.to_owned();
        }
        match word {
            "conf" => configuration(shared),
            "cons" => clients::connections(shared),
            "crst" => {
                lock(&shared.connections).values().for_each(|client| client.traffic.reset());
                "Connection stats reset.\n".to_owned()
            }
            "dirs" => directories(shared),
            "dump" => dump::dump(shared).await,
            "envi" => environment::environment(),
            "gtmk" => shared.trace_mask.load(Relaxed).to_string(),
            "hand" => hand_over(shared).await,
            "hash" => digest(shared),
            "isro" => match shared.mode() {
                _ if shared.is_read_only() => "ro",
                Some(_) => "rw",
                None => "null",
            }
            .to_owned(),
            "mntr" => monitor::monitor(shared),
            "ruok" => "imok".to_owned(),
            "srst" => {
                shared.statistics.reset();
                "Server stats reset.\n".to_owned()
            }
            "srvr" => format!("{}{}", heading(shared), server(shared)),
            "stat" => {
                format!("{}{}\n{}", heading(shared), clients::clients(shared), server(shared))
            }
            "stmk" => set_trace_mask(shared, argument),
            "wchc" => watches::by_connection(shared),
            "wchp" => watches::by_path(shared),
            "wchs" => watches::summary(shared),
            _ => String::new(),
        }
    }
}

fn heading(shared: &Shared) -> String {
    let read_only = match shared.is_read_only() {
        true => "READ-ONLY mode; serving only read-only clients\n",
        false => "",
    };
    format!("Zookeeper version: {VERSION}, built on pinfold\n{read_only}")
}

fn server(shared: &Shared) -> String {
    let mode = shared.mode().unwrap_or("null");
    let proposals = if mode == "leader" { proposals(shared) } else { String::new() };
    let statistics = &shared.statistics;
    let latency = &statistics.latency;
    let (zxid, nodes) = {
        let state = shared.state();
        (state.last_zxid(), state.node_count())
    };
    format!(
        "Latency min/avg/max: {}/{}/{}\nReceived: {}\nSent: {}\nConnections: {}\n\
         Outstanding: {}\nZxid: {zxid:#x}\nMode: {mode}\nNode count: {nodes}\n{proposals}",
        latency.min(),
        decimal(latency.average()),
        latency.max(),
        statistics.received.get(),
        statistics.sent.get(),
        lock(&shared.connections).len(),
        statistics.outstanding(),
    )
}

fn proposals(shared: &Shared) -> String {
    let sizes = &shared.statistics.proposals;
    if sizes.count() == 0 {
        return "Proposal sizes last/min/max: -1/-1/-1\n".to_owned();
    }
    let last = shared.statistics.last_proposal.load(Relaxed);
    format!("Proposal sizes last/min/max: {last}/{}/{}\n", sizes.min(), sizes.max())
}

/// What `conf` adds on a server of an ensemble.
fn membership(shared: &Shared) -> String {
    let config = &shared.config;
    let members = shared.members();
    let own = members.members.get(&shared.id);
    let (election, peer, observer) = own.map_or((0, 0, false), |member| {
        (member.election_port, member.peer_port, member.is_observer)
    });
    format!(
        "initLimit={}\nsyncLimit={}\nelectionAlg=3\nelectionPort={election}\nquorumPort={peer}\n\
         peerType={}\nmembership: \n{members}",
        config.init_limit,
        config.sync_limit,
        u8::from(observer),
    )
}

fn configuration(shared: &Shared) -> String {
    let config = &shared.config;
    let (min, max) = config.session_timeouts_ms();
    let port = |address: &str| match address.rsplit_once(':') {
        Some((_, port)) => port.to_owned(),
        None => "-1".to_owned(),
    };
    let secure = config.tls.listen.as_deref().unwrap_or("");
    let (port, secure) = (port(&config.listen), port(secure));
    let directory = absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let (snapshots, log) = (directory.join("snapshots"), directory.join("log"));
    let (id, membership) = match config.is_distributed() {
        true => (shared.id, membership(shared)),
        false => (0, String::new()),
    };
    format!(
        "clientPort={port}\nsecureClientPort={secure}\ndataDir={}\ndataDirSize={}\ndataLogDir={}\n\
         dataLogSize={}\ntickTime={}\nmaxClientCnxns={}\nminSessionTimeout={min}\n\
         maxSessionTimeout={max}\nclientPortListenBacklog=-1\nserverId={id}\n{membership}",
        snapshots.display(),
        environment::size_of(&snapshots),
        log.display(),
        environment::size_of(&log),
        config.tick_time_ms,
        config.limits.connections_per_address,
    )
}

fn directories(shared: &Shared) -> String {
    let directory = &shared.config.data_dir;
    let snapshots = environment::size_of(&directory.join("snapshots"));
    let log = environment::size_of(&directory.join("log"));
    format!("datadir_size: {snapshots}\nlogdir_size: {log}\n")
}

/// The tree's digest as of now: ZooKeeper computes it at every 128th zxid instead.
fn digest(shared: &Shared) -> String {
    let (zxid, image) = {
        let state = shared.state();
        (state.last_zxid(), state.snapshot())
    };
    format!("{zxid:x}: {}\n", image.zookeeper_digest())
}

/// Has another server lead. ZooKeeper has no such word.
async fn hand_over(shared: &Shared) -> String {
    let (asker, answer) = oneshot::channel();
    let _ = shared.pipeline().send(Message::HandOver(asker));
    match answer.await {
        Ok(handed) => format!("{handed}\n"),
        Err(_) => NOT_SERVING.to_owned(),
    }
}

fn set_trace_mask(shared: &Shared, argument: Option<&[u8]>) -> String {
    let Some(mask) = argument.and_then(|bytes| bytes.first_chunk()) else { return String::new() };
    let mask = i64::from_be_bytes(*mask);
    shared.trace_mask.store(mask, Relaxed);
    mask.to_string()
}
