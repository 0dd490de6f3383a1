//! Point-in-time images of the state, as a stream of blocks.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::Configuration;

use crate::acl::AclList;
use crate::codec::{self, CodecError, Reader};
use crate::fingerprint::{self, Face};
use crate::initial::ROOT;
use crate::machine::StateMachine;
use crate::node::Node;
use crate::session::{Session, SessionTable};
use crate::tree::Frozen;

/// Second byte of every snapshot.
const FORMAT: u8 = 2;
/// Of snapshots whose sessions have no attachment. They are still read.
const FORMAT_WITHOUT_ATTACHMENTS: u8 = 1;
/// A block is closed when it has grown beyond this many bytes.
const BLOCK_BYTES: usize = 128 * 1024;

const HEADER: u8 = 1;
const SESSIONS: u8 = 2;
const NODES: u8 = 3;
/// Only while members change.
const PENDING: u8 = 4;

/// The state at one point. It is cheap to take, may be sent to another thread, and does not see
/// what is applied later.
#[derive(Clone, Debug)]
pub struct Snapshot {
    tree: Frozen,
    sessions: SessionTable,
    last_zxid: i64,
    pending: Option<Configuration>,
}

impl StateMachine {
    /// The state as it is now. Costs microseconds; writes go on at once.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            tree: self.tree.freeze(),
            sessions: self.sessions.clone(),
            last_zxid: self.last_zxid,
            pending: self.pending.clone(),
        }
    }

    /// A number that two states share exactly when they are the same, short of a coincidence in
    /// 64 bits. It is kept up to date with every change, and costs nothing to ask for.
    pub fn digest(&self) -> u64 {
        let (tree, sessions) = (self.tree.fingerprint(), self.sessions.fingerprint());
        let pending = fingerprint::pending(self.pending.as_ref());
        fingerprint::whole(tree, sessions, self.last_zxid, pending)
    }

    /// The same number as [`digest`](Self::digest), made of every node and every session anew.
    pub fn computed_digest(&self) -> u64 {
        let image = self.snapshot();
        let nodes = image
            .nodes()
            .map(|(path, node)| fingerprint::difference(path, None, Some(&Face::of(node))));
        let tree = nodes.fold(0, u64::wrapping_add);
        let sessions = self.sessions.iter().map(|(id, session)| fingerprint::session(id, session));
        let sessions = sessions.fold(0, u64::wrapping_add);
        let pending = fingerprint::pending(self.pending.as_ref());
        fingerprint::whole(tree, sessions, self.last_zxid, pending)
    }

    /// The state that the blocks of a snapshot describe.
    ///
    /// # Errors
    /// Blocks that are damaged, missing, or of a later version.
    pub fn restore(blocks: impl IntoIterator<Item = Bytes>) -> Result<StateMachine, CodecError> {
        let mut restore = Restore::default();
        let mut machine = StateMachine::empty();
        for block in blocks {
            restore.block(&mut machine, &block)?;
        }
        if restore.expected != Some((machine.sessions.len() as i64, machine.tree.len() as i64)) {
            return Err(CodecError::Invalid { what: "the snapshot's end", offset: 0 });
        }
        Ok(machine)
    }
}

impl Snapshot {
    /// The zxid up to which the image reaches.
    pub fn last_zxid(&self) -> i64 {
        self.last_zxid
    }

    /// Every node and its path, in no particular order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Node>)> {
        self.tree.iter()
    }

    /// The image as blocks of about 128 KiB; equal states give equal blocks.
    pub fn blocks(self) -> impl Iterator<Item = Bytes> + Send {
        let mut header = BytesMut::new();
        header.put_u8(HEADER);
        header.put_u8(FORMAT);
        header.put_i64_le(self.last_zxid);
        header.put_i64_le(self.sessions.len() as i64);
        header.put_i64_le(self.tree.len() as i64);
        let root = self.tree.get(ROOT).map(|(path, node)| (path.clone(), node.clone()));
        let nodes = NodeBlocks { tree: self.tree, root, open: Vec::new(), lists: HashMap::new() };
        let pending = self.pending.map(|next| {
            let mut block = BytesMut::new();
            block.put_u8(PENDING);
            codec::put_text(&mut block, &next.to_string());
            block.freeze()
        });
        let begin = std::iter::once(header.freeze()).chain(pending);
        begin.chain(session_blocks(&self.sessions)).chain(nodes)
    }
}

fn session_blocks(table: &SessionTable) -> Vec<Bytes> {
    let mut blocks = Vec::new();
    let mut block = BytesMut::new();
    for (id, session) in table.iter() {
        if block.is_empty() {
            block.put_u8(SESSIONS);
        }
        block.put_i64_le(id);
        block.put_slice(&session.password);
        block.put_i32_le(session.timeout_ms);
        block.put_u32_le(session.attachment);
        if block.len() > BLOCK_BYTES {
            blocks.push(block.split().freeze());
        }
    }
    if !block.is_empty() {
        blocks.push(block.freeze());
    }
    blocks
}

