//! What operators see and set: four-letter words and quotas. The checks count, so nothing may run
//! beside them.

use std::collections::BTreeMap;

use pinfold_proto::records::AddWatchRequest;
use pinfold_proto::{ErrorCode, MultiOpResult, OpCode};

use super::check::{Check, Code, Outcome, Stop, differs, holds, same};
use super::client::Client;
use super::context::Context;
use super::requests::{create, part_create, part_delete, part_set, set};

/// Takes from `text` what a `#` stands for: a number.
fn number(text: &str) -> Option<&str> {
    let signed = text.strip_prefix('-').unwrap_or(text);
    let digits = signed.strip_prefix("0x").unwrap_or(signed);
    let end = digits.find(|sign: char| !sign.is_ascii_hexdigit()).unwrap_or(digits.len());
    (end > 0).then(|| &digits[end..])
}

/// Whether a line is as the pattern says: `#` stands for a number, `~` for the rest of the line.
fn fits(mut line: &str, pattern: &str) -> bool {
    for sign in pattern.chars() {
        let rest = match sign {
            '~' => return true,
            '#' => number(line),
            sign => line.strip_prefix(sign),
        };
        match rest {
            Some(rest) => line = rest,
            None => return false,
        }
    }
    line.is_empty()
}

/// Goes on when every line is as its pattern says, and there are no others.
fn shape(text: &str, patterns: &[&str]) -> Outcome {
    let lines: Vec<&str> = text.lines().collect();
    for (line, pattern) in lines.iter().zip(patterns) {
        if !fits(line, pattern) {
            return Err(differs("a line of the answer", pattern, line));
        }
    }
    same("the number of lines", lines.len(), patterns.len())?;
    holds("the last line ends", text.ends_with('\n'), &text)
}

const SERVER: [&str; 7] = [
    "Latency min/avg/max: #/#.#/#",
    "Received: #",
    "Sent: #",
    "Connections: #",
    "Outstanding: #",
    "Zxid: 0x#",
    "Mode: ~",
];

fn ruok(context: &mut Context) -> Outcome {
    same("the answer to ruok", context.word("ruok")?.as_str(), "imok")
}

fn isro(context: &mut Context) -> Outcome {
    same("the answer to isro", context.word("isro")?.as_str(), "rw")
}

fn srvr(context: &mut Context) -> Outcome {
    let text = context.word("srvr")?;
    let mut patterns = vec!["Zookeeper version: ~"];
    patterns.extend(SERVER);
    // A leader adds the sizes of proposals before it.
    if text.contains("Proposal sizes") {
        patterns.push("Proposal sizes last/min/max: #/#/#");
    }
    patterns.push("Node count: #");
    shape(&text, &patterns)
}

fn stat(context: &mut Context) -> Outcome {
    let _client = context.connect()?;
    let text = context.word("stat")?;
    let is_client = |line: &&str| line.starts_with(" /");
    let clients = text.lines().filter(is_client).count();
    for line in text.lines().filter(is_client) {
        let rest = line.rsplit_once('[').map_or("", |(_, rest)| rest);
        let is_so = fits(rest, "#](queued=#,recved=#,sent=#)");
        holds("a client's line", is_so, &line)?;
    }
    let mut patterns = vec!["Zookeeper version: ~", "Clients:"];
    patterns.extend(vec![" /~"; clients]);
    patterns.push("");
    patterns.extend(SERVER);
    if text.contains("Proposal sizes") {
        patterns.push("Proposal sizes last/min/max: #/#/#");
    }
    patterns.push("Node count: #");
    shape(&text, &patterns)
}

fn figures(context: &Context) -> Result<BTreeMap<String, String>, Stop> {
    let text = context.word("mntr")?;
    let mut figures = BTreeMap::new();
    for line in text.lines() {
        match line.split_once('\t') {
            Some((name, value)) if name.starts_with("zk_") => {
                figures.insert(name.to_owned(), value.to_owned());
            }
            _ => return Err(differs("a line of mntr", "zk_NAME, a tab, a value", line)),
        }
    }
    Ok(figures)
}

/// What monitors plot.
const FIGURES: [&str; 16] = [
    "min_latency",
    "max_latency",
    "packets_received",
    "packets_sent",
    "num_alive_connections",
    "outstanding_requests",
    "znode_count",
    "watch_count",
    "ephemerals_count",
    "approximate_data_size",
    "open_file_descriptor_count",
    "max_file_descriptor_count",
    "uptime",
    "global_sessions",
    "connection_rejected",
    "stale_sessions_expired",
];

