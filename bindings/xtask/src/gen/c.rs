//! The C header and the list of exported symbols.
//!
//! Types and prototypes come from the C crate's sources by cbindgen; status codes and enumerators
//! from the glue's api table.

use crate::generate::Outputs;
use crate::workspace;
use pinfold_glue::api::{API, Enum};
use std::fmt::Write;
use std::path::PathBuf;

/// In the order of the header.
const SOURCES: &[&str] = &[
    "kinds",
    "version",
    "failure",
    "dispatch",
    "client",
    "znode",
    "session",
    "watch",
    "multi",
    "multi_read",
    "reply",
    "result",
    "options",
    "election",
    "lock",
    "barrier",
    "counter",
    "group",
    "cache",
    "queue",
    "master",
    "worker",
    "server",
];

pub(crate) fn outputs() -> Outputs {
    let header = header();
    let symbols = symbols(&header);
    vec![
        (PathBuf::from("include/pinfold.h"), header),
        (PathBuf::from("include/pinfold.symbols"), symbols),
    ]
}

fn header() -> String {
    let crate_folder = workspace::root().join("bindings/c");
    let mut config = match cbindgen::Config::from_file(crate_folder.join("cbindgen.toml")) {
        Ok(config) => config,
        Err(error) => panic!("bindings/c/cbindgen.toml: {error}"),
    };
    config.header = Some(PREAMBLE.trim_end().to_owned());
    config.after_includes = Some(vocabulary());
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(crate_folder.join("src").join(source).with_extension("rs"));
    }
    let mut text = Vec::new();
    match builder.generate() {
        Ok(bindings) => bindings.write(&mut text),
        Err(error) => panic!("cbindgen: {error}"),
    }
    tidy(&String::from_utf8_lossy(&text))
}

/// What cbindgen cannot say itself: a renamed pointer type keeps the space of a type name.
fn tidy(text: &str) -> String {
    let mut text = text.replace("* const *", "*const *");
    for pointer in ["const char *", "const void *", "_t *", "*const *"] {
        text = text.replace(&format!("{pointer} "), pointer);
    }
    let plain = |line: &str| match line.starts_with("typedef struct") {
        true => line.to_owned(),
        // The typedef's name is enough.
        false => line.trim_end().replace("struct pinfold_", "pinfold_"),
    };
    let lines: Vec<String> = text.lines().map(plain).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    short_comments(&lines).join("\n") + "\n"
}

/// Comments of one line, which cbindgen spreads over three, on one line.
fn short_comments(lines: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = lines;
    while let [line, after @ ..] = rest {
        rest = after;
        let indent = line.len() - line.trim_start().len();
        if let [text, end, after @ ..] = after
            && line.trim_start() == "/**"
            && end.trim_start() == "*/"
            && let Some(text) = text.trim_start().strip_prefix("* ")
            && indent + text.len() + 7 <= 100
        {
            out.push(format!("{}/** {text} */", " ".repeat(indent)));
            rest = after;
        } else {
            out.push((*line).to_owned());
        }
    }
    out
}

/// Every function of the header, one a line, sorted.
fn symbols(header: &str) -> String {
    let mut names: Vec<&str> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '*', '/', '#', '}']) && !line.contains("(*"))
        .filter_map(|line| line.split('(').next()?.split([' ', '*']).next_back())
        .filter(|name| name.starts_with("pinfold_") && !name.ends_with(';'))
        .filter(|name| header.contains(&format!("{name}(")))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join("\n") + "\n"
}

fn vocabulary() -> String {
    let mut out = String::from("\n");
    let mut version = API.version.split('.');
    for part in ["MAJOR", "MINOR", "PATCH"] {
        let number = version.next().unwrap_or("0");
        // Writing to a string cannot fail.
        let _ = writeln!(out, "#define PINFOLD_VERSION_{part} {number}");
    }
    let _ = writeln!(out, "#define PINFOLD_VERSION \"{}\"\n", API.version);
    out.push_str("/** For every `version` argument: whatever the version is. */\n");
    out.push_str("#define PINFOLD_ANY_VERSION (-1)\n\n");
    out.push_str("/** For every `timeout_ms` argument: wait for as long as it takes. */\n");
    out.push_str("#define PINFOLD_FOREVER (-1)\n\n");
    statuses(&mut out);
    for one in API.enums {
        enumeration(&mut out, one);
    }
    out.push_str(OWN_ENUMS);
    out
}

fn statuses(out: &mut String) {
    out.push_str(
        "/** What a call answers: 0 or a PINFOLD_ERR_ value. ZooKeeper's numbers; Pinfold's own\n \
         * are at or below -1000. A newer server may answer others. */\n\
         typedef int32_t pinfold_status_t;\n\nenum {\n    /** Success. */\n    PINFOLD_OK = 0,\n",
    );
    for error in API.errors {
        comment(out, error.doc);
        let _ = writeln!(out, "    PINFOLD_ERR_{} = {},", error.name, error.code);
    }
    close(out);
}

