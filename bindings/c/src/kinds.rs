//! The types that C sees.

use pinfold_glue::TlsVerify;
use pinfold_glue::{AddWatchMode as WatchMode, CreateMode, EventKind, Outcome, SessionState, Stat};
use std::ffi::{c_char, c_void};
use std::ptr;

/// 0 is success; negative are the `PINFOLD_ERR_` codes, and codes of servers newer than this
/// library.
pub type pinfold_status_t = i32;

/// One client: one session, with its callbacks.
pub struct pinfold_client_t {
    _opaque: (),
}

/// What an operation answered: its result or its error.
pub struct pinfold_reply_t {
    _opaque: (),
}

/// Operations that will be applied all or none.
pub struct pinfold_multi_t {
    _opaque: (),
}

/// Reads that will be made by one request.
pub struct pinfold_multi_read_t {
    _opaque: (),
}

/// An embedded server.
pub struct pinfold_server_t {
    _opaque: (),
}

/// Releases a user_data. Runs exactly once for each user_data that was handed over, after the last
/// callback that gets it, whatever happens: also when the call that handed it over fails. Runs on
/// the thread of the callbacks, or in the failing call.
pub type pinfold_destroy_fn = Option<extern "C" fn(user_data: *mut c_void)>;

/// Receives what an asynchronous operation answered. The reply is valid inside the callback only.
pub type pinfold_reply_fn =
    Option<extern "C" fn(user_data: *mut c_void, reply: *const pinfold_reply_t)>;

/// Receives one event of a watch. The event is valid inside the callback only.
pub type pinfold_watch_fn =
    Option<extern "C" fn(user_data: *mut c_void, event: &pinfold_watch_event_t)>;

/// Receives one event of a recipe. The event is valid inside the callback only.
pub type pinfold_recipe_fn =
    Option<extern "C" fn(user_data: *mut c_void, event: &pinfold_recipe_event_t)>;

/// Receives a change of the session's state: a `PINFOLD_SESSION_STATE_` value. The client may be
/// called, closed and freed inside the callback.
pub type pinfold_state_fn =
    Option<extern "C" fn(user_data: *mut c_void, client: *mut pinfold_client_t, state: i32)>;

/// What is called when a watch fires. Lent for the call that arms the watch; the user_data is
/// released after the last event: that of a one-shot watch, the removal of a lasting one (after a
/// `PINFOLD_EVENT_` that tells of it, if that was by path), or the end of the client.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pinfold_watcher_t {
    /// Called with each event.
    pub callback: pinfold_watch_fn,
    /// Given to the callback.
    pub user_data: *mut c_void,
    /// Releases user_data; NULL for nothing to release.
    pub destroy: pinfold_destroy_fn,
}

/// What is called when a recipe tells something. Lent for the call that starts the recipe; the
/// user_data is released after the recipe's last event, `PINFOLD_RECIPE_EVENT_ENDED`, or the end
/// of the client.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pinfold_listener_t {
    /// Called with each event.
    pub callback: pinfold_recipe_fn,
    /// Given to the callback.
    pub user_data: *mut c_void,
    /// Releases user_data; NULL for nothing to release.
    pub destroy: pinfold_destroy_fn,
}

/// What the server keeps about a znode. ZooKeeper's own fields; this struct never changes.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub struct pinfold_stat_t {
    /// zxid of the create.
    pub czxid: i64,
    /// zxid of the last change of the data.
    pub mzxid: i64,
    /// Time of the create, milliseconds since 1970.
    pub ctime: i64,
    /// Time of the last change of the data, milliseconds since 1970.
    pub mtime: i64,
    /// Changes of the data.
    pub version: i32,
    /// Changes of the list of children.
    pub cversion: i32,
    /// Changes of the ACL.
    pub aversion: i32,
    /// Bytes of data.
    pub data_length: i32,
    /// Session that owns the znode; 0 for none.
    pub ephemeral_owner: i64,
    /// zxid of the last change of the list of children.
    pub pzxid: i64,
    /// Number of children.
    pub num_children: i32,
    /// Always 0.
    pub reserved: i32,
}

