//! A running driver: commands in, lines out, sorted by client.

use serde_json::Value;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a line may take before the case is given up. Only a hang comes near it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to start the driver of one language.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The language, as in the matrix.
    pub language: String,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// A driver process.
pub struct Driver {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// Lines received and not yet expected, by client.
    waiting: HashMap<String, VecDeque<Value>>,
}

impl Driver {
    /// Starts the process.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(launch: &Launch) -> Result<Driver, String> {
        let (program, arguments) = launch.command.split_first().ok_or("an empty command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                let value = serde_json::from_str(&line)
                    .unwrap_or_else(|_| serde_json::json!({"client": "", "garbage": line}));
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        Ok(Driver { child, stdin, lines, waiting: HashMap::new() })
    }

    /// Sends one command.
    ///
    /// # Errors
    /// The driver has ended.
    pub fn send(&mut self, command: &Value) -> Result<(), String> {
        let stdin = self.stdin.as_mut().ok_or("the driver's input is closed")?;
        let sent = writeln!(stdin, "{command}").and_then(|()| stdin.flush());
        sent.map_err(|error| format!("the driver ended: {error}"))
    }

    /// The client's next line. State lines other than `connected` at the start of a session are
    /// not part of a case and are passed over.
    ///
    /// # Errors
    /// No line came in time, or the driver ended.
    pub fn next(&mut self, client: &str) -> Result<Value, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.waiting.get_mut(client).and_then(VecDeque::pop_front) {
                if is_passing_state(&line) {
                    continue;
                }
                return Ok(line);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("{client}: nothing came within {PATIENCE:?}"));
                }
                Err(RecvTimeoutError::Disconnected) => return Err("the driver ended".into()),
            };
            let Some(owner) = line.get("client").and_then(Value::as_str) else {
                return Err(format!("a line without a client: {line}"));
            };
            if owner.is_empty() {
                return Err(format!("not a line of the protocol: {line}"));
            }
            self.waiting.entry(owner.to_owned()).or_default().push_back(line);
        }
    }

    /// Lines of a client that nothing expected.
    pub fn rest(&mut self, client: &str) -> Vec<Value> {
        let mut rest: Vec<Value> = self.waiting.remove(client).unwrap_or_default().into();
        rest.retain(|line| !is_passing_state(line));
        rest
    }

    /// Ends the driver in the regular way.
    ///
    /// # Errors
    /// It did not end with status 0.
    pub fn finish(mut self) -> Result<(), String> {
        self.send(&serde_json::json!({"do": "exit"}))?;
        self.stdin = None;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the driver ended with {status}")) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // After `finish` it is gone already, and both calls fail without harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_passing_state(line: &Value) -> bool {
    let state = line.get("state").and_then(Value::as_str);
    matches!(state, Some("connecting" | "suspended" | "closed"))
}