fn mntr(context: &mut Context) -> Outcome {
    let figures = figures(context)?;
    for name in FIGURES {
        let value = figures.get(&format!("zk_{name}")).map_or("missing", String::as_str);
        holds(&format!("zk_{name} is a number"), fits(value, "#"), &value)?;
    }
    let average = figures.get("zk_avg_latency").map_or("missing", String::as_str);
    holds("zk_avg_latency has a point", fits(average, "#.#"), &average)?;
    for name in ["zk_version", "zk_server_state"] {
        holds(name, figures.contains_key(name), &figures)?;
    }
    Ok(())
}

fn true_figures(context: &mut Context) -> Outcome {
    const NAMES: [&str; 4] = ["znode_count", "ephemerals_count", "watch_count", "global_sessions"];
    let counts = || -> Result<Vec<i64>, Stop> {
        let figures = figures(context)?;
        let figure = |name: &&str| figures.get(&format!("zk_{name}"));
        let count = |name| figure(name).and_then(|text| text.parse().ok()).unwrap_or(-1);
        Ok(NAMES.iter().map(count).collect())
    };
    let mut client = context.connect()?;
    let before = counts()?;
    client.create_as(&context.path("/e"), 1)?;
    client.create(&context.path("/p"), "data")?;
    client.get(&context.path("/p"), true)?;
    client.children(&context.path("/p"), true)?;
    let other = context.connect()?;
    let grown = |now: Vec<i64>| -> Vec<i64> {
        now.iter().zip(&before).map(|(now, before)| now - before).collect()
    };
    same("nodes, ephemerals, watches, sessions", grown(counts()?), [2, 1, 2, 1])?;
    other.close()?;
    client.close()?;
    // The connection's watches go with it; its session was there before.
    let patience = std::time::Duration::from_secs(5);
    context.until("ephemeral, watches and sessions are gone", patience, || {
        Ok(grown(counts()?) == [1, 0, 0, -1])
    })
}

fn cons(context: &mut Context) -> Outcome {
    let client = context.connect()?;
    let text = context.word("cons")?;
    let sid = format!("sid={:#x},", client.session.id());
    let line = text.lines().find(|line| line.contains(&sid)).unwrap_or("");
    let fields = line.rsplit_once('[').map_or("", |(_, rest)| rest);
    let wanted = "#](queued=#,recved=#,sent=#,sid=0x#,lop=SESS,est=#,to=#,lcxid=0x#,lzxid=0x#,\
                  lresp=#,llat=#,minlat=#,avglat=#,maxlat=#)";
    holds("the line of a new session in cons", fits(fields, wanted), &line)
}

fn dump(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    client.create_as(&context.path("/e"), 1)?;
    let text = context.word("dump")?;
    let owned = format!("\n{:#x}:\n\t{}\n", client.session.id(), context.path("/e"));
    holds("the session's ephemeral is in dump", text.contains(&owned), &text)
}

fn watch_words(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/w");
    client.create(&path, "")?;
    client.get(&path, true)?;
    client.call(OpCode::AddWatch, &AddWatchRequest { path: path.clone(), mode: 1 })?;
    let id = format!("{:#x}", client.session.id());
    let by_session = context.word("wchc")?;
    let wanted = format!("{id}\n\t{path}\n");
    holds("the session and its path in wchc", by_session.contains(&wanted), &by_session)?;
    let by_path = context.word("wchp")?;
    let wanted = format!("{path}\n\t{id}\n");
    holds("the path and its session in wchp", by_path.contains(&wanted), &by_path)?;
    let text = context.word("wchs")?;
    shape(&text, &["# connections watching # paths", "Total watches:#"])
}

fn no_words(context: &mut Context) -> Outcome {
    for bytes in [[0xff, 0xf4, 0xff, 0xfd], *b"RUOK", *b"none"] {
        let mut socket = context.socket()?;
        socket.send(&bytes)?;
        socket.finish();
        same(&format!("bytes after {bytes:02x?}"), socket.rest()?.len(), 0)?;
    }
    Ok(())
}

const QUOTA: &str = "/zookeeper/quota";

/// A node with this quota, made as zkCli makes it: parents, limits, figures.
fn with_quota(context: &Context, client: &mut Client, limits: &str) -> Result<String, Stop> {
    let path = context.path("/q");
    client.create(&path, "1234")?;
    let mut parent = QUOTA.to_owned();
    for name in path.split('/').skip(1) {
        parent = format!("{parent}/{name}");
        // Another check may have made the upper ones.
        client.call(OpCode::Create, &create(&parent, "", 0))?;
    }
    client.create(&format!("{parent}/zookeeper_limits"), limits)?;
    client.create(&format!("{parent}/zookeeper_stats"), "count=0,bytes=0")?;
    Ok(path)
}

