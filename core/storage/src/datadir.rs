//! The data directory: whose it is, who works on it, what is where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Context, Error, Result};
use crate::filesystem::{FileSystem, Lock};
use crate::{Log, LogOptions, Register, SnapshotStore};

/// The version of the directory's layout and of the files in it.
pub const FORMAT_VERSION: u32 = 1;

pub(crate) const IDENTITY: &str = "pinfold.id";
const IDENTITY_TEMPORARY: &str = "pinfold.tmp";
const LOCK: &str = "pinfold.lock";
pub(crate) const LOG: &str = "log";
pub(crate) const SNAPSHOTS: &str = "snapshots";
const TITLE: &str = "Pinfold data directory";

/// An open data directory. It is locked for other processes until this is dropped.
pub struct DataDir {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    identity: Identity,
    fresh: bool,
    _lock: Box<dyn Lock>,
}

/// A directory that is locked for other processes, and may have to be made.
#[derive(Debug)]
pub struct Claim {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    known: bool,
    lock: Box<dyn Lock>,
}

/// What a directory belongs to; it never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The random number that all servers of a group have in common.
    pub cluster: u64,
    /// Whatever else has to be known from the start, in one line; may be empty.
    pub note: String,
}

impl fmt::Debug for DataDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, identity, .. } = self;
        f.debug_struct("DataDir").field("path", path).field("identity", identity).finish()
    }
}

impl DataDir {
    /// Opens a directory, or makes it: a new or empty one is given the id `new_cluster`, which
    /// should be random.
    ///
    /// # Errors
    /// As [`DataDir::open_or_found`].
    pub fn open(fs: Arc<dyn FileSystem>, path: &Path, new_cluster: u64) -> Result<Self> {
        let identity = Identity { cluster: new_cluster, note: String::new() };
        DataDir::open_or_found(fs, path, || identity)
    }

    /// Opens a directory, or makes it: for a new or empty one `found` says what it is to belong
    /// to. It may take its time; the directory is locked already.
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::Unwritable`], [`Error::Locked`], [`Error::Format`],
    /// [`Error::Corrupt`] or [`Error::Io`]. Nothing of somebody else is touched.
    pub fn open_or_found(
        fs: Arc<dyn FileSystem>,
        path: &Path,
        found: impl FnOnce() -> Identity,
    ) -> Result<Self> {
        DataDir::claim(fs, path)?.open(found)
    }

    /// Takes a directory, or the place where one is to be, and locks it.
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::Unwritable`] or [`Error::Locked`].
    pub fn claim(fs: Arc<dyn FileSystem>, path: &Path) -> Result<Claim> {
        let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
        fs.create_dir_all(path).map_err(unwritable)?;
        let names = fs.list(path).map_err(unwritable)?;
        let known = names.iter().any(|name| name == IDENTITY);
        if !known {
            refuse_foreign(path, &names)?;
        }
        let lock_path = path.join(LOCK);
        let lock = fs.lock(&lock_path).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => {
                Error::Locked { path: path.to_owned(), holder: holder(&*fs, &lock_path) }
            }
            _ => Error::Unwritable { path: path.to_owned(), source },
        })?;
        Ok(Claim { fs, path: path.to_owned(), known, lock })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The random number that all servers of a group have in common.
    pub fn cluster(&self) -> u64 {
        self.identity.cluster
    }

    /// What was noted when the directory was made.
    pub fn note(&self) -> &str {
        &self.identity.note
    }

    /// Whether the directory was made by this opening.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Opens the log, after recovery; see [`Log::open`].
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn log(&self, options: LogOptions) -> Result<Log> {
        Log::open(Arc::clone(&self.fs), &self.path.join(LOG), self.identity.cluster, options)
    }

    /// Opens the snapshots.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn snapshots(&self) -> Result<SnapshotStore> {
        SnapshotStore::open(Arc::clone(&self.fs), &self.path.join(SNAPSHOTS), self.identity.cluster)
    }

    /// A small value, in the file `<name>`.
    pub fn register(&self, name: &str) -> Register {
        Register::new(Arc::clone(&self.fs), &self.path, name)
    }
}

impl Claim {
    /// Whether the directory has yet to be made.
    pub fn is_new(&self) -> bool {
        !self.known
    }

    /// Opens it, or makes it: for a new one `found` says what it is to belong to.
    ///
    /// # Errors
    /// [`Error::Unwritable`], [`Error::Format`], [`Error::Corrupt`] or [`Error::Io`].
    pub fn open(self, found: impl FnOnce() -> Identity) -> Result<DataDir> {
        let Claim { fs, path, known, lock } = self;
        let identity = if known {
            read_identity(&*fs, &path.join(IDENTITY))?
        } else {
            let identity = found();
            prepare(&*fs, &path, &identity)?;
            identity
        };
        Ok(DataDir { fs, path, identity, fresh: !known, _lock: lock })
    }
}

