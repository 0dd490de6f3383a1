//! The reply: what an operation answered.
//!
//! One type for every operation, read by functions, so that new operations and new fields change
//! no layout. A function that asks for what the reply does not carry gets the empty answer.

use crate::argconv::CText;
use crate::failure::{Failure, INVALID_HANDLE, OK, c_string, caught, guard, remember};
use crate::kinds::{
    pinfold_acl_t, pinfold_counts_t, pinfold_reply_t, pinfold_stat_t, pinfold_status_t,
};
use crate::registry;
use crate::result::PartResult;
use bytes::Bytes;
use pinfold_glue::{Acl, ClientInfo, Field, Record, Value};
use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::ptr::{self, without_provenance};
use std::sync::Arc;

/// What an operation answered, with C strings made.
#[derive(Default)]
pub(crate) struct Reply {
    ticket: u64,
    failure: Option<Failure>,
    path: Option<CString>,
    stat: Option<pinfold_stat_t>,
    data: Option<Bytes>,
    names: Vec<CString>,
    paths: Vec<CString>,
    acl: Vec<Entry>,
    pub(crate) results: Vec<PartResult>,
    count: Option<i32>,
    /// Scheme and user.
    identities: Vec<(CString, CString)>,
    recipe: u64,
    token: i64,
    task: Option<CString>,
    worker: Option<CString>,
    attempt: u32,
    counts: Option<pinfold_counts_t>,
    holds: bool,
    number: i64,
    cause: Option<CString>,
    reason: Option<CString>,
    figures: Vec<(&'static str, i64)>,
    items: Items,
}

/// Replies inside a reply, by their handles, which go with it.
#[derive(Default)]
struct Items(Vec<usize>);

impl Drop for Items {
    fn drop(&mut self) {
        for handle in self.0.drain(..) {
            // Freed by its caller against the contract, it is gone already.
            let _ = registry::remove::<Reply>(without_provenance(handle));
        }
    }
}

/// An ACL entry.
struct Entry {
    perms: i32,
    scheme: CString,
    id: CString,
}

impl Reply {
    pub(crate) fn new(ticket: u64, result: Result<Value, Failure>) -> Reply {
        let mut reply = Reply { ticket, ..Reply::default() };
        match result {
            Ok(value) => reply.fill(value),
            Err(failure) => reply.failure = Some(failure),
        }
        reply
    }

    fn fill(&mut self, value: Value) {
        match value {
            Value::Done => {}
            Value::Created { path, stat } => {
                self.path = Some(c_string(&path));
                self.stat = Some((&stat).into());
            }
            Value::Exists(stat) => self.stat = stat.as_ref().map(Into::into),
            Value::Data { data, stat } => {
                self.data = data;
                self.stat = Some((&stat).into());
            }
            Value::Stat(stat) => self.stat = Some((&stat).into()),
            Value::Children { names, stat } => {
                self.names = names.iter().map(|name| c_string(name)).collect();
                self.stat = Some((&stat).into());
            }
            Value::Acl { acl, stat } => {
                self.acl = acl.iter().map(Entry::from).collect();
                self.stat = Some((&stat).into());
            }
            Value::Multi(results) => {
                self.results = results.iter().map(PartResult::from).collect();
            }
            Value::MultiRead(results) => {
                self.results = results.into_iter().map(PartResult::from).collect();
            }
            Value::Paths(paths) => self.paths = paths.iter().map(|path| c_string(path)).collect(),
            Value::Count(count) => self.count = Some(count),
            Value::Identities(identities) => {
                let identity = |one: &ClientInfo| (c_string(&one.scheme), c_string(&one.user));
                self.identities = identities.iter().map(identity).collect();
            }
            recipe => self.fill_from_recipe(recipe),
        }
    }

    fn fill_from_recipe(&mut self, value: Value) {
        match value {
            Value::Number(number) => self.number = number,
            Value::Bool(truth) => self.number = truth.into(),
            Value::Task(task) => self.task = Some(c_string(&task)),
            Value::Recipe(recipe) => self.recipe = recipe,
            Value::Record(record) => self.fill_from_record(record),
            Value::Records(records) => {
                for record in records {
                    let mut item = Reply { ticket: self.ticket, ..Reply::default() };
                    item.fill_from_record(record);
                    self.items.0.push(registry::insert(Arc::new(item)).addr());
                }
            }
            _ => {}
        }
    }

