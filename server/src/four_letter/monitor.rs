//! `mntr`: a line for each figure, name and value with a tabulator between them.
//!
//! Of ZooKeeper's figures those are here that mean something in this server, in its order.

use std::fmt::{Display, Write as _};

use super::number::decimal;
use super::{VERSION, environment};
use crate::shared::{Shared, lock};
use crate::statistics::{Quantiles, Summary};
use crate::tls::Tls;

pub(super) fn monitor(shared: &Shared) -> String {
    let mut page = Page(String::new());
    page.line("version", format_args!("{VERSION}, built on pinfold"));
    page.line("server_state", shared.mode().unwrap_or("null"));
    gauges(&mut page, shared);
    counters(&mut page, shared);
    summaries(&mut page, shared);
    if shared.config.is_distributed() {
        ensemble(&mut page, shared);
    }
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "zk_{name}\t{value}");
    }

    fn summary(&mut self, name: &str, summary: &Summary) {
        self.line(&format!("avg_{name}"), decimal(summary.average()));
        self.line(&format!("min_{name}"), summary.min());
        self.line(&format!("max_{name}"), summary.max());
        self.line(&format!("cnt_{name}"), summary.count());
        self.line(&format!("sum_{name}"), summary.sum());
    }

    fn quantiles(&mut self, name: &str, quantiles: &Quantiles) {
        self.summary(name, &quantiles.summary);
        for (part, per_mille) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)] {
            self.line(&format!("{part}_{name}"), quantiles.at(per_mille));
        }
    }
}

fn gauges(page: &mut Page, shared: &Shared) {
    let statistics = &shared.statistics;
    let (nodes, ephemerals, bytes, sessions) = {
        let state = shared.state();
        let ephemerals: usize = state.ephemeral_owners().map(|(_, count)| count).sum();
        (state.node_count(), ephemerals, state.data_size(), state.sessions().len())
    };
    let (_, _, watches) = lock(&shared.watches).totals();
    page.line("ephemerals_count", ephemerals);
    page.line("num_alive_connections", lock(&shared.connections).len());
    page.line("avg_latency", decimal(statistics.latency.average()));
    page.line("outstanding_requests", statistics.outstanding());
    page.line("znode_count", nodes);
    page.line("global_sessions", sessions);
    page.line("packets_sent", statistics.sent.get());
    page.line("packets_received", statistics.received.get());
    page.line("connection_drop_probability", "0.0");
    page.line("watch_count", watches);
    page.line("auth_failed_count", statistics.auth_failed.get());
    let handshakes = shared.gate.tls.as_ref().map_or(0, Tls::handshakes);
    page.line("outstanding_tls_handshake", handshakes);
    page.line("unsuccessful_handshake", statistics.handshakes_failed.get());
    page.line("tls_handshake_exceeded", statistics.handshakes_exceeded.get());
    page.line("min_latency", statistics.latency.min());
    if let Some(most) = environment::most_files() {
        page.line("max_file_descriptor_count", most);
    }
    page.line("approximate_data_size", bytes);
    if let Some(open) = environment::open_files() {
        page.line("open_file_descriptor_count", open);
    }
    page.line("local_sessions", 0);
    page.line("uptime", shared.elapsed_ms());
    page.line("max_latency", statistics.latency.max());
}

/// What is told of the others.
fn ensemble(page: &mut Page, shared: &Shared) {
    let members = shared.members();
    page.line("quorum_size", members.voters().count());
    if shared.mode() != Some("leader") {
        return;
    }
    let reachable = lock(&shared.reachable).clone();
    let observes = |id: &u64| members.members.get(id).is_some_and(|member| member.is_observer);
    let observers = reachable.iter().filter(|id| observes(id)).count();
    page.line("learners", reachable.len());
    page.line("synced_followers", reachable.len() - observers);
    page.line("synced_observers", observers);
}

fn counters(page: &mut Page, shared: &Shared) {
    let statistics = &shared.statistics;
    let counters = [
        ("connection_rejected", &statistics.connections_rejected),
        ("sessionless_connections_expired", &statistics.silent_connections),
        ("connection_drop_count", &statistics.connections_dropped),
        ("bytes_received_count", &statistics.received_bytes),
        ("large_requests_rejected", &statistics.large_requests_rejected),
        ("snapshot_error_count", &statistics.snapshot_errors),
        ("unsuccessful_handshake", &statistics.handshakes_failed),
        ("connection_request_count", &statistics.handshakes),
        ("stale_sessions_expired", &statistics.sessions_expired),
        ("tls_handshake_exceeded", &statistics.handshakes_exceeded),
        ("request_throttle_wait_count", &statistics.waits),
        // What ZooKeeper has no limit for.
        ("slow_clients_closed", &statistics.slow_clients_closed),
        ("watches_rejected", &statistics.watches_rejected),
        ("reads_rejected", &statistics.reads_rejected),
    ];
    for (name, counter) in counters {
        page.line(name, counter.get());
    }
}

fn summaries(page: &mut Page, shared: &Shared) {
    let statistics = &shared.statistics;
    let summaries = [
        ("node_created_watch_count", &statistics.created_watchers),
        ("node_deleted_watch_count", &statistics.deleted_watchers),
        ("fsynctime", &*statistics.syncs),
        ("snapshottime", &statistics.snapshots),
        ("sync_processor_batch_size", &statistics.batches),
        ("node_children_watch_count", &statistics.children_watchers),
        ("node_changed_watch_count", &statistics.changed_watchers),
    ];
    for (name, summary) in summaries {
        page.summary(name, summary);
    }
    page.quantiles("updatelatency", &statistics.writes);
    page.quantiles("readlatency", &statistics.reads);
}
