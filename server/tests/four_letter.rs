//! Four-letter words, as monitors read them.
//!
//! Each text is held against the pattern that ZooKeeper's has. In a pattern `#` stands for a
//! number, `~` for the rest of the line; everything else stands for itself.

mod wire;

use std::collections::{BTreeMap, BTreeSet};

use pinfold_proto::OpCode;
use pinfold_proto::records::{AddWatchRequest, GetDataRequest};
use pinfold_server::config::Words;
use pinfold_server::{Config, Server};
use wire::{Target, Wire, create};

fn ask(address: &str, word: &str) -> String {
    let mut wire = Wire::raw(address);
    wire.send_bytes(word.as_bytes());
    wire.text()
}

/// Takes from `text` what a `#` stands for.
fn number(text: &str) -> Option<&str> {
    let signed = text.strip_prefix('-').unwrap_or(text);
    let signed = signed.strip_prefix("0x").unwrap_or(signed);
    let end = signed.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(signed.len());
    (end > 0).then(|| &signed[end..])
}

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

#[track_caller]
fn assert_shape(text: &str, patterns: &[&str]) {
    assert!(text.ends_with('\n'), "the last line is not whole: {text}");
    let lines: Vec<&str> = text.lines().collect();
    for (line, pattern) in lines.iter().zip(patterns) {
        assert!(fits(line, pattern), "{line:?} is not {pattern:?} in:\n{text}");
    }
    assert_eq!(lines.len(), patterns.len(), "{text}");
}

const VERSION: &str = "Zookeeper version: 3.9.5-~";
const SERVER: [&str; 8] = [
    "Latency min/avg/max: #/#.#/#",
    "Received: #",
    "Sent: #",
    "Connections: #",
    "Outstanding: 0",
    "Zxid: 0x#",
    "Mode: standalone",
    "Node count: #",
];

#[test]
fn srvr_and_stat() {
    let target = Target::new();
    let wire = target.connect();
    let text = ask(&target.address, "srvr");
    assert_shape(&text, &[&[VERSION], &SERVER[..]].concat());
    let text = ask(&target.address, "stat");
    let clients = text.lines().filter(|line| line.starts_with(" /")).count();
    let mut patterns = vec![VERSION, "Clients:"];
    patterns.extend(vec![" /127.0.0.1:#[#](queued=0,recved=#,sent=#)"; clients]);
    patterns.push("");
    patterns.extend(SERVER);
    assert_shape(&text, &patterns);
    let port = wire.stream.local_addr().unwrap().port();
    let own = format!(" /127.0.0.1:{port}[1](queued=0,recved=1,sent=1)");
    assert!(text.lines().any(|line| line == own), "{own} in {text}");
    // Whoever asks is there as well, with nothing but the question.
    assert!(text.contains("[0](queued=0,recved=1,sent=0)\n"), "{text}");
}

