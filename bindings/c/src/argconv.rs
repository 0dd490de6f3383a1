//! The only unsafe code of the C library: reading what C callers point to.
//!
//! Every pointer that is read has a type of its own here, transparent over the raw pointer and
//! without a constructor, so that a value of it can only have come from C. The contract of the
//! header (pinfold.h) is the safety argument of each read: what a caller lends is valid for the
//! length of the call. Everything lent is copied before the call returns.

use crate::failure::Failure;
use crate::kinds::{pinfold_acl_t, pinfold_bytes_t, pinfold_destroy_fn};
use crate::options::pinfold_submit_options_t;
use bytes::Bytes;
use pinfold_glue::Acl;
use std::ffi::{CStr, c_char, c_void};

/// `const char *`: a NUL-terminated UTF-8 string lent for the length of the call.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CText(*const c_char);

impl CText {
    /// The string; NULL and bad UTF-8 are errors that name the argument.
    pub(crate) fn required(self, name: &str) -> Result<String, Failure> {
        self.optional(name)?.ok_or_else(|| Failure::argument(format!("{name} is NULL")))
    }

    /// The string, or `None` for NULL.
    pub(crate) fn optional(self, name: &str) -> Result<Option<String>, Failure> {
        if self.0.is_null() {
            return Ok(None);
        }
        // Safety: not NULL, and the caller lends a NUL-terminated string for this call.
        let text = unsafe { CStr::from_ptr(self.0) };
        match text.to_str() {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(error) => Err(Failure::argument(format!(
                "{name} is not UTF-8: bad byte at offset {}",
                error.valid_up_to()
            ))),
        }
    }
}

/// `const void *`: bytes lent for the length of the call; their count is the next argument.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CBytes(*const c_void);

impl CBytes {
    /// A copy; `None` for NULL with length 0, which is ZooKeeper's null data.
    pub(crate) fn nullable(self, length: usize, name: &str) -> Result<Option<Bytes>, Failure> {
        if self.0.is_null() {
            return match length {
                0 => Ok(None),
                _ => Err(Failure::argument(format!("{name} is NULL, with length {length}"))),
            };
        }
        if length > isize::MAX as usize {
            return Err(Failure::argument(format!("{name} has the impossible length {length}")));
        }
        // Safety: not NULL, and the caller lends `length` bytes for this call.
        let bytes = unsafe { std::slice::from_raw_parts(self.0.cast::<u8>(), length) };
        Ok(Some(Bytes::copy_from_slice(bytes)))
    }

    /// A copy; NULL with length 0 is empty.
    pub(crate) fn copied(self, length: usize, name: &str) -> Result<Bytes, Failure> {
        Ok(self.nullable(length, name)?.unwrap_or_default())
    }
}

/// `const char *const *`: strings lent for the length of the call; their count is the next
/// argument.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CTexts(*const CText);

impl CTexts {
    /// Copies; NULL with count 0 is an empty list.
    pub(crate) fn copied(self, count: usize, name: &str) -> Result<Vec<String>, Failure> {
        items(self.0, count, name)?.iter().map(|text| text.required(name)).collect()
    }
}

/// `const pinfold_bytes_t *`: pieces of data lent for the length of the call; their count is the
/// next argument.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CPayloads(*const pinfold_bytes_t);

impl CPayloads {
    /// Copies; NULL with count 0 is an empty list.
    pub(crate) fn copied(self, count: usize, name: &str) -> Result<Vec<Bytes>, Failure> {
        let pieces = items(self.0, count, name)?;
        pieces.iter().map(|piece| CBytes(piece.data).copied(piece.length, name)).collect()
    }
}

/// `const pinfold_acl_t *`: ACL entries lent for the length of the call; their count is the next
/// argument.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CAcls(*const pinfold_acl_t);

impl CAcls {
    /// Copies; NULL with count 0 is the ACL that grants everything to everyone.
    pub(crate) fn copied(self, count: usize) -> Result<Vec<Acl>, Failure> {
        if self.0.is_null() && count == 0 {
            return Ok(Acl::open_unsafe());
        }
        let entries = items(self.0, count, "acl")?;
        let copy = |entry: &pinfold_acl_t| {
            let scheme = CText(entry.scheme).required("acl scheme")?;
            let id = CText(entry.id).required("acl id")?;
            Ok(Acl::new(entry.perms, scheme, id))
        };
        entries.iter().map(copy).collect()
    }
}

/// A list of `count` items lent for the length of the call.
fn items<'a, T>(first: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() || !first.is_aligned() {
        return Err(Failure::argument(format!("{name} is no list, with count {count}")));
    }
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::argument(format!("{name} has the impossible count {count}")));
    }
    // Safety: not NULL, aligned, and the caller lends `count` items; `'a` ends in this module.
    Ok(unsafe { std::slice::from_raw_parts(first, count) })
}

/// A struct of options whose first field is its size, as the caller's header knew it.
///
/// # Safety
/// `repr(C)`, the first field is the `usize` size, and every bit pattern is a value.
pub(crate) unsafe trait Extensible: Copy {
    /// What fields have that the caller's header did not know.
    fn defaults() -> Self;
}

// Safety: repr(C), size first, only numbers and pointers.
unsafe impl Extensible for crate::kinds::pinfold_client_options_t {
    fn defaults() -> Self {
        Self::default()
    }
}

// Safety: repr(C), size first, only numbers and pointers.
unsafe impl Extensible for crate::kinds::pinfold_server_options_t {
    fn defaults() -> Self {
        Self::default()
    }
}

