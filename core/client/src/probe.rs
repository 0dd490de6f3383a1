//! For fuzz targets: what is private here and reads bytes.

use crate::wire::{self, ReplyKind};

/// Reads a body as the reply to every kind of request; how many of them could be read.
pub fn reply(chroot: &str, body: &[u8]) -> usize {
    let kinds = [
        ReplyKind::Created,
        ReplyKind::Deleted,
        ReplyKind::Exists,
        ReplyKind::Data,
        ReplyKind::Stat,
        ReplyKind::Children,
        ReplyKind::Acl,
        ReplyKind::Synced,
        ReplyKind::Multi,
        ReplyKind::MultiRead,
        ReplyKind::Ephemerals,
        ReplyKind::Count,
        ReplyKind::Identities,
        ReplyKind::Done,
    ];
    kinds.into_iter().filter(|kind| wire::decode(*kind, chroot, body).is_ok()).count()
}
