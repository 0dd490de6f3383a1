//! The shape of a case file.

use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// One scenario: what is done, and what each client must observe, in order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case shows, in a few words; also its name in the matrix.
    pub name: String,
    /// Clients get a chroot of their own unless this is false; the case's root is then `${root}`.
    #[serde(default = "yes")]
    pub chroot: bool,
    /// The steps, played in order.
    pub steps: Vec<Step>,
}

fn yes() -> bool {
    true
}

/// One step. Every line that a driver prints has to be expected by some step, in the order of that
/// client's lines; that is what makes each case also a test of the order of events and replies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Open a client, and wait until it is connected.
    Open {
        /// The client's name within the case.
        client: String,
        /// Asked session timeout in milliseconds.
        #[serde(default = "default_timeout")]
        session_timeout_ms: u32,
        /// Scheme and secret pairs.
        #[serde(default)]
        auth: Vec<(String, String)>,
        /// Through a relay, which `hold` and `release` break and mend.
        #[serde(default)]
        relayed: bool,
    },
    /// Break the connections of the relayed clients, and let none through.
    Hold {},
    /// Let the relayed clients through again.
    Release {},
    /// The client's next line is this state of its session.
    State {
        /// The client.
        client: String,
        /// The state; connecting, suspended and closed are passed over and cannot be waited for.
        state: String,
    },
    /// Make a call and wait for its reply, which must be the client's next line.
    Call {
        /// Who calls.
        client: String,
        /// The operation.
        op: String,
        /// Its arguments; `${name}` is replaced by what was bound.
        #[serde(default)]
        args: Value,
        /// A label, so that events can name the watch that this call armed.
        #[serde(default)]
        label: Option<String>,
        /// Pattern of the `ok` object.
        #[serde(default)]
        ok: Option<Value>,
        /// Pattern of the `error` object.
        #[serde(default)]
        error: Option<Value>,
    },
    /// Make a call and do not wait; `label` names it for a later `reply`.
    Send {
        /// Who calls.
        client: String,
        /// The operation.
        op: String,
        /// Its arguments.
        #[serde(default)]
        args: Value,
        /// Its label.
        label: String,
    },
    /// The client's next line is the reply to the call of that label.
    Reply {
        /// The client.
        client: String,
        /// The call.
        label: String,
        /// Pattern of the `ok` object.
        #[serde(default)]
        ok: Option<Value>,
        /// Pattern of the `error` object.
        #[serde(default)]
        error: Option<Value>,
    },
    /// The client's next line is an event of the watch that the call of that label armed.
    Event {
        /// The client.
        client: String,
        /// The arming call.
        label: String,
        /// An event kind of the drivers' protocol.
        kind: String,
        /// The path in the event.
        path: String,
    },
    /// Many calls in one go, then their lines, cycle by cycle.
    Burst {
        /// The client.
        client: String,
        /// How many calls.
        count: usize,
        /// The calls, used in turn.
        ops: Vec<BurstOp>,
        /// The lines that each turn produces.
        lines: Vec<BurstLine>,
    },
    /// Close a client and wait for its last line.
    Close {
        /// The client.
        client: String,
    },
}

fn default_timeout() -> u32 {
    10_000
}

/// A call of a burst.
#[derive(Debug, Deserialize, serde::Serialize)]
pub struct BurstOp {
    /// The operation.
    pub op: String,
    /// Its arguments; `$i` becomes the id of the call.
    pub args: Value,
}

/// A line that each turn of a burst produces; `{turn}` and `{turn:010}` in its strings become the
/// number of the turn, from 0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BurstLine {
    /// The reply to the turn's call of that index.
    Reply {
        /// Index into `ops`.
        op: usize,
        /// Pattern of the `ok` object.
        ok: Value,
    },
    /// An event of the watch that the turn's call of that index armed.
    Event {
        /// Index into `ops`.
        op: usize,
        /// The kind of event.
        kind: String,
        /// The path in the event.
        path: String,
    },
}

/// Reads every `*.json` of a folder, in the order of their names.
///
/// # Errors
/// A folder or file that cannot be read, or a file that is not a case; the text names the file.
pub fn read_all(folder: &Path) -> Result<Vec<Case>, String> {
    let fail = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let entries = std::fs::read_dir(folder).map_err(|error| fail(folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| fail(folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| fail(path, &error))?;
        serde_json::from_str(&text).map_err(|error| fail(path, &error))
    };
    paths.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::read_all;
    use std::path::Path;

    #[test]
    fn every_case_file_is_well_formed() {
        let cases = read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
        assert!(cases.is_ok_and(|cases| !cases.is_empty()));
    }
}