impl From<&Stat> for pinfold_stat_t {
    fn from(stat: &Stat) -> pinfold_stat_t {
        pinfold_stat_t {
            czxid: stat.czxid,
            mzxid: stat.mzxid,
            ctime: stat.ctime,
            mtime: stat.mtime,
            version: stat.version,
            cversion: stat.cversion,
            aversion: stat.aversion,
            data_length: stat.data_length,
            ephemeral_owner: stat.ephemeral_owner,
            pzxid: stat.pzxid,
            num_children: stat.num_children,
            reserved: 0,
        }
    }
}

/// One entry of an access control list. This struct never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pinfold_acl_t {
    /// Sum of `PINFOLD_PERM_` values.
    pub perms: i32,
    /// world, auth, digest, ip, x509, sasl.
    pub scheme: *const c_char,
    /// Who, in the form of the scheme.
    pub id: *const c_char,
}

/// One event of a watch. `size` tells how many fields there are: a newer library may have more.
#[repr(C)]
pub struct pinfold_watch_event_t {
    /// Bytes of this struct in the library.
    pub size: usize,
    /// Ticket of the operation that armed the watch (`pinfold_reply_ticket`).
    pub watch: u64,
    /// A `PINFOLD_EVENT_` value.
    pub kind: i32,
    /// The znode that changed.
    pub path: *const c_char,
    /// zxid of the change; -1 where the server did not tell.
    pub zxid: i64,
}

/// One event of a recipe; fields that do not apply are empty, never NULL, or 0. `size` tells how
/// many fields there are: a newer library may have more.
#[repr(C)]
pub struct pinfold_recipe_event_t {
    /// Bytes of this struct in the library.
    pub size: usize,
    /// The recipe's handle (`pinfold_reply_recipe`).
    pub recipe: u64,
    /// A `PINFOLD_RECIPE_EVENT_` value.
    pub kind: i32,
    /// The task's id.
    pub task: *const c_char,
    /// The worker.
    pub worker: *const c_char,
    /// The task itself, for `PINFOLD_RECIPE_EVENT_ASSIGNED`.
    pub payload: *const u8,
    /// Bytes of `payload`.
    pub payload_length: usize,
    /// 1 for the first attempt, for `PINFOLD_RECIPE_EVENT_ASSIGNED`.
    pub attempt: u32,
    /// Fencing token, for `PINFOLD_RECIPE_EVENT_MASTER_ELECTED`.
    pub token: i64,
    /// Why, for losses, dead tasks and a failed end.
    pub reason: *const c_char,
    /// The znode, for those of a cache.
    pub path: *const c_char,
}

/// Where the tasks of a queue are.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct pinfold_counts_t {
    /// Not given to a worker.
    pub waiting: u32,
    /// With a worker.
    pub assigned: u32,
    /// With a committed result.
    pub done: u32,
    /// Given up.
    pub dead: u32,
    /// Workers that are alive.
    pub workers: u32,
    /// 1 if there is a master; its id is the reply's data.
    pub has_master: u32,
}

/// A piece of data.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pinfold_bytes_t {
    /// The first byte; NULL with length 0 is empty.
    pub data: *const c_void,
    /// Bytes of `data`.
    pub length: usize,
}