    /// A field of one name is read by the same function in every record.
    fn fill_from_record(&mut self, record: Record) {
        if record.get("master").is_some() {
            self.counts = Some(counts(&record));
        }
        for (name, field) in record.into_fields() {
            match (name, field) {
                ("data" | "payload" | "result" | "master", Field::Bytes(data)) => {
                    self.data = Some(data);
                }
                ("path", Field::Text(path)) => self.path = Some(c_string(&path)),
                ("task", Field::Text(task)) => self.task = Some(c_string(&task)),
                ("worker" | "id", Field::Text(worker)) => self.worker = Some(c_string(&worker)),
                ("cause", Field::Text(cause)) => self.cause = Some(c_string(&cause)),
                ("reason", Field::Text(reason)) => self.reason = Some(c_string(&reason)),
                ("attempt", Field::Int(attempt)) => self.attempt = attempt,
                ("token", Field::Long(token)) => self.token = token,
                ("recipe", Field::Handle(recipe)) => self.recipe = recipe,
                ("capacity", Field::Int(capacity)) => self.number = capacity.into(),
                ("holds", Field::Bool(holds)) => self.holds = holds,
                (name, Field::Long(number)) => self.figures.push((name, number)),
                (name, Field::Bool(truth)) => self.figures.push((name, truth.into())),
                _ => {}
            }
        }
    }

    /// The status that the operation answered.
    pub(crate) fn status(&self) -> pinfold_status_t {
        self.failure.as_ref().map_or(OK, |failure| failure.code)
    }
}

fn counts(record: &Record) -> pinfold_counts_t {
    let number = |name: &str| match record.get(name) {
        Some(Field::Int(number)) => *number,
        _ => 0,
    };
    pinfold_counts_t {
        waiting: number("waiting"),
        assigned: number("assigned"),
        done: number("done"),
        dead: number("dead"),
        workers: number("workers"),
        has_master: matches!(record.get("master"), Some(Field::Bytes(_))).into(),
    }
}

impl From<&Acl> for Entry {
    fn from(acl: &Acl) -> Entry {
        Entry { perms: acl.perms, scheme: c_string(&acl.id.scheme), id: c_string(&acl.id.id) }
    }
}

/// Reads a field; what cannot be read is `otherwise`.
pub(crate) fn field<T>(
    reply: *const pinfold_reply_t,
    otherwise: T,
    read: impl FnOnce(&Reply) -> T,
) -> T {
    match caught(|| Ok(read(&*registry::get::<Reply>(reply)?))) {
        Ok(value) => value,
        Err(failure) => {
            remember(&failure);
            otherwise
        }
    }
}

pub(crate) fn pointer(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

/// Frees a reply that a blocking call returned. NULL is allowed. Every pointer that was read from
/// it is invalid afterwards. A reply that a callback gets needs no free: it goes with the callback.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_free(reply: *mut pinfold_reply_t) -> pinfold_status_t {
    guard(|| registry::remove::<Reply>(reply).map(drop))
}

/// How the operation ended: `PINFOLD_OK`, or why it failed. `PINFOLD_ERR_INVALID_HANDLE` for NULL
/// and for a reply that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_status(reply: *const pinfold_reply_t) -> pinfold_status_t {
    field(reply, INVALID_HANDLE, Reply::status)
}

/// What happened, for people; empty for a success. Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_message(reply: *const pinfold_reply_t) -> *const c_char {
    field(reply, c"".as_ptr(), |reply| {
        reply.failure.as_ref().map_or(c"".as_ptr(), |failure| failure.message.as_ptr())
    })
}

/// The path that the error is about; NULL if it is about none. Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_error_path(reply: *const pinfold_reply_t) -> *const c_char {
    field(reply, ptr::null(), |reply| {
        pointer(reply.failure.as_ref().and_then(|failure| failure.path.as_ref()))
    })
}

/// What the failed operation may have changed: a `PINFOLD_OUTCOME_` value. Branch on this rather
/// than on the status when deciding whether to try again.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_outcome(reply: *const pinfold_reply_t) -> i32 {
    field(reply, 0, |reply| reply.failure.as_ref().map_or(0, |failure| failure.outcome))
}