fn figures_of(client: &mut Client, path: &str) -> Result<String, Stop> {
    let (data, _) = client.get(&format!("{QUOTA}{path}/zookeeper_stats"), false)?;
    Ok(String::from_utf8_lossy(&data.unwrap_or_default()).into_owned())
}

fn quota_figures(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = with_quota(context, &mut client, "count=100,bytes=1000")?;
    let what = "the figures";
    same(what, figures_of(&mut client, &path)?.as_str(), "count=1,bytes=4")?;
    client.create(&format!("{path}/a"), "12")?;
    client.create(&format!("{path}/a/b"), "123")?;
    same(what, figures_of(&mut client, &path)?.as_str(), "count=3,bytes=9")?;
    client.set(&format!("{path}/a"), "")?;
    client.delete(&format!("{path}/a/b"))?;
    same(what, figures_of(&mut client, &path)?.as_str(), "count=2,bytes=4")?;
    client.multi(vec![part_create(&format!("{path}/m"), 0), part_set(&path, "1", -1)])?;
    same(what, figures_of(&mut client, &path)?.as_str(), "count=3,bytes=1")?;
    client.multi(vec![part_delete(&format!("{path}/m")), part_delete(&format!("{path}/none"))])?;
    same(what, figures_of(&mut client, &path)?.as_str(), "count=3,bytes=1")?;
    let mut other = context.connect()?;
    other.create_as(&format!("{path}/e"), 1)?;
    same("with an ephemeral", figures_of(&mut client, &path)?.as_str(), "count=4,bytes=1")?;
    other.close()?;
    same("without it", figures_of(&mut client, &path)?.as_str(), "count=3,bytes=1")?;
    let stat = client.stat(&format!("{QUOTA}{path}/zookeeper_stats"))?;
    same("the version of the node with the figures", stat.version, 0)
}

fn hard_quota(context: &mut Context) -> Outcome {
    if !context.options.enforces_quotas {
        return Err(Stop::NotEnabled("quotas (enforceQuota=true, and --quotas here)".into()));
    }
    let mut client = context.connect()?;
    let limits = "count=1,bytes=1=;byteHardLimit=10;countHardLimit=3";
    let path = with_quota(context, &mut client, limits)?;
    let child = |name: &str, data: &str| create(&format!("{path}/{name}"), data, 0);
    client.answers(OpCode::Create, &child("a", "1234567"), ErrorCode::QuotaExceeded)?;
    client.answers(OpCode::Create, &child("a", "123456"), ErrorCode::Ok)?;
    client.answers(OpCode::SetData, &set(&path, "12345", 9), ErrorCode::QuotaExceeded)?;
    client.answers(OpCode::SetData, &set(&path, "123", 9), ErrorCode::BadVersion)?;
    client.answers(OpCode::Create, &child("b", ""), ErrorCode::Ok)?;
    client.answers(OpCode::Create, &child("c", ""), ErrorCode::QuotaExceeded)?;
    client.answers(OpCode::Create, &child("b", ""), ErrorCode::NodeExists)?;
    let (_, results) = client.multi(vec![part_create(&format!("{path}/c"), 0)])?;
    same("the same in a multi", results, [MultiOpResult::Error(-125)])?;
    client.delete(&format!("{QUOTA}{path}/zookeeper_limits"))?;
    same("without limits", client.code(OpCode::Create, &child("c", ""))?, Code(0))
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        item: "55",
        title: "counts are true; watches and ephemerals go with their session",
        run: true_figures,
    },
    Check { item: "62", title: "the figures of a quota follow every change", run: quota_figures },
    Check {
        item: "62",
        title: "hard limits refuse, and are told before a wrong version",
        run: hard_quota,
    },
    Check { item: "63", title: "ruok", run: ruok },
    Check { item: "63", title: "isro", run: isro },
    Check { item: "63", title: "srvr", run: srvr },
    Check { item: "63", title: "stat", run: stat },
    Check { item: "63", title: "mntr", run: mntr },
    Check { item: "63", title: "cons", run: cons },
    Check { item: "63", title: "dump", run: dump },
    Check { item: "63", title: "wchs, wchc, wchp", run: watch_words },
    Check { item: "63", title: "what is no word is answered by a close", run: no_words },
];
