//! What this build is.

use crate::failure::c_string;
use pinfold_glue::api;
use std::ffi::{CString, c_char};
use std::sync::OnceLock;

/// Version of the library that runs, for instance "0.1.0"; compare with `PINFOLD_VERSION` of the
/// header. Static: never free it. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_version() -> *const c_char {
    static VERSION: OnceLock<CString> = OnceLock::new();
    VERSION.get_or_init(|| c_string(api::API.version)).as_ptr()
}

/// The table of operations, enumerations and errors that the library was built with, as JSON.
/// Static: never free it. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_api_json() -> *const c_char {
    static JSON: OnceLock<CString> = OnceLock::new();
    JSON.get_or_init(|| c_string(&api::json())).as_ptr()
}