/// Options of a client. Fill it by `pinfold_client_options_init`, then set what differs. Strings
/// and lists are lent until the call that takes the options returns. Newer headers add fields at
/// the end only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pinfold_client_options_t {
    /// Bytes of this struct in the caller's header; set by the init function.
    pub size: usize,
    /// Comma-separated host:port list, with an optional /chroot. Required.
    pub hosts: *const c_char,
    /// Session timeout to ask for, milliseconds; the server may give another.
    pub session_timeout_ms: u32,
    /// Time limit of `pinfold_client_connect`, milliseconds.
    pub connect_timeout_ms: u32,
    /// Requests that may wait for an answer before a call is refused with
    /// `PINFOLD_ERR_IN_FLIGHT_FULL`.
    pub in_flight_limit: u32,
    /// A `PINFOLD_CALLBACKS_` value: who runs the callbacks.
    pub callbacks: i32,
    /// Accept a read-only server: 0 or 1.
    pub read_only: i32,
    /// Scheme of credentials that are given at every connection, for instance digest; NULL for
    /// none. More can be added by `pinfold_client_add_auth`.
    pub auth_scheme: *const c_char,
    /// The credentials, for digest `user:password`.
    pub auth: *const c_void,
    /// Bytes of `auth`.
    pub auth_length: usize,
    /// Called with each change of the session's state, in order with all other callbacks; NULL
    /// for none.
    pub on_state: pinfold_state_fn,
    /// Given to on_state.
    pub on_state_user_data: *mut c_void,
    /// Releases on_state_user_data after the client's last callback; NULL for nothing to release.
    pub on_state_destroy: pinfold_destroy_fn,
    /// Certificates to trust, PEM, PKCS12 or JKS; NULL for the operating system's. Any option of
    /// TLS makes every connection use it.
    pub tls_ca_file: *const c_char,
    /// The client's own certificate, PEM, or PKCS12 or JKS with its key; NULL for none.
    pub tls_cert_file: *const c_char,
    /// The client's key in PEM; NULL where tls_cert_file has it.
    pub tls_key_file: *const c_char,
    /// Password of the stores and of an encrypted key; NULL for none.
    pub tls_store_password: *const c_char,
    /// Name to look for in a server's certificate; NULL for its host name.
    pub tls_server_name: *const c_char,
    /// User to prove to be by SASL DIGEST-MD5 at every connection; NULL for nobody.
    pub sasl_user: *const c_char,
    /// The user's password; NULL for nobody.
    pub sasl_password: *const c_char,
    /// How far a server's certificate is looked at: a `PINFOLD_TLS_VERIFY_` value, or 0 for full,
    /// and for no TLS where no other option asks for it.
    pub tls_verify: i32,
}

/// The library runs callbacks on a thread of its own, one per client.
pub(crate) const CALLBACKS_THREAD: i32 = 0;
/// Callbacks run inside `pinfold_client_poll`, on the caller's thread.
pub(crate) const CALLBACKS_POLL: i32 = 1;

impl Default for pinfold_client_options_t {
    fn default() -> Self {
        let defaults = pinfold_glue::Options::new("");
        pinfold_client_options_t {
            size: size_of::<Self>(),
            hosts: ptr::null(),
            session_timeout_ms: defaults.session_timeout_ms,
            connect_timeout_ms: defaults.connect_timeout_ms,
            in_flight_limit: defaults.in_flight_limit,
            callbacks: CALLBACKS_THREAD,
            read_only: 0,
            auth_scheme: ptr::null(),
            auth: ptr::null(),
            auth_length: 0,
            on_state: None,
            on_state_user_data: ptr::null_mut(),
            on_state_destroy: None,
            tls_ca_file: ptr::null(),
            tls_cert_file: ptr::null(),
            tls_key_file: ptr::null(),
            tls_store_password: ptr::null(),
            tls_server_name: ptr::null(),
            sasl_user: ptr::null(),
            sasl_password: ptr::null(),
            tls_verify: 0,
        }
    }
}

/// Options of an embedded server. Fill it by `pinfold_server_options_init`, then set what differs.
/// Strings are lent until the call that takes the options returns. Newer headers add fields at the
/// end only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pinfold_server_options_t {
    /// Bytes of this struct in the caller's header; set by the init function.
    pub size: usize,
    /// host:port; NULL for a free port on loopback.
    pub listen: *const c_char,
    /// Data directory; NULL for a temporary one that goes with the server.
    pub data_dir: *const c_char,
    /// ZooKeeper's tick, milliseconds: sessions get between 2 and 20 of them.
    pub tick_time_ms: u32,
    /// Settings of a zoo.cfg or Java's system properties, each as name=value, such as
    /// extendedTypesEnabled=true; NULL for none.
    pub properties: *const *const c_char,
    /// Number of `properties`.
    pub property_count: usize,
}