/// Index of the operation of a multi that failed; -1 if that does not apply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_op_index(reply: *const pinfold_reply_t) -> i32 {
    field(reply, -1, |reply| {
        let index = reply.failure.as_ref().and_then(|failure| failure.op_index);
        index.and_then(|index| i32::try_from(index).ok()).unwrap_or(-1)
    })
}

/// The operation's ticket: ascending in call order within a client. It is also the id of the watch
/// that the operation armed (`pinfold_client_remove_watches`).
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_ticket(reply: *const pinfold_reply_t) -> u64 {
    field(reply, 0, |reply| reply.ticket)
}

/// Path of the created znode, with the counter of a sequential one; NULL if nothing was created.
/// Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_path(reply: *const pinfold_reply_t) -> *const c_char {
    field(reply, ptr::null(), |reply| pointer(reply.path.as_ref()))
}

/// Copies the znode's stat to `stat` and returns 1; returns 0 and leaves it alone if the reply has
/// none, which for exists means that there is no such znode. `stat` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_stat(
    reply: *const pinfold_reply_t,
    stat: Option<&mut MaybeUninit<pinfold_stat_t>>,
) -> i32 {
    field(reply, 0, |reply| copy_out(reply.stat, stat))
}

pub(crate) fn copy_out<T>(value: Option<T>, target: Option<&mut MaybeUninit<T>>) -> i32 {
    let found = value.is_some();
    if let (Some(value), Some(target)) = (value, target) {
        target.write(value);
    }
    found.into()
}

/// The data: a znode's, a leader's, a claimed task's payload, a task's result, a master's id. NULL
/// for none and for a znode's null data; `*length` is then 0. Not NUL-terminated. Valid as long as
/// the reply. `length` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_data(
    reply: *const pinfold_reply_t,
    length: Option<&mut MaybeUninit<usize>>,
) -> *const u8 {
    let (data, count) = field(reply, (ptr::null(), 0), |reply| {
        reply.data.as_ref().map_or((ptr::null(), 0), |data| (data.as_ptr(), data.len()))
    });
    if let Some(length) = length {
        length.write(count);
    }
    data
}

/// Number of children that get_children found.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_child_count(reply: *const pinfold_reply_t) -> usize {
    field(reply, 0, |reply| reply.names.len())
}

/// Name of a child, not its path; NULL at and after `pinfold_reply_child_count`. The order means
/// nothing. Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_child(
    reply: *const pinfold_reply_t,
    index: usize,
) -> *const c_char {
    field(reply, ptr::null(), |reply| pointer(reply.names.get(index)))
}

/// Number of paths that get_ephemerals found.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_path_count(reply: *const pinfold_reply_t) -> usize {
    field(reply, 0, |reply| reply.paths.len())
}

/// A path that get_ephemerals found; NULL at and after `pinfold_reply_path_count`. Sorted. Valid as
/// long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_path_at(
    reply: *const pinfold_reply_t,
    index: usize,
) -> *const c_char {
    field(reply, ptr::null(), |reply| pointer(reply.paths.get(index)))
}

/// What get_all_children_number counted; -1 if that does not apply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_all_children_number(reply: *const pinfold_reply_t) -> i32 {
    field(reply, -1, |reply| reply.count.unwrap_or(-1))
}

/// Number of identities that who_am_i found.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_identity_count(reply: *const pinfold_reply_t) -> usize {
    field(reply, 0, |reply| reply.identities.len())
}

/// Scheme of an identity; NULL at and after `pinfold_reply_identity_count`. Valid as long as the
/// reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_identity_scheme(
    reply: *const pinfold_reply_t,
    index: usize,
) -> *const c_char {
    field(reply, ptr::null(), |reply| {
        pointer(reply.identities.get(index).map(|identity| &identity.0))
    })
}

/// Who an identity is, in the form of its scheme and without secrets; NULL at and after
/// `pinfold_reply_identity_count`. Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_identity_user(
    reply: *const pinfold_reply_t,
    index: usize,
) -> *const c_char {
    field(reply, ptr::null(), |reply| {
        pointer(reply.identities.get(index).map(|identity| &identity.1))
    })
}

/// Number of entries that get_acl found.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_acl_count(reply: *const pinfold_reply_t) -> usize {
    field(reply, 0, |reply| reply.acl.len())
}

