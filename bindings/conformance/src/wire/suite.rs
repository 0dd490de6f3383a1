//! The conformance suite: what any server compatible to ZooKeeper does, looked at byte by byte.
//!
//! It works below a node of its own, which it removes at the end, and needs nothing of a server
//! but its address. See WIRE.md.

mod change;
mod check;
mod client;
mod command;
mod context;
mod create;
mod differences;
mod elsewhere;
mod ephemerals;
mod frames;
mod matrix;
mod multi;
mod operation;
mod report;
mod requests;
mod session;
mod stat;
mod trail;
mod watches;
mod zxid;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

pub use check::{Check, Group, Outcome, Stop};
pub use command::{command, show};
pub use context::{Context, Options};
pub use differences::{DIFFERENCES, Difference};
pub use elsewhere::{ELSEWHERE, Elsewhere};
pub use report::{Line, Report, Verdict, list};

use crate::wire::{Ended, Session, handshake};
use pinfold_proto::OpCode;
use requests::{create, delete, read};

/// Every group, in the order of a report.
pub const GROUPS: &[Group] = &[
    Group { name: "sessions", checks: session::CHECKS, alone: false },
    Group { name: "frames", checks: frames::CHECKS, alone: false },
    Group { name: "zxids", checks: zxid::CHECKS, alone: true },
    Group { name: "stat", checks: stat::CHECKS, alone: false },
    Group { name: "create", checks: create::CHECKS, alone: false },
    Group { name: "changes and reads", checks: change::CHECKS, alone: false },
    Group { name: "multi", checks: multi::CHECKS, alone: false },
    Group { name: "watches", checks: watches::CHECKS, alone: false },
    Group { name: "table of watches", checks: matrix::CHECKS, alone: false },
    Group { name: "ephemerals", checks: ephemerals::CHECKS, alone: false },
    Group { name: "operation", checks: operation::CHECKS, alone: true },
];

/// How many checks run at once.
const THREADS: usize = 8;

/// Runs the checks that `is_wanted` names against the server at `address` (`host:port`).
///
/// # Errors
/// The server gives no session or lets nobody create a node.
pub fn run(
    address: &str,
    options: &Options,
    is_wanted: impl Fn(&Check) -> bool,
) -> Result<Report, String> {
    let root = make_root(address)?;
    let mut report = Report::default();
    for is_alone in [true, false] {
        let wanted = GROUPS.iter().filter(|group| group.alone == is_alone);
        let jobs = wanted.flat_map(|group| group.checks.iter().map(|check| (group.name, check)));
        let jobs: VecDeque<_> = jobs.filter(|(_, check)| is_wanted(check)).enumerate().collect();
        let queue = Mutex::new(jobs);
        let lines = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..if is_alone { 1 } else { THREADS } {
                scope.spawn(|| {
                    // The lock is held for no longer than this line.
                    while let Some((number, (group, check))) = next(&queue) {
                        let name = format!("{root}/{}{number}", group.replace(' ', "-"));
                        let line = play(address, options, &name, group, check);
                        push(&lines, (number, line));
                    }
                });
            }
        });
        let mut lines = lines.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        lines.sort_by_key(|(number, _)| *number);
        report.lines.extend(lines.into_iter().map(|(_, line)| line));
    }
    report.sort();
    remove(address, options, &root);
    Ok(report)
}

fn next<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
    queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front()
}

fn push<T>(lines: &Mutex<Vec<T>>, line: T) {
    lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
}

fn play(address: &str, options: &Options, root: &str, group: &'static str, check: &Check) -> Line {
    let mut context = Context::new(address, options, root.to_owned());
    let outcome =
        context.connect().and_then(|mut client| client.create(root, "").map(drop)).and_then(|()| {
            context.forget();
            (check.run)(&mut context)
        });
    let verdict = match outcome {
        Ok(()) => Verdict::Passed,
        Err(Stop::NotEnabled(what)) => Verdict::NotEnabled { needs: what },
        Err(Stop::Differs { what, expected, seen }) => {
            Verdict::Failed { what, expected, seen, said: context.said() }
        }
    };
    Line { group, item: check.item, title: check.title, verdict }
}

/// A session for what is done before and after the checks.
fn session(address: &str) -> Result<Session, Ended> {
    Session::open(address, &handshake(30_000), Duration::from_secs(30))
}

fn make_root(address: &str) -> Result<String, String> {
    let make = || {
        let mut session = session(address)?;
        let reply = session.call(OpCode::Create, &create("/conformance-", "", 2))?;
        let path = reply.record::<pinfold_proto::records::CreateResponse>();
        session.call_raw(OpCode::CloseSession.code(), &[])?;
        path.map(|record| record.path).map_err(Ended::Broken)
    };
    make().map_err(|error: Ended| format!("{address}: making a node to work in: {error}"))
}

/// Removes what the checks have left. What others may not delete stays.
fn remove(address: &str, options: &Options, root: &str) {
    let Ok(mut session) = session(address) else { return };
    if let Some(credentials) = &options.superuser {
        let auth = Some(bytes::Bytes::copy_from_slice(credentials.as_bytes()));
        let packet = pinfold_proto::records::AuthPacket { kind: 0, scheme: "digest".into(), auth };
        // Without it less can be removed.
        let _ = session.call(OpCode::Auth, &packet);
    }
    for path in [format!("/zookeeper/quota{root}"), root.to_owned()] {
        remove_below(&mut session, &path, 0);
    }
    // Nothing depends on its answer.
    let _ = session.call_raw(OpCode::CloseSession.code(), &[]);
}

fn remove_below(session: &mut Session, path: &str, depth: usize) {
    let Ok(reply) = session.call(OpCode::GetChildren, &read(path)) else { return };
    let children = reply.record::<pinfold_proto::records::GetChildrenResponse>();
    // No check goes deeper; a server that lists a node as its own child must not hold us up.
    for name in children.map(|record| record.children).unwrap_or_default() {
        if depth < 16 {
            remove_below(session, &format!("{path}/{name}"), depth + 1);
        }
    }
    // What cannot be removed stays.
    let _ = session.call(OpCode::Delete, &delete(path, -1));
}

#[cfg(test)]
mod tests {
    use super::{DIFFERENCES, GROUPS};
    use std::collections::BTreeSet;

    #[test]
    fn titles_name_one_check_each_and_differences_name_checks() {
        let titles: Vec<&str> =
            GROUPS.iter().flat_map(|group| group.checks).map(|check| check.title).collect();
        let different: BTreeSet<&str> = titles.iter().copied().collect();
        assert_eq!(titles.len(), different.len());
        assert!(DIFFERENCES.iter().all(|difference| different.contains(difference.title)));
    }
}