fn enumeration(out: &mut String, one: &Enum) {
    let name = one.name.strip_suffix("_kind").unwrap_or(one.name).to_uppercase();
    let _ = writeln!(out, "/** {} Values of int32_t. */\nenum {{", one.doc);
    for variant in one.variants {
        comment(out, variant.doc);
        let variant_name = variant.name.to_uppercase();
        let _ = writeln!(out, "    PINFOLD_{name}_{variant_name} = {},", variant.value);
    }
    close(out);
}

/// A comment of an enumerator, wrapped.
fn comment(out: &mut String, text: &str) {
    let mut line = String::from("    /**");
    for word in text.split_whitespace() {
        if line.len() + word.len() + 4 > 100 {
            let _ = writeln!(out, "{line}");
            line = String::from("     *");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line} */");
}

/// C99 allows the trailing comma of the last enumerator; C++98 does not.
fn close(out: &mut String) {
    out.truncate(out.trim_end().trim_end_matches(',').len());
    out.push_str("\n};\n\n");
}

const OWN_ENUMS: &str = "\
/** Who runs the callbacks of a client. Values of int32_t. */
enum {
    /** The library, on a thread of its own for each client. */
    PINFOLD_CALLBACKS_THREAD = 0,
    /** The caller, inside pinfold_client_poll. */
    PINFOLD_CALLBACKS_POLL = 1
};

/** Permissions of an ACL entry; a sum of them. Values of int32_t. */
enum {
    /** Read the data and list the children. */
    PINFOLD_PERM_READ = 1,
    /** Set the data. */
    PINFOLD_PERM_WRITE = 2,
    /** Create children. */
    PINFOLD_PERM_CREATE = 4,
    /** Delete children. */
    PINFOLD_PERM_DELETE = 8,
    /** Set the ACL. */
    PINFOLD_PERM_ADMIN = 16,
    /** All of them. */
    PINFOLD_PERM_ALL = 31
};
";

const PREAMBLE: &str = "\
/* pinfold.h: the C interface of Pinfold. Generated by `cargo x gen`; do not edit.
 *
 * Pinfold speaks the wire protocol of Apache ZooKeeper: a client of this header works against
 * Pinfold and against ZooKeeper.
 *
 * Rules that hold for every function, where its own comment does not say otherwise:
 *
 * Three forms. Each operation has a blocking form with a time limit and a reply, and an _async form
 * with a callback. In thread mode the library runs callbacks on a thread of its own, one per
 * client; in poll mode the caller runs them by pinfold_client_poll, and pinfold_client_fd tells
 * when. Operations take their place in the session's order when they are called.
 *
 * Order. Callbacks of a client never overlap, and come in the order in which the session saw
 * things: a watch's event before a reply that shows newer data.
 *
 * Inside callbacks everything may be called, blocking forms included; only pinfold_client_poll of
 * the same client answers PINFOLD_ERR_WOULD_DEADLOCK. A callback that blocks holds up the later
 * callbacks of its client, and nothing else: the session stays alive.
 *
 * Ownership. What is passed in is lent for the length of the call, and copied where it is needed
 * longer; user_data is kept until it is released by its destroy function, exactly once, on every
 * path. What a callback gets is valid inside the callback only. A blocking form writes a reply
 * whether it succeeds or fails, unless `reply` is NULL; the caller frees it by pinfold_reply_free.
 * Pointers that are read from a reply are valid as long as the reply.
 *
 * Time. timeout_ms limits the wait of a blocking form, in milliseconds, negative for ever. After
 * PINFOLD_ERR_TIMEOUT the operation goes on, and its outcome is not known.
 *
 * Errors. Functions answer a status and never abort: NULL, a handle that was freed or never was
 * (PINFOLD_ERR_INVALID_HANDLE), bad UTF-8 (PINFOLD_ERR_INVALID_ARGUMENT), a closed client
 * (PINFOLD_ERR_CLOSED), a handle from before a fork (PINFOLD_ERR_FORKED: a child makes a client of
 * its own) are errors like others.
 * Beside those named with each function, every operation can fail with
 * PINFOLD_ERR_CONNECTION_LOSS, PINFOLD_ERR_SESSION_EXPIRED, PINFOLD_ERR_BAD_ARGUMENTS,
 * PINFOLD_ERR_IN_FLIGHT_FULL. pinfold_reply_outcome tells whether anything may have been changed.
 *
 * Threads. Every function may be called from any thread. Strings are NUL-terminated UTF-8.
 */
";
