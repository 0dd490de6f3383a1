//! What the person at the terminal sees while it runs.

use super::gauge::Reading;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// On a terminal one line that is rewritten; elsewhere a plain line every two seconds.
pub(super) struct Progress {
    terminal: bool,
    total: usize,
    started: Instant,
    shown: Option<Instant>,
    /// Time and number done at the start of the current second, for the rate.
    mark: (Instant, usize),
    rate: f64,
}

impl Progress {
    pub(super) fn new(total: usize) -> Progress {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Progress { terminal, total, started: now, shown: None, mark: (now, 0), rate: 0.0 }
    }

    /// Something happened: a line that stays.
    pub(super) fn tell(&self, what: impl std::fmt::Display) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        eprintln!("{clear}{:6.1}s  {what}", self.started.elapsed().as_secs_f64());
    }

    /// The state of the work; shown as often as is useful. `None`: the server does not answer.
    pub(super) fn show(&mut self, master: &str, reading: Option<&Reading>) {
        let now = Instant::now();
        let pause = if self.terminal { 200 } else { 2_000 };
        if self.shown.is_some_and(|shown| now - shown < Duration::from_millis(pause)) {
            return;
        }
        self.shown = Some(now);
        let Some(reading) = reading else {
            return self.line("the server does not answer; everybody waits");
        };
        let since = now - self.mark.0;
        if since >= Duration::from_secs(1) {
            self.rate = reading.done.saturating_sub(self.mark.1) as f64 / since.as_secs_f64();
            self.mark = (now, reading.done);
        }
        let Reading { waiting, assigned, done, dead, workers } = reading;
        let master = if master.is_empty() { "none" } else { master };
        let dead = if *dead > 0 { format!(" · dead {dead}") } else { String::new() };
        self.line(&format!(
            "master {master} · workers {workers} · waiting {waiting} · assigned {assigned} · \
             done {done}/{total}{dead} · {rate:.0} tasks/s",
            total = self.total,
            rate = self.rate,
        ));
    }

    fn line(&self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        if self.terminal {
            eprint!("\r\x1b[K{seconds:6.1}s  {text}");
            // Only a broken terminal fails here, and then there is nobody to tell.
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{seconds:6.1}s  {text}");
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
