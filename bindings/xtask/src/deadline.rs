//! An end for work that may hang: it is named, and the processes that it started are ended.

use crate::{Fallible, Fault};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Does this work; past the limit every process below this one is killed, and the work failed.
pub(crate) fn within(limit: Duration, work: impl FnOnce() -> Fallible) -> Fallible {
    let (done, ended) = channel::<()>();
    let watcher = std::thread::spawn(move || {
        let is_over = ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
        if is_over {
            kill_descendants();
        }
        is_over
    });
    let result = work();
    drop(done);
    if !watcher.join().unwrap_or_default() {
        return result;
    }
    let minutes = limit.as_secs() / 60;
    Err(Fault::new(format!(
        "ended after {minutes} minutes, the most that a part may take; \
         the last lines above tell what did not come to its end"
    )))
}

fn kill_descendants() {
    let parents = parents();
    let mut doomed = vec![std::process::id() as i32];
    let mut next = 0;
    while let Some(&parent) = doomed.get(next) {
        doomed.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    for pid in doomed.into_iter().skip(1).filter_map(Pid::from_raw) {
        // One that has ended by itself needs no signal.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Every process that the system names, with the one that started it.
fn parents() -> Vec<(i32, i32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let parent = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // After the name, which may hold anything: the state, and the parent.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((pid, parent))
    };
    entries.flatten().filter_map(parent).collect()
}

#[cfg(test)]
mod tests {
    use super::within;
    use crate::step;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        // The grandchild holds the pipe that its grandparent reads to the end.
        let hang = || step::output(Command::new("sh").args(["-c", "sleep 600 | cat"])).map(drop);
        let fault = within(Duration::from_millis(200), hang).unwrap_err();
        assert!(fault.to_string().contains("the most that a part may take"), "{fault}");
        within(Duration::from_secs(600), || Ok(())).unwrap();
    }
}
