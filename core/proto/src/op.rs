//! Operation codes, and the xids that do not number requests.

macro_rules! ops {
    ($($variant:ident = $code:literal, $doc:literal;)*) => {
        /// What a request asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum OpCode {
            $(#[doc = $doc] $variant = $code,)*
        }

        impl OpCode {
            /// The operation with this number, if there is one.
            pub fn from_i32(code: i32) -> Option<OpCode> {
                match code {
                    $($code => Some(OpCode::$variant),)*
                    _ => None,
                }
            }

            /// Its number on the wire.
            pub fn code(self) -> i32 {
                self as i32
            }
        }
    };
}

ops! {
    Notification = 0, "A watch event; only servers send it.";
    Create = 1, "Creates a node, answers with its path.";
    Delete = 2, "Deletes a node.";
    Exists = 3, "Asks for a node's stat.";
    GetData = 4, "Asks for a node's data and stat.";
    SetData = 5, "Sets a node's data.";
    GetAcl = 6, "Asks for a node's ACL.";
    SetAcl = 7, "Sets a node's ACL.";
    GetChildren = 8, "Asks for the names of a node's children.";
    Sync = 9, "Brings the server up to date with the leader.";
    Ping = 11, "Keeps the session alive.";
    GetChildren2 = 12, "Asks for the names of a node's children and its stat.";
    Check = 13, "Checks a node's version; only in a multi.";
    Multi = 14, "Several writes, all or none.";
    Create2 = 15, "Creates a node, answers with its path and stat.";
    Reconfig = 16, "Changes the ensemble's membership.";
    CheckWatches = 17, "Asks whether a watch is set.";
    RemoveWatches = 18, "Removes a watch.";
    CreateContainer = 19, "Creates a container node.";
    DeleteContainer = 20, "Deletes an empty container; internal to servers.";
    CreateTtl = 21, "Creates a node that goes when nobody changes it for long enough.";
    MultiRead = 22, "Several reads.";
    Auth = 100, "Adds credentials.";
    SetWatches = 101, "Arms one-shot watches again after a reconnection.";
    Sasl = 102, "A step of a SASL exchange.";
    GetEphemerals = 103, "Asks for the session's ephemeral nodes.";
    GetAllChildrenNumber = 104, "Asks for the number of a node's descendants.";
    SetWatches2 = 105, "Arms all kinds of watches again after a reconnection.";
    AddWatch = 106, "Arms a persistent watch.";
    WhoAmI = 107, "Asks for the connection's identities.";
    CreateSession = -10, "Begins a session; internal to servers.";
    CloseSession = -11, "Ends the session.";
    Error = -1, "A failed sub-operation in the answer to a multi.";
}

/// xid of a watch event.
pub const XID_NOTIFICATION: i32 = -1;
/// xid of a ping and its answer.
pub const XID_PING: i32 = -2;
/// xid of an auth packet and its answer.
pub const XID_AUTH: i32 = -4;
/// xid of setWatches, setWatches2 and their answers.
pub const XID_SET_WATCHES: i32 = -8;