/// The fields of this connection's line in `cons`.
fn fields(target: &Target, wire: &Wire) -> BTreeMap<String, String> {
    let text = ask(&target.address, "cons");
    let port = wire.stream.local_addr().unwrap().port();
    let start = format!(" /127.0.0.1:{port}[1](");
    let line = text.lines().find_map(|line| line.strip_prefix(start.as_str())).expect("our line");
    let pairs = line.trim_end_matches(')').split(',').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn cons_tells_of_the_last_answer() {
    let target = Target::new();
    let mut wire = target.connect();
    let text = ask(&target.address, "cons");
    let whole = " /127.0.0.1:#[1](queued=0,recved=#,sent=#,sid=0x#,lop=~";
    assert!(text.lines().any(|line| fits(line, whole)), "{text}");
    let names = [
        "queued", "recved", "sent", "sid", "lop", "est", "to", "lcxid", "lzxid", "lresp", "llat",
        "minlat", "avglat", "maxlat",
    ];
    let line = text.lines().find(|line| fits(line, whole)).unwrap();
    let places: Vec<_> = names.iter().map(|name| line.find(&format!("{name}="))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{line}");
    let seen = |wire: &Wire, operation: &str, xid: &str, received: &str, sent: &str| {
        let fields = fields(&target, wire);
        let (lop, lcxid) = (fields["lop"].as_str(), fields["lcxid"].as_str());
        assert_eq!((lop, lcxid), (operation, xid), "{fields:?}");
        let (recved, out) = (fields["recved"].as_str(), fields["sent"].as_str());
        assert_eq!((recved, out), (received, sent), "{fields:?}");
        assert_eq!(fields["sid"], format!("{:#x}", wire.session.session_id));
        assert_eq!(fields["to"], wire.session.timeout_ms.to_string());
        assert!(fields["minlat"].parse::<u64>().unwrap() <= fields["maxlat"].parse().unwrap());
        i64::from_str_radix(fields["lzxid"].trim_start_matches("0x"), 16).unwrap()
    };
    seen(&wire, "SESS", "0x0", "1", "1");
    let node = target.path("/node");
    let (header, _) = wire.call(OpCode::Create, &create(&node, "", 0));
    assert_eq!(seen(&wire, "CREA", "0x1", "2", "2"), header.zxid);
    // A write that failed is not named.
    wire.call(OpCode::Create, &create(&node, "", 0));
    seen(&wire, "NA", "0x2", "3", "3");
    // A read is, whatever came of it.
    wire.call(OpCode::GetData, &GetDataRequest { path: target.path("/none"), watch: false });
    seen(&wire, "GETD", "0x3", "4", "4");
    // Credentials are no operation.
    wire.auth("digest", "user:word");
    seen(&wire, "GETD", "0x3", "5", "5");
    // An event is sent, and asked for by nobody.
    wire.get(&node, true);
    target.connect().set(&node, "1");
    wire.event();
    seen(&wire, "GETD", "0x4", "6", "7");
}

#[test]
fn crst_forgets_what_connections_did() {
    let target = Target::new();
    let mut wire = target.connect();
    wire.get(&target.root, false);
    assert_eq!(ask(&target.address, "crst"), "Connection stats reset.\n");
    let fields = fields(&target, &wire);
    assert_eq!(fields.get("lcxid"), None);
    let expected = [
        ("recved", "0"),
        ("sent", "0"),
        ("lop", "NA"),
        ("lzxid", "0xffffffffffffffff"),
        ("lresp", "0"),
        ("llat", "0"),
        ("minlat", "0"),
        ("avglat", "0"),
        ("maxlat", "0"),
    ];
    for (name, value) in expected {
        assert_eq!(fields[name], value, "{name} of {fields:?}");
    }
}

fn monitored(target: &Target) -> BTreeMap<String, String> {
    let text = ask(&target.address, "mntr");
    let pair = |line: &str| {
        let (name, value) = line.split_once('\t').unwrap_or_else(|| panic!("{line:?}"));
        assert!(name.starts_with("zk_") && !value.is_empty(), "{line:?}");
        (name.to_owned(), value.to_owned())
    };
    text.lines().map(pair).collect()
}

/// What monitors plot, with whether it may have a point.
const FIGURES: [(&str, bool); 26] = [
    ("avg_latency", true),
    ("min_latency", false),
    ("max_latency", false),
    ("packets_received", false),
    ("packets_sent", false),
    ("num_alive_connections", false),
    ("outstanding_requests", false),
    ("znode_count", false),
    ("watch_count", false),
    ("ephemerals_count", false),
    ("approximate_data_size", false),
    ("open_file_descriptor_count", false),
    ("max_file_descriptor_count", false),
    ("uptime", false),
    ("global_sessions", false),
    ("local_sessions", false),
    ("connection_drop_count", false),
    ("connection_rejected", false),
    ("large_requests_rejected", false),
    ("stale_sessions_expired", false),
    ("auth_failed_count", false),
    ("bytes_received_count", false),
    ("avg_fsynctime", true),
    ("p99_readlatency", false),
    ("p999_updatelatency", false),
    ("cnt_node_changed_watch_count", false),
];

#[test]
fn mntr_has_the_figures_that_monitors_plot() {
    let target = Target::new();
    let figures = monitored(&target);
    assert!(figures["zk_version"].starts_with("3.9.5-"));
    assert_eq!(figures["zk_server_state"], "standalone");
    for (name, may_have_point) in FIGURES {
        let value = &figures[&format!("zk_{name}")];
        let pattern = if may_have_point { "#.#" } else { "#" };
        assert!(fits(value, pattern), "zk_{name} is {value:?}");
    }
}

#[test]
fn figures_are_true() {
    let target = Target::new();
    let mut wire = target.connect();
    let figure = |name: &str| monitored(&target)[&format!("zk_{name}")].parse::<i64>().unwrap();
    let names = [
        "znode_count",
        "ephemerals_count",
        "watch_count",
        "global_sessions",
        "cnt_updatelatency",
        "cnt_readlatency",
    ];
    let before = names.map(figure);
    wire.create_mode(&target.path("/e"), 1);
    wire.create(&target.path("/p"), "data");
    wire.get(&target.path("/p"), true);
    wire.watch_children(&target.path("/p"));
    let other = target.connect();
    let grown: Vec<i64> = names.map(figure).iter().zip(before).map(|(now, b)| now - b).collect();
    assert_eq!(grown, [2, 1, 2, 1, 3, 2]);
    if target.is_ours {
        // Those that have just been closed go in their own time; then only whoever asks is left
        // beside these two.
        while figure("num_alive_connections") > 3 {}
        assert!(figure("num_alive_connections") >= 3);
    }
    drop(other);
    // Of one text, because each question counts as well.
    let packets = || {
        let text = ask(&target.address, "srvr");
        let value = |name| text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        ["Received: ", "Sent: "].map(|name| value(name).parse::<i64>().unwrap())
    };
    let [received, sent] = packets();
    wire.get(&target.path("/p"), false);
    assert_eq!(packets(), [received + 2, sent + 2]);
    assert_eq!(figure("outstanding_requests"), 0);
}

#[test]
fn srst_forgets_what_the_server_did() {
    let target = Target::new();
    let mut wire = target.connect();
    wire.get(&target.root, false);
    assert_eq!(ask(&target.address, "srst"), "Server stats reset.\n");
    let figures = monitored(&target);
    // The answer to the word itself, then the question behind it.
    assert_eq!((&*figures["zk_packets_received"], &*figures["zk_packets_sent"]), ("1", "1"));
    for name in ["avg_latency", "avg_fsynctime"] {
        assert_eq!(figures[&format!("zk_{name}")], "0.0", "{name}");
    }
    for name in ["max_latency", "cnt_readlatency", "cnt_updatelatency", "p99_updatelatency"] {
        assert_eq!(figures[&format!("zk_{name}")], "0", "{name}");
    }
}

#[test]
fn conf_dirs_envi_and_hash() {
    let target = Target::new();
    let text = ask(&target.address, "conf");
    let patterns = [
        "clientPort=#",
        "secureClientPort=-1",
        "dataDir=/~",
        "dataDirSize=#",
        "dataLogDir=/~",
        "dataLogSize=#",
        "tickTime=#",
        "maxClientCnxns=#",
        "minSessionTimeout=#",
        "maxSessionTimeout=#",
        "clientPortListenBacklog=-1",
        "serverId=0",
    ];
    assert_shape(&text, &patterns);
    let port = target.address.rsplit(':').next().unwrap();
    assert!(text.starts_with(&format!("clientPort={port}\n")), "{text}");
    let text = ask(&target.address, "dirs");
    assert_shape(&text, &["datadir_size: #", "logdir_size: #"]);
    assert!(!text.ends_with("logdir_size: 0\n"), "the log is not empty");
    let text = ask(&target.address, "envi");
    assert!(text.starts_with("Environment:\nzookeeper.version=3.9.5-"), "{text}");
    for name in ["host.name", "os.name", "os.arch", "os.version", "user.dir", "os.memory.max"] {
        assert!(text.contains(&format!("\n{name}=")), "{name} in {text}");
    }
    for line in ask(&target.address, "hash").lines().filter(|line| !line.is_empty()) {
        assert!(fits(line, "#: #"), "{line}");
    }
}

#[test]
fn dump_shows_sessions_ephemerals_and_connections() {
    let target = Target::new();
    let mut wire = target.connect();
    wire.create_mode(&target.path("/e2"), 1);
    wire.create_mode(&target.path("/e1"), 1);
    let text = ask(&target.address, "dump");
    let lines: Vec<&str> = text.lines().collect();
    let at = |pattern: &str| lines.iter().position(|line| fits(line, pattern));
    let order = [
        at("SessionTracker dump:"),
        at("Session Sets (#)/(#):"),
        at("ephemeral nodes dump:"),
        at("Sessions with Ephemerals (#):"),
        at("Connections dump:"),
        at("Connections Sets (#)/(#):"),
    ];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{text}");
    let session = format!("{:#x}", wire.session.session_id);
    let sessions = &lines[..order[2].unwrap()];
    let own = sessions.iter().position(|line| *line == format!("\t{session}")).expect("ours");
    let ends = sessions[..own].iter().rfind(|line| !line.starts_with('\t')).unwrap();
    assert!(fits(ends, "# expire at ~") && ends.ends_with(':'), "{ends}");
    let date = ends.trim_end_matches(':').split_once(" expire at ").unwrap().1;
    let words: Vec<&str> = date.split(' ').collect();
    assert!(words.len() == 6 && fits(words[3], "#:#:#") && fits(words[5], "#"), "{date}");
    let root = &target.root;
    let owned: BTreeSet<&str> = text
        .split_once(&format!("\n{session}:\n"))
        .expect("our ephemerals")
        .1
        .lines()
        .take(2)
        .collect();
    let expected = [format!("\t{root}/e1"), format!("\t{root}/e2")];
    assert_eq!(owned, expected.iter().map(String::as_str).collect());
    let port = wire.stream.local_addr().unwrap().port();
    let connection = format!("\tip: /127.0.0.1:{port} sessionId: {session}\n");
    assert!(text.contains(&connection), "{text}");
}

#[test]
fn watches_are_listed_by_session_and_by_path() {
    let target = Target::new();
    let (mut first, mut second) = (target.connect(), target.connect());
    let node = target.path("/node");
    first.create(&node, "");
    first.get(&node, true);
    first.exists(&target.path("/none"), true);
    // Watches on lists of children are not shown.
    first.watch_children(&target.root);
    let request = AddWatchRequest { path: node.clone(), mode: 1 };
    second.call(OpCode::AddWatch, &request);
    let ids = [&first, &second].map(|wire| format!("{:#x}", wire.session.session_id));
    let sections = |word: &str| {
        let text = ask(&target.address, word);
        assert!(text.ends_with("\n\n"), "{text:?}");
        let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut last = String::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix('\t') {
                Some(item) => {
                    sections.get_mut(&last).expect("a heading").insert(item.to_owned());
                }
                None => {
                    last = line.to_owned();
                    sections.insert(last.clone(), BTreeSet::new());
                }
            }
        }
        sections
    };
    let by_session = sections("wchc");
    let expected = BTreeSet::from([node.clone(), target.path("/none")]);
    assert_eq!(by_session[&ids[0]], expected);
    assert_eq!(by_session[&ids[1]], BTreeSet::from([node.clone()]));
    let by_path = sections("wchp");
    assert_eq!(by_path[&node], BTreeSet::from(ids.clone()));
    assert_eq!(by_path.get(&target.root), None);
    let text = ask(&target.address, "wchs");
    assert_shape(&text, &["# connections watching # paths", "Total watches:#"]);
    if target.is_ours {
        assert_eq!(text, "2 connections watching 2 paths\nTotal watches:3\n");
    }
}

#[test]
fn words_come_in_pieces_or_with_more_behind_them() {
    let target = Target::new();
    assert_eq!(ask(&target.address, "ruok\r\n"), "imok");
    assert_eq!(ask(&target.address, "isro and what not"), "rw");
    let mut wire = Wire::raw(&target.address);
    // Each byte in a packet of its own.
    "ruok".bytes().for_each(|byte| wire.send_bytes(&[byte]));
    assert_eq!(wire.text(), "imok");
    for bytes in [[0xff, 0xf4, 0xff, 0xfd], *b"RUOK", *b"none"] {
        let mut wire = Wire::raw(&target.address);
        wire.send_bytes(&bytes);
        assert_eq!(wire.text(), "", "{bytes:?}");
    }
}

#[test]
fn the_trace_mask_is_kept() {
    let target = Target::new();
    let set = |mask: i64| {
        let mut wire = Wire::raw(&target.address);
        wire.send_bytes(&[b"stmk", &mask.to_be_bytes()[..]].concat());
        wire.text()
    };
    assert_eq!(set(0x1ff), "511");
    assert_eq!(ask(&target.address, "gtmk"), "511");
    assert_eq!(set(-2), "-2");
    assert_eq!(set(306), "306");
    if target.is_ours {
        // ZooKeeper gives up unless all of it comes at once.
        let mut wire = Wire::raw(&target.address);
        wire.send_bytes(b"stmk\0\0\0");
        wire.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(wire.text(), "");
        assert_eq!(ask(&target.address, "gtmk"), "306");
    }
}

#[test]
fn words_that_are_not_listed_are_refused() {
    let config = Config {
        listen: "127.0.0.1:0".into(),
        four_letter_words: Words::Some(BTreeSet::from(["isro".to_owned()])),
        ..Config::default()
    };
    let server = Server::builder().config(config).temporary_data_dir().start().unwrap();
    for word in ["ruok", "stmk", "hash"] {
        let refused = format!("{word} is not executed because it is not in the whitelist.\n");
        assert_eq!(ask(&server.address(), word), refused);
    }
    assert_eq!(ask(&server.address(), "isro"), "rw");
    // Without it ZooKeeper's own scripts would not work.
    assert!(ask(&server.address(), "srvr").contains("Mode: standalone"));
}