/// Walks the frozen tree, parents before children, children in order.
struct NodeBlocks {
    tree: Frozen,
    root: Option<(Arc<str>, Arc<Node>)>,
    open: Vec<(Arc<Node>, (usize, usize))>,
    lists: HashMap<usize, u32>,
}

impl NodeBlocks {
    fn next_node(&mut self) -> Option<(Arc<str>, Arc<Node>)> {
        if let Some(root) = self.root.take() {
            return Some(root);
        }
        loop {
            let (node, cursor) = self.open.last_mut()?;
            let child = node.children.as_ref().and_then(|children| children.at(cursor).cloned());
            let Some(child) = child else {
                self.open.pop();
                continue;
            };
            cursor.1 += 1;
            if let Some((_, node)) = self.tree.get(&child) {
                return Some((child, node.clone()));
            }
        }
    }

    fn put(&mut self, block: &mut BytesMut, path: &str, node: &Node) {
        codec::put_text(block, path);
        codec::put_buffer(block, node.data.as_deref());
        let next = self.lists.len() as u32;
        // Equal lists are the same allocation, and the image keeps it alive.
        let list = *self.lists.entry(Arc::as_ptr(&node.acl) as usize).or_insert(next);
        block.put_u32_le(list);
        if list == next {
            codec::put_acl(block, &node.acl);
        }
        for number in [node.czxid, node.mzxid, node.pzxid, node.ctime_ms, node.mtime_ms] {
            block.put_i64_le(number);
        }
        for number in [node.version, node.creations, node.aversion] {
            block.put_i32_le(number);
        }
        block.put_i64_le(node.owner);
    }
}

impl Iterator for NodeBlocks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut block = BytesMut::with_capacity(1024);
        while block.len() <= BLOCK_BYTES {
            let Some((path, node)) = self.next_node() else { break };
            if block.is_empty() {
                block.put_u8(NODES);
            }
            self.put(&mut block, &path, &node);
            if node.child_count() > 0 {
                self.open.push((node, (0, 0)));
            }
        }
        (!block.is_empty()).then(|| block.freeze())
    }
}

#[derive(Default)]
struct Restore {
    format: u8,
    expected: Option<(i64, i64)>,
    lists: Vec<Arc<AclList>>,
}

impl Restore {
    fn block(&mut self, machine: &mut StateMachine, block: &Bytes) -> Result<(), CodecError> {
        let mut input = Reader::new(block);
        let kind = input.u8()?;
        if (kind == HEADER) == self.expected.is_some() {
            return Err(input.invalid("the order of the snapshot's blocks"));
        }
        match kind {
            HEADER => {
                self.format = input.u8()?;
                if ![FORMAT, FORMAT_WITHOUT_ATTACHMENTS].contains(&self.format) {
                    return Err(input.invalid("the snapshot's format"));
                }
                machine.last_zxid = input.i64()?;
                self.expected = Some((input.i64()?, input.i64()?));
            }
            SESSIONS => {
                while !input.is_empty() {
                    let id = input.i64()?;
                    let password = input.password()?;
                    let timeout_ms = input.i32()?;
                    let attachment = match self.format {
                        FORMAT_WITHOUT_ATTACHMENTS => 0,
                        _ => input.u32()?,
                    };
                    let session = Session { password, timeout_ms, attachment };
                    machine.sessions.open(id, session);
                }
            }
            PENDING => {
                let next = Configuration::parse(&input.text()?);
                machine.pending = Some(next.map_err(|_| input.invalid("the members to be"))?);
            }
            NODES => {
                while !input.is_empty() {
                    self.node(machine, &mut input)?;
                }
            }
            _ => return Err(input.invalid("the kind of a snapshot's block")),
        }
        Ok(())
    }

    fn node(
        &mut self,
        machine: &mut StateMachine,
        input: &mut Reader<'_>,
    ) -> Result<(), CodecError> {
        let path: Arc<str> = input.text()?.into();
        let data = input.buffer()?.map(|data| Arc::from(&data[..]));
        let list = input.u32()? as usize;
        if list == self.lists.len() {
            let list = machine.acls.intern(input.acl()?);
            self.lists.push(list);
        }
        let Some(acl) = self.lists.get(list).cloned() else {
            return Err(input.invalid("the number of an access list"));
        };
        let node = Node {
            data,
            acl,
            czxid: input.i64()?,
            mzxid: input.i64()?,
            pzxid: input.i64()?,
            ctime_ms: input.i64()?,
            mtime_ms: input.i64()?,
            version: input.i32()?,
            creations: input.i32()?,
            aversion: input.i32()?,
            owner: input.i64()?,
            children: None,
        };
        match path.rfind('/') {
            Some(_) if &*path == ROOT => machine.tree.insert_unlinked(&path, node),
            Some(at) => {
                let parent = if at == 0 { ROOT } else { &path[..at] };
                if machine.tree.get(parent).is_none() {
                    return Err(input.invalid("the parent of a node"));
                }
                machine.tree.insert(&path, parent, node, |_| {});
            }
            None => return Err(input.invalid("the path of a node")),
        }
        Ok(())
    }
}