// Safety: repr(C), size first, only numbers and pointers.
unsafe impl Extensible for pinfold_submit_options_t {
    fn defaults() -> Self {
        Self::default()
    }
}

/// Reads a struct of options that may come from an older or a newer header.
fn sized<T: Extensible>(given: *const T) -> Result<Option<T>, Failure> {
    if given.is_null() {
        return Ok(None);
    }
    if !given.is_aligned() {
        return Err(Failure::argument("options are not aligned".into()));
    }
    // Safety: not NULL, aligned, and the first field of the struct is its size.
    let size = unsafe { given.cast::<usize>().read() };
    check_size(size)?;
    let mut options = T::defaults();
    let known = size.min(size_of::<T>());
    // Safety: the caller lends `size` bytes; at most the size of the target is written, and every
    // bit pattern is a value of it.
    unsafe {
        let target = (&raw mut options).cast::<u8>();
        std::ptr::copy_nonoverlapping(given.cast::<u8>(), target, known);
    }
    Ok(Some(options))
}

/// Writes defaults into a struct of options of an older or a newer header.
fn fill_sized<T: Extensible>(target: *mut T, size: usize) -> Result<(), Failure> {
    if target.is_null() || !target.is_aligned() {
        return Err(Failure::argument("options is NULL or not aligned".into()));
    }
    check_size(size)?;
    let defaults = T::defaults();
    // Safety: the caller lends `size` bytes; not more than those are written. What a newer header
    // has beyond is zero, which every later field must take as its default.
    unsafe {
        let bytes = target.cast::<u8>();
        bytes.write_bytes(0, size);
        let source = (&raw const defaults).cast::<u8>();
        std::ptr::copy_nonoverlapping(source, bytes, size.min(size_of::<T>()));
        target.cast::<usize>().write(size);
    }
    Ok(())
}

fn check_size(size: usize) -> Result<(), Failure> {
    if size < size_of::<usize>() || size > 1 << 16 {
        let text = format!("options.size is {size}: set it by the _init function");
        return Err(Failure::argument(text));
    }
    Ok(())
}

/// `pinfold_client_options_t *` to be filled.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CClientOptionsOut(*mut crate::kinds::pinfold_client_options_t);

impl CClientOptionsOut {
    /// Fills as much as the caller's header knows.
    pub(crate) fn fill(self, size: usize) -> Result<(), Failure> {
        fill_sized(self.0, size)
    }
}

/// `const pinfold_client_options_t *`, lent for the length of the call.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CClientOptions(*const crate::kinds::pinfold_client_options_t);

impl CClientOptions {
    /// A copy of what the caller's header knew, defaults for the rest; NULL is an error.
    pub(crate) fn read(self) -> Result<crate::kinds::pinfold_client_options_t, Failure> {
        sized(self.0)?.ok_or_else(|| Failure::argument("options is NULL".into()))
    }
}

/// `pinfold_server_options_t *` to be filled.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CServerOptionsOut(*mut crate::kinds::pinfold_server_options_t);

impl CServerOptionsOut {
    /// Fills as much as the caller's header knows.
    pub(crate) fn fill(self, size: usize) -> Result<(), Failure> {
        fill_sized(self.0, size)
    }
}

/// `const pinfold_server_options_t *`, lent for the length of the call.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CServerOptions(*const crate::kinds::pinfold_server_options_t);

impl CServerOptions {
    /// A copy of what the caller's header knew, defaults for the rest; NULL is all defaults.
    pub(crate) fn read(self) -> Result<crate::kinds::pinfold_server_options_t, Failure> {
        Ok(sized(self.0)?.unwrap_or_default())
    }
}

/// `pinfold_submit_options_t *` to be filled.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CSubmitOptionsOut(*mut pinfold_submit_options_t);

impl CSubmitOptionsOut {
    /// Fills as much as the caller's header knows.
    pub(crate) fn fill(self, size: usize) -> Result<(), Failure> {
        fill_sized(self.0, size)
    }
}

/// `const pinfold_submit_options_t *`, lent for the length of the call.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct CSubmitOptions(*const pinfold_submit_options_t);

impl CSubmitOptions {
    /// A copy of what the caller's header knew, defaults for the rest; NULL is all defaults.
    pub(crate) fn read(self) -> Result<pinfold_submit_options_t, Failure> {
        Ok(sized(self.0)?.unwrap_or_default())
    }
}

/// A string inside a struct that was read above; as [`CText`].
pub(crate) fn text(pointer: *const c_char) -> CText {
    CText(pointer)
}

/// Strings inside a struct that was read above; as [`CTexts`].
pub(crate) fn texts(pointer: *const *const c_char) -> CTexts {
    CTexts(pointer.cast())
}

/// Bytes inside a struct that was read above; as [`CBytes`].
pub(crate) fn bytes(pointer: *const c_void) -> CBytes {
    CBytes(pointer)
}

/// What a callback is given first, and the function that releases it. Dropping it releases it,
/// so that this happens exactly once on every path.
pub(crate) struct UserData {
    pointer: *mut c_void,
    destroy: pinfold_destroy_fn,
}

// Safety: the header says that callbacks and destroy functions run on another thread, so what the
// pointer leads to is for the caller to make fit for that. It is never read here.
unsafe impl Send for UserData {}

// Safety: as above; sharing gives out the pointer only, and callbacks of a client never overlap.
unsafe impl Sync for UserData {}

impl UserData {
    pub(crate) fn new(pointer: *mut c_void, destroy: pinfold_destroy_fn) -> UserData {
        UserData { pointer, destroy }
    }

    /// What the callback gets.
    pub(crate) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            destroy(self.pointer);
        }
    }
}