/// Copies an ACL entry to `acl` and returns 1; returns 0 and leaves it alone at and after
/// `pinfold_reply_acl_count`. Its strings are valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_acl(
    reply: *const pinfold_reply_t,
    index: usize,
    acl: Option<&mut MaybeUninit<pinfold_acl_t>>,
) -> i32 {
    field(reply, 0, |reply| {
        let entry = reply.acl.get(index).map(|entry| pinfold_acl_t {
            perms: entry.perms,
            scheme: entry.scheme.as_ptr(),
            id: entry.id.as_ptr(),
        });
        copy_out(entry, acl)
    })
}

/// Handle of the recipe that was started: a leadership, a claim, a master, a worker; 0 for none.
/// It is valid with the same client until the recipe has ended.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_recipe(reply: *const pinfold_reply_t) -> u64 {
    field(reply, 0, |reply| reply.recipe)
}

/// Fencing token of a leadership or a leader: it grows with every new leader. 0 for none, which
/// for `pinfold_election_leader` means that nobody leads.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_token(reply: *const pinfold_reply_t) -> i64 {
    field(reply, 0, |reply| reply.token)
}

/// Id of the task that was submitted, claimed or finished; NULL for none. Valid as long as the
/// reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_task(reply: *const pinfold_reply_t) -> *const c_char {
    field(reply, ptr::null(), |reply| pointer(reply.task.as_ref()))
}

/// The worker that did the task, or the name of a member; NULL for none. Valid as long as the
/// reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_worker(reply: *const pinfold_reply_t) -> *const c_char {
    field(reply, ptr::null(), |reply| pointer(reply.worker.as_ref()))
}

/// 1 for the task's first attempt; 0 if that does not apply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_attempt(reply: *const pinfold_reply_t) -> u32 {
    field(reply, 0, |reply| reply.attempt)
}

/// 1 for one that has what others wait for; 0 for one that waits.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_holds(reply: *const pinfold_reply_t) -> i32 {
    field(reply, 0, |reply| reply.holds.into())
}

/// A counter's number, a member's capacity, or 1 for what is so and 0 for what is not.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_number(reply: *const pinfold_reply_t) -> i64 {
    field(reply, 0, |reply| reply.number)
}

/// Why a task was given up, in one word: failed, vanished, deadline, cancelled or unreadable; NULL
/// for none. Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_cause(reply: *const pinfold_reply_t) -> *const c_char {
    field(reply, ptr::null(), |reply| pointer(reply.cause.as_ref()))
}

/// Why a task was given up, in words; NULL for none. Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_reason(reply: *const pinfold_reply_t) -> *const c_char {
    field(reply, ptr::null(), |reply| pointer(reply.reason.as_ref()))
}

/// A figure of a record by its name, such as `ended_ms` of a dead letter and `oldest_waiting_ms` of
/// a queue's metrics; truth values are 0 or 1. -1 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_figure(reply: *const pinfold_reply_t, name: CText) -> i64 {
    field(reply, -1, |reply| {
        let name = name.optional("name").ok().flatten().unwrap_or_default();
        reply.figures.iter().find(|(known, _)| *known == name).map_or(-1, |(_, number)| *number)
    })
}

/// Number of entries of a list: of those that have something or wait for it.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_item_count(reply: *const pinfold_reply_t) -> usize {
    field(reply, 0, |reply| reply.items.0.len())
}

/// An entry of a list, to be read like a reply; NULL at and after `pinfold_reply_item_count`.
/// Valid as long as the reply, and not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_item(
    reply: *const pinfold_reply_t,
    index: usize,
) -> *const pinfold_reply_t {
    field(reply, ptr::null(), |reply| {
        reply.items.0.get(index).map_or(ptr::null(), |handle| without_provenance(*handle))
    })
}

/// Copies the counts of a queue to `counts` and returns 1; returns 0 and leaves it alone if the
/// reply has none.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_counts(
    reply: *const pinfold_reply_t,
    counts: Option<&mut MaybeUninit<pinfold_counts_t>>,
) -> i32 {
    field(reply, 0, |reply| copy_out(reply.counts, counts))
}

/// Hands a blocking call's reply to the caller, if it wants one.
pub(crate) fn hand_out(reply: Reply, target: Option<&mut MaybeUninit<*mut pinfold_reply_t>>) {
    if let Some(target) = target {
        target.write(registry::insert(Arc::new(reply)));
    }
}
