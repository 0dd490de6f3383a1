//! The client: a session's operations. Each answers a ticket at once; its completion, and
//! everything else, comes out of `drain`.

use napi::bindgen_prelude::{Array, BufferSlice, Either, Env, Function};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use pinfold_glue::{Client, Error, Op, Options, Waker};

use crate::argument::{self, AclEntry, MultiEntry, SecurityFields};
use crate::error::{ErrorFields, Submitted, fields, guarded};
use crate::item;

/// A client of one session.
#[napi]
pub struct NativeClient {
    client: Client,
}

/// `[hosts, session_timeout_ms, connect_timeout_ms, auth, read_only, in_flight_limit, security]`.
type OptionFields<'env> =
    (String, u32, u32, Vec<(String, BufferSlice<'env>)>, bool, u32, SecurityFields);

/// Opens a session. `wake` is called, on the JavaScript thread, when there is something to drain.
#[napi]
pub(crate) fn open(
    options: OptionFields<'_>,
    wake: Function<'_, (), ()>,
) -> napi::Result<Either<NativeClient, ErrorFields>> {
    let (hosts, session_timeout_ms, connect_timeout_ms, auth, read_only, limit, security) = options;
    let auth = auth.into_iter().map(|(scheme, secret)| (scheme, secret.to_vec())).collect();
    let options = Options {
        session_timeout_ms,
        connect_timeout_ms,
        auth,
        read_only,
        in_flight_limit: limit,
        ..Options::new(hosts)
    };
    let client = guarded(|| {
        let security = argument::security(security)?;
        Client::open(Options { security, ..options })
    });
    attached(client, wake)
}

/// Gives a fresh client its waker.
fn attached(
    client: Result<Client, Error>,
    wake: Function<'_, (), ()>,
) -> napi::Result<Either<NativeClient, ErrorFields>> {
    let client = match client {
        Ok(client) => client,
        Err(error) => return Ok(Either::B(fields(error))),
    };
    // Weak: it must not keep the process alive; the package holds the event loop as long as the
    // client is open.
    let wake =
        wake.build_threadsafe_function::<()>().weak::<true>().build_callback(|_context| Ok(()))?;
    client.set_waker(Waker::callback(move || {
        // A failed call means that this JavaScript environment is being torn down.
        wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }));
    Ok(Either::A(NativeClient { client }))
}

impl NativeClient {
    pub(crate) fn cancelled(&self, ticket: u64) -> bool {
        self.client.cancel(ticket)
    }

    pub(crate) fn submit(&self, op: impl FnOnce() -> Result<Op, Error>) -> Submitted {
        match guarded(|| self.client.submit(op()?)) {
            // A ticket counts from 1: no session lives long enough to lose precision.
            Ok(ticket) => Either::A(ticket as f64),
            Err(error) => Either::B(fields(error)),
        }
    }
}

#[napi]
impl NativeClient {
    /// At most `max` items of the inbox, each an array, in the session's order.
    #[napi]
    pub fn drain<'env>(&self, env: &'env Env, max: u32) -> napi::Result<Array<'env>> {
        let items = self.client.drain(max as usize);
        let mut array = env.create_array(items.len() as u32)?;
        for (index, item) in items.into_iter().enumerate() {
            array.set(index as u32, item::array(env, item)?)?;
        }
        Ok(array)
    }

    /// Begins to close; idempotent.
    #[napi]
    pub fn close(&self) {
        self.client.close();
    }

    /// Lets go of the waker, after the last item.
    #[napi]
    pub fn release(&self) {
        self.client.set_waker(Waker::callback(|| {}));
    }

    /// Id of the session; 0 before the first connection.
    #[napi]
    pub fn session_id(&self) -> napi::bindgen_prelude::BigInt {
        self.client.session_id().into()
    }

    /// The granted session timeout, milliseconds.
    #[napi]
    pub fn session_timeout_ms(&self) -> u32 {
        self.client.session_timeout_ms()
    }

    /// Another session with the same options.
    #[napi]
    pub fn renew(
        &self,
        wake: Function<'_, (), ()>,
    ) -> napi::Result<Either<NativeClient, ErrorFields>> {
        attached(guarded(|| self.client.renew()), wake)
    }

    /// The operation `create`.
    #[napi]
    pub fn create(
        &self,
        path: String,
        data: Option<BufferSlice<'_>>,
        mode: i32,
        acl: Vec<AclEntry>,
        ttl_ms: i64,
    ) -> Submitted {
        self.submit(|| {
            let mode = argument::create_mode(mode)?;
            let data = data.map(argument::bytes);
            Ok(Op::Create { path, data, mode, acl: argument::acl(acl), ttl_ms })
        })
    }

    /// The operation `delete`.
    #[napi]
    pub fn delete(&self, path: String, version: i32) -> Submitted {
        self.submit(|| Ok(Op::Delete { path, version }))
    }

    /// The operation `exists`.
    #[napi]
    pub fn exists(&self, path: String, watch: bool) -> Submitted {
        self.submit(|| Ok(Op::Exists { path, watch }))
    }

    /// The operation `get`.
    #[napi]
    pub fn get(&self, path: String, watch: bool) -> Submitted {
        self.submit(|| Ok(Op::Get { path, watch }))
    }

    /// The operation `set`.
    #[napi]
    pub fn set(&self, path: String, data: Option<BufferSlice<'_>>, version: i32) -> Submitted {
        self.submit(|| Ok(Op::Set { path, data: data.map(argument::bytes), version }))
    }

    /// The operation `get_children`.
    #[napi]
    pub fn get_children(&self, path: String, watch: bool) -> Submitted {
        self.submit(|| Ok(Op::GetChildren { path, watch }))
    }

    /// The operation `get_acl`.
    #[napi]
    pub fn get_acl(&self, path: String) -> Submitted {
        self.submit(|| Ok(Op::GetAcl { path }))
    }

    /// The operation `set_acl`.
    #[napi]
    pub fn set_acl(&self, path: String, acl: Vec<AclEntry>, version: i32) -> Submitted {
        self.submit(|| Ok(Op::SetAcl { path, acl: argument::acl(acl), version }))
    }

    /// The operation `sync`.
    #[napi]
    pub fn sync(&self, path: String) -> Submitted {
        self.submit(|| Ok(Op::Sync { path }))
    }

    /// The operation `multi`.
    #[napi]
    pub fn multi(&self, ops: Vec<MultiEntry<'_>>) -> Submitted {
        self.submit(|| {
            let ops = ops.into_iter().map(argument::multi).collect::<Result<_, _>>()?;
            Ok(Op::Multi { ops })
        })
    }

    /// The operation `multi_read`.
    #[napi]
    pub fn multi_read(&self, ops: Vec<(bool, String)>) -> Submitted {
        self.submit(|| Ok(Op::MultiRead { ops: ops.into_iter().map(argument::read).collect() }))
    }

    /// The operation `get_ephemerals`.
    #[napi]
    pub fn get_ephemerals(&self, prefix: String) -> Submitted {
        self.submit(|| Ok(Op::GetEphemerals { prefix }))
    }

    /// The operation `get_all_children_number`.
    #[napi]
    pub fn get_all_children_number(&self, path: String) -> Submitted {
        self.submit(|| Ok(Op::GetAllChildrenNumber { path }))
    }

    /// The operation `who_am_i`.
    #[napi]
    pub fn who_am_i(&self) -> Submitted {
        self.submit(|| Ok(Op::WhoAmI))
    }

    /// The operation `remove_all_watches`.
    #[napi]
    pub fn remove_all_watches(&self, path: String, watch_type: i32) -> Submitted {
        self.submit(|| {
            Ok(Op::RemoveAllWatches { path, watch_type: argument::watch_type(watch_type)? })
        })
    }

    /// The operation `check_watches`.
    #[napi]
    pub fn check_watches(&self, path: String, watch_type: i32) -> Submitted {
        self.submit(|| Ok(Op::CheckWatches { path, watch_type: argument::watch_type(watch_type)? }))
    }

    /// The operation `add_auth`.
    #[napi]
    pub fn add_auth(&self, scheme: String, auth: BufferSlice<'_>) -> Submitted {
        self.submit(|| Ok(Op::AddAuth { scheme, auth: argument::bytes(auth) }))
    }

    /// The operation `add_watch`.
    #[napi]
    pub fn add_watch(&self, path: String, mode: i32) -> Submitted {
        self.submit(|| Ok(Op::AddWatch { path, mode: argument::watch_mode(mode)? }))
    }

    /// The operation `remove_watches`.
    #[napi]
    pub fn remove_watches(&self, watch: i64) -> Submitted {
        self.submit(|| Ok(Op::RemoveWatches { watch: watch as u64 }))
    }
}