impl Default for pinfold_server_options_t {
    fn default() -> Self {
        pinfold_server_options_t {
            size: size_of::<Self>(),
            listen: ptr::null(),
            data_dir: ptr::null(),
            tick_time_ms: pinfold_glue::ServerOptions::default().tick_time_ms,
            properties: ptr::null(),
            property_count: 0,
        }
    }
}

/// The `PINFOLD_OUTCOME_` value.
pub(crate) fn outcome(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::NotApplied => 0,
        Outcome::MaybeApplied => 1,
        Outcome::SessionOver => 2,
    }
}

/// The `PINFOLD_SESSION_STATE_` value.
pub(crate) fn session_state(state: SessionState) -> i32 {
    match state {
        SessionState::Connecting => 0,
        SessionState::Connected => 1,
        SessionState::ReadOnly => 2,
        SessionState::Suspended => 3,
        SessionState::Expired => 4,
        SessionState::AuthFailed => 5,
        SessionState::Closed => 6,
    }
}

/// The `PINFOLD_EVENT_` value.
pub(crate) fn event_kind(kind: EventKind) -> i32 {
    match kind {
        EventKind::Created => 1,
        EventKind::Deleted => 2,
        EventKind::DataChanged => 3,
        EventKind::ChildrenChanged => 4,
        EventKind::DataWatchRemoved => 5,
        EventKind::ChildWatchRemoved => 6,
        EventKind::PersistentWatchRemoved => 7,
    }
}

/// The mode of a `PINFOLD_CREATE_MODE_` value.
pub(crate) fn create_mode(mode: i32) -> Option<CreateMode> {
    match mode {
        0 => Some(CreateMode::Persistent),
        1 => Some(CreateMode::Ephemeral),
        2 => Some(CreateMode::PersistentSequential),
        3 => Some(CreateMode::EphemeralSequential),
        4 => Some(CreateMode::Container),
        5 => Some(CreateMode::PersistentTtl),
        6 => Some(CreateMode::PersistentSequentialTtl),
        _ => None,
    }
}

/// A `PINFOLD_TLS_VERIFY_` value; none inside for 0, which is not given.
pub(crate) fn tls_verify(verify: i32) -> Option<Option<TlsVerify>> {
    match verify {
        0 => Some(None),
        1 => Some(Some(TlsVerify::Full)),
        2 => Some(Some(TlsVerify::Ca)),
        3 => Some(Some(TlsVerify::None)),
        _ => None,
    }
}

