//! Handles. A handle looks like a pointer to C, but is a number that is never used twice, so a
//! handle that was freed, or is of another kind, or is any other garbage is told from a good one
//! without touching memory.
//!
//! A child process after a fork gets a table of its own, because a lock of the parent's could have
//! been held by a thread that does not exist in the child.

use crate::dispatch::Client;
use crate::failure::{FORKED, Failure, INVALID_HANDLE};
use crate::multi::Multi;
use crate::multi_read::MultiRead;
use crate::reply::Reply;
use crate::server::Server;
use std::collections::HashMap;
use std::ptr::without_provenance_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// What a handle can stand for.
pub(crate) enum Object {
    Client(Arc<Client>),
    Reply(Arc<Reply>),
    Multi(Arc<Multi>),
    MultiRead(Arc<MultiRead>),
    Server(Arc<Server>),
}

/// A kind of object with its opaque C type.
pub(crate) trait Handled: Sized {
    /// The opaque type in the header.
    type Opaque;
    /// For messages.
    const NOUN: &'static str;
    fn wrap(object: Arc<Self>) -> Object;
    fn pick(object: &Object) -> Option<&Arc<Self>>;
}

macro_rules! handled {
    ($kind:ident, $opaque:path, $noun:literal) => {
        impl Handled for $kind {
            type Opaque = $opaque;
            const NOUN: &'static str = $noun;
            fn wrap(object: Arc<Self>) -> Object {
                Object::$kind(object)
            }
            fn pick(object: &Object) -> Option<&Arc<Self>> {
                match object {
                    Object::$kind(object) => Some(object),
                    _ => None,
                }
            }
        }
    };
}

handled!(Client, crate::kinds::pinfold_client_t, "client");
handled!(Reply, crate::kinds::pinfold_reply_t, "reply");
handled!(Multi, crate::kinds::pinfold_multi_t, "multi");
handled!(MultiRead, crate::kinds::pinfold_multi_read_t, "multi read");
handled!(Server, crate::kinds::pinfold_server_t, "server");

/// The handles of one process.
struct Table {
    process: u32,
    /// Lower numbers were given out before this process came by a fork.
    first: usize,
    objects: RwLock<HashMap<usize, Object>>,
    /// The table of a child.
    next: OnceLock<Box<Table>>,
}

static NEXT: AtomicUsize = AtomicUsize::new(1);
static FIRST: OnceLock<Table> = OnceLock::new();

impl Table {
    fn new(process: u32) -> Table {
        let first = NEXT.load(Ordering::Relaxed);
        Table { process, first, objects: RwLock::default(), next: OnceLock::new() }
    }

    /// The table of this process.
    fn own() -> &'static Table {
        let process = std::process::id();
        let mut table = FIRST.get_or_init(|| Table::new(process));
        while table.process != process {
            table = table.next.get_or_init(|| Box::new(Table::new(process)));
        }
        table
    }
}

/// Odd, so that no handle is equal to a pointer to anything.
const STEP: usize = 2;

/// Gives out a handle.
pub(crate) fn insert<T: Handled>(object: Arc<T>) -> *mut T::Opaque {
    let table = Table::own();
    let number = NEXT.fetch_add(STEP, Ordering::Relaxed);
    let mut objects = table.objects.write().unwrap_or_else(PoisonError::into_inner);
    objects.insert(number, T::wrap(object));
    without_provenance_mut(number)
}

/// What the handle stands for.
pub(crate) fn get<T: Handled>(handle: *const T::Opaque) -> Result<Arc<T>, Failure> {
    let number = handle.addr();
    let table = Table::own();
    let objects = table.objects.read().unwrap_or_else(PoisonError::into_inner);
    let found = objects.get(&number).and_then(T::pick).cloned();
    found.ok_or_else(|| unknown::<T>(table, number))
}

/// Takes a handle back: it is invalid from now on. NULL is taken as nothing.
pub(crate) fn remove<T: Handled>(handle: *const T::Opaque) -> Result<Option<Arc<T>>, Failure> {
    let number = handle.addr();
    if number == 0 {
        return Ok(None);
    }
    let table = Table::own();
    let mut objects = table.objects.write().unwrap_or_else(PoisonError::into_inner);
    let found = objects.get(&number).and_then(T::pick).cloned();
    if found.is_none() {
        drop(objects);
        return Err(unknown::<T>(table, number));
    }
    objects.remove(&number);
    Ok(found)
}

fn unknown<T: Handled>(table: &Table, number: usize) -> Failure {
    let noun = T::NOUN;
    match number {
        0 => Failure::new(INVALID_HANDLE, &format!("the {noun} is NULL")),
        // Odd and below the first of this process: made by the parent.
        _ if number < table.first && number % STEP == 1 => {
            Failure::new(FORKED, &format!("the {noun} was made before the process forked"))
        }
        _ => Failure::new(INVALID_HANDLE, &format!("the {noun} was freed, or is none")),
    }
}