/// Whether it is usual to keep such a file in the directory of a server's data.
fn is_usual(name: &str) -> bool {
    // What an opening leaves behind that was cut short before the identity was there.
    let ours = [LOCK, LOG, SNAPSHOTS, IDENTITY_TEMPORARY];
    // A configuration and its parts (zoo.cfg, zoo.cfg.dynamic.100000000), stores of TLS, what a
    // start script leaves.
    let named = ["lost+found", "myid", "initialize"];
    let endings =
        [".cfg", ".conf", ".properties", ".xml", ".pem", ".p12", ".jks", ".pid", ".log", ".out"];
    ours.contains(&name)
        || named.contains(&name)
        || name.starts_with('.')
        || name.contains(".cfg.")
        || endings.iter().any(|ending| name.ends_with(ending))
}

fn refuse_foreign(path: &Path, names: &[String]) -> Result<()> {
    let mut foreign: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !is_usual(name)).collect();
    foreign.sort_unstable();
    let Some(first) = foreign.first() else { return Ok(()) };
    let found = match foreign.len() {
        1 => format!("\"{first}\""),
        2 => format!("\"{first}\" and \"{}\"", foreign[1]),
        more => format!("\"{first}\", \"{}\" and {} more", foreign[1], more - 2),
    };
    let found = if foreign.contains(&"version-2") {
        format!("{found} (it looks like one of Apache ZooKeeper)")
    } else {
        found
    };
    Err(Error::Foreign { path: path.to_owned(), found })
}

fn holder(fs: &dyn FileSystem, lock: &Path) -> String {
    let read = || -> io::Result<String> {
        let file = fs.open(lock)?;
        let mut bytes = vec![0; file.size()?.min(32) as usize];
        file.read_at(&mut bytes, 0)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    match read() {
        Ok(pid) if !pid.is_empty() => format!(" (process {pid})"),
        _ => String::new(),
    }
}

fn prepare(fs: &dyn FileSystem, path: &Path, identity: &Identity) -> Result<()> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
    for part in [LOG, SNAPSHOTS] {
        fs.create_dir_all(&path.join(part)).map_err(unwritable)?;
    }
    let temporary = path.join(IDENTITY_TEMPORARY);
    let Identity { cluster, note } = identity;
    let mut body = format!("{TITLE}\nformat {FORMAT_VERSION}\ncluster {cluster:016x}\n");
    if !note.is_empty() {
        body.push_str(&format!("note {}\n", note.replace('\n', " ")));
    }
    let text = format!("{body}checksum {:08x}\n", crc32fast::hash(body.as_bytes()));
    let file = fs.create(&temporary).map_err(unwritable)?;
    file.write_at(text.as_bytes(), 0).context("write", &temporary)?;
    file.sync().context("sync", &temporary)?;
    drop(file);
    // The identity comes last: with it, everything else is there.
    fs.rename(&temporary, &path.join(IDENTITY)).context("rename", &temporary)?;
    fs.sync_dir(path).context("sync", path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        // The parent may be somebody else's; then its own durability is theirs as well.
        let _ = fs.sync_dir(parent);
    }
    Ok(())
}

pub(crate) fn read_identity(fs: &dyn FileSystem, path: &Path) -> Result<Identity> {
    let file = fs.open_to_read(path).context("open", path)?;
    let size = file.size().context("read the size of", path)?.min(4096);
    let mut bytes = vec![0; size as usize];
    file.read_at(&mut bytes, 0).context("read", path)?;
    let damaged = |reason: &str| Error::corrupt(path, 0, reason);
    let text = String::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err(damaged("it does not begin as it should"));
    }
    let field = |line: Option<&str>, name: &str| {
        line.and_then(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let format = field(lines.next(), "format ").and_then(|value| value.parse().ok());
    let format: u32 = format.ok_or_else(|| damaged("it has no format version"))?;
    if format != FORMAT_VERSION {
        return Err(Error::Format {
            path: path.to_owned(),
            found: format,
            supported: FORMAT_VERSION,
        });
    }
    let cluster = field(lines.next(), "cluster ");
    let cluster = cluster.and_then(|value| u64::from_str_radix(&value, 16).ok());
    let body = text.rfind("checksum ").map_or("", |at| &text[..at]);
    let mut next = lines.next();
    let note = field(next, "note ");
    if note.is_some() {
        next = lines.next();
    }
    let checksum = field(next, "checksum ");
    if checksum != Some(format!("{:08x}", crc32fast::hash(body.as_bytes()))) {
        return Err(damaged("the checksum is wrong"));
    }
    let cluster = cluster.ok_or_else(|| damaged("it has no cluster id"))?;
    Ok(Identity { cluster, note: note.unwrap_or_default() })
}