/// The mode of a `PINFOLD_WATCH_MODE_` value.
pub(crate) fn watch_mode(mode: i32) -> Option<WatchMode> {
    match mode {
        0 => Some(WatchMode::Persistent),
        1 => Some(WatchMode::PersistentRecursive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinfold_glue::RecipeEventKind;
    use pinfold_glue::api::API;

    /// The number that the header gives to a variant.
    fn number(enumeration: &str, variant: &str) -> i32 {
        let found = API.enums.iter().find(|one| one.name == enumeration);
        let variants = found.map(|one| one.variants).unwrap_or_default();
        let found = variants.iter().find(|one| one.name == variant);
        found.map(|one| one.value).unwrap_or_else(|| panic!("{enumeration} has no {variant}"))
    }

    #[test]
    fn numbers_are_those_of_the_header() {
        use SessionState as S;
        assert_eq!(outcome(Outcome::NotApplied), number("outcome", "not_applied"));
        assert_eq!(outcome(Outcome::MaybeApplied), number("outcome", "maybe_applied"));
        assert_eq!(outcome(Outcome::SessionOver), number("outcome", "session_over"));
        let states = [
            (S::Connecting, "connecting"),
            (S::Connected, "connected"),
            (S::ReadOnly, "read_only"),
            (S::Suspended, "suspended"),
            (S::Expired, "expired"),
            (S::AuthFailed, "auth_failed"),
            (S::Closed, "closed"),
        ];
        for (state, name) in states {
            assert_eq!(session_state(state), number("session_state", name));
        }
        let kinds = [
            (EventKind::Created, "created"),
            (EventKind::Deleted, "deleted"),
            (EventKind::DataChanged, "data_changed"),
            (EventKind::ChildrenChanged, "children_changed"),
            (EventKind::DataWatchRemoved, "data_watch_removed"),
            (EventKind::ChildWatchRemoved, "child_watch_removed"),
            (EventKind::PersistentWatchRemoved, "persistent_watch_removed"),
        ];
        for (kind, name) in kinds {
            assert_eq!(event_kind(kind), number("event_kind", name));
        }
        assert_eq!(RecipeEventKind::Ended as i32, number("recipe_event_kind", "ended"));
    }

    #[test]
    fn modes_are_those_of_the_header() {
        let mode = |name| create_mode(number("create_mode", name));
        assert_eq!(mode("persistent"), Some(CreateMode::Persistent));
        assert_eq!(mode("ephemeral"), Some(CreateMode::Ephemeral));
        assert_eq!(mode("persistent_sequential"), Some(CreateMode::PersistentSequential));
        assert_eq!(mode("ephemeral_sequential"), Some(CreateMode::EphemeralSequential));
        assert_eq!(mode("container"), Some(CreateMode::Container));
        assert_eq!(mode("persistent_with_ttl"), Some(CreateMode::PersistentTtl));
        let sequential = mode("persistent_sequential_with_ttl");
        assert_eq!(sequential, Some(CreateMode::PersistentSequentialTtl));
        let of_type = |name| pinfold_glue::WatcherType::from_i32(number("watch_type", name));
        assert_eq!(of_type("children"), Some(pinfold_glue::WatcherType::Children));
        assert_eq!(of_type("data"), Some(pinfold_glue::WatcherType::Data));
        assert_eq!(of_type("any"), Some(pinfold_glue::WatcherType::Any));
        assert_eq!(of_type("persistent"), Some(pinfold_glue::WatcherType::Persistent));
        let mode = |name| watch_mode(number("watch_mode", name));
        assert_eq!(mode("persistent"), Some(WatchMode::Persistent));
        assert_eq!(mode("persistent_recursive"), Some(WatchMode::PersistentRecursive));
        let verify = |name| tls_verify(number("tls_verify", name)).flatten();
        assert_eq!(verify("full"), Some(TlsVerify::Full));
        assert_eq!(verify("ca"), Some(TlsVerify::Ca));
        assert_eq!(verify("none"), Some(TlsVerify::None));
        assert!(tls_verify(4).is_none());
        assert!(create_mode(-1).is_none() && watch_mode(2).is_none());
    }

    #[test]
    fn layouts_that_never_change() {
        assert_eq!(size_of::<pinfold_stat_t>(), 72);
        assert_eq!(std::mem::offset_of!(pinfold_stat_t, ephemeral_owner), 48);
        assert_eq!(std::mem::offset_of!(pinfold_stat_t, num_children), 64);
        assert_eq!(size_of::<pinfold_counts_t>(), 24);
        assert_eq!(size_of::<pinfold_watcher_t>(), 3 * size_of::<usize>());
        assert_eq!(std::mem::offset_of!(pinfold_client_options_t, size), 0);
        assert_eq!(std::mem::offset_of!(pinfold_server_options_t, size), 0);
        assert_eq!(std::mem::offset_of!(pinfold_watch_event_t, size), 0);
        assert_eq!(std::mem::offset_of!(pinfold_recipe_event_t, size), 0);
    }
}
