//! Why a call failed, and the two rules of every entry point: no panic leaves it, and what went
//! wrong can be asked for afterwards.

use crate::kinds::pinfold_status_t;
use pinfold_glue::Error;
use pinfold_glue::api::API;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Success.
pub(crate) const OK: pinfold_status_t = 0;
pub(crate) const CLOSED: pinfold_status_t = -1000;
pub(crate) const FORKED: pinfold_status_t = -1002;
pub(crate) const INVALID_ARGUMENT: pinfold_status_t = -1003;
pub(crate) const TIMEOUT: pinfold_status_t = -1004;
pub(crate) const INVALID_HANDLE: pinfold_status_t = -1006;
pub(crate) const PANIC: pinfold_status_t = -1008;
pub(crate) const WOULD_DEADLOCK: pinfold_status_t = -1011;

/// An error in the form in which C reads it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: pinfold_status_t,
    pub(crate) message: CString,
    pub(crate) path: Option<CString>,
    pub(crate) outcome: i32,
    /// Index of the operation of a multi that failed.
    pub(crate) op_index: Option<usize>,
}

impl Failure {
    /// A failure of this library, which changed nothing.
    pub(crate) fn new(code: pinfold_status_t, message: &str) -> Failure {
        Failure { code, message: c_string(message), path: None, outcome: 0, op_index: None }
    }

    /// An argument that cannot be.
    pub(crate) fn argument(message: String) -> Failure {
        Failure::new(INVALID_ARGUMENT, &message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure {
            code: error.code,
            message: c_string(&error.message),
            path: error.path.as_deref().map(c_string),
            outcome: crate::kinds::outcome(error.outcome),
            op_index: error.op_index,
        }
    }
}

/// A C string; a NUL inside, which C could not see past, becomes U+FFFD.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text)
        .unwrap_or_else(|_| CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default())
}

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Keeps the failure for [`pinfold_last_message`] and its like.
pub(crate) fn remember(failure: &Failure) {
    // A thread that is ending has no place for it any more, and nobody who could ask.
    let _ = LAST.try_with(|last| last.replace(Some(failure.clone())));
}

/// Reads the last failure of this thread.
fn last<T>(otherwise: T, read: impl FnOnce(&Failure) -> T) -> T {
    let mut read = Some(read);
    LAST.try_with(|last| Some(read.take()?(last.borrow().as_ref()?)))
        .ok()
        .flatten()
        .unwrap_or(otherwise)
}

/// Runs the body of an entry point: a panic and a failure become status codes.
pub(crate) fn guard(body: impl FnOnce() -> Result<(), Failure>) -> pinfold_status_t {
    match caught(body) {
        Ok(()) => OK,
        Err(failure) => {
            remember(&failure);
            failure.code
        }
    }
}

/// Runs a body; a panic becomes a failure.
pub(crate) fn caught<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // What the body touches is either replaced as a whole or guarded by locks that go on after a
    // panic, so nothing half-done is seen later.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(Failure::new(PANIC, &format!("a defect in Pinfold: {text}")))
    })
}

/// The message of the last call on this thread that returned an error status; empty if none did.
/// Valid until the next failing call on this thread; do not free it. What is answered by a reply
/// carries its own message (`pinfold_reply_message`).
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_last_message() -> *const c_char {
    last(c"".as_ptr(), |failure| failure.message.as_ptr())
}

/// The path that the last failing call on this thread was about; NULL for none. Valid until the
/// next failing call on this thread; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_last_path() -> *const c_char {
    last(std::ptr::null(), |failure| {
        failure.path.as_ref().map_or(std::ptr::null(), |path| path.as_ptr())
    })
}

/// What the last failing call on this thread may have changed: a `PINFOLD_OUTCOME_` value.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_last_outcome() -> i32 {
    last(0, |failure| failure.outcome)
}

/// The stable name of a status, for instance `NO_NODE`; `OK` for 0; `UNKNOWN` for a code that this
/// version does not know. Static: never free it. May be called from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_status_name(status: pinfold_status_t) -> *const c_char {
    name(status).as_ptr()
}

/// Names with their terminating NUL, made once.
fn name(status: pinfold_status_t) -> &'static CStr {
    use std::sync::OnceLock;
    static NAMES: OnceLock<Vec<(i32, CString)>> = OnceLock::new();
    if status == OK {
        return c"OK";
    }
    let make = || API.errors.iter().map(|error| (error.code, c_string(error.name))).collect();
    let names = NAMES.get_or_init(make);
    names.iter().find(|(code, _)| *code == status).map_or(c"UNKNOWN", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argconv::UserData;
    use std::ffi::c_void;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static RELEASED: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn count(_: *mut c_void) {
        RELEASED.fetch_add(1, Ordering::SeqCst);
    }

    #[test]
    fn a_panic_becomes_a_status_and_releases_what_was_handed_over() {
        let user_data = UserData::new(std::ptr::null_mut(), Some(count));
        let status = guard(|| {
            let _moved = user_data;
            panic!("on purpose")
        });
        assert_eq!(status, PANIC);
        assert_eq!(RELEASED.load(Ordering::SeqCst), 1);
        let message = last(CString::default(), |failure| failure.message.clone());
        assert!(message.to_string_lossy().contains("on purpose"));
    }

    #[test]
    fn names_are_those_of_the_table() {
        for error in API.errors {
            assert_eq!(name(error.code).to_str(), Ok(error.name));
        }
        assert_eq!((name(OK), name(4711)), (c"OK", c"UNKNOWN"));
    }

    #[test]
    fn a_nul_inside_a_text_is_not_its_end() {
        assert_eq!(c_string("a\0b").to_str(), Ok("a\u{fffd}b"));
    }
}
