//! `Stat`: the metadata of a node.

use pyo3::prelude::*;

/// What the server keeps about a node besides its data. Times are milliseconds since 1970.
#[pyclass(frozen, eq, hash, get_all, module = "pinfold")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Stat {
    /// Transaction that created the node.
    czxid: i64,
    /// Transaction that last changed the data.
    mzxid: i64,
    /// When the node was created.
    ctime: i64,
    /// When the data were last changed.
    mtime: i64,
    /// Changes of the data.
    version: i32,
    /// Changes of the children.
    cversion: i32,
    /// Changes of the access control list.
    aversion: i32,
    /// The session that owns an ephemeral node, otherwise 0.
    ephemeral_owner: i64,
    /// Length of the data in bytes.
    data_length: i32,
    /// Number of children.
    num_children: i32,
    /// Transaction that last changed the children.
    pzxid: i64,
}

impl From<&pinfold_glue::Stat> for Stat {
    fn from(stat: &pinfold_glue::Stat) -> Stat {
        Stat {
            czxid: stat.czxid,
            mzxid: stat.mzxid,
            ctime: stat.ctime,
            mtime: stat.mtime,
            version: stat.version,
            cversion: stat.cversion,
            aversion: stat.aversion,
            ephemeral_owner: stat.ephemeral_owner,
            data_length: stat.data_length,
            num_children: stat.num_children,
            pzxid: stat.pzxid,
        }
    }
}

#[pymethods]
impl Stat {
    fn __repr__(&self) -> String {
        let Stat { czxid, mzxid, ctime, mtime, version, cversion, aversion, .. } = self;
        let Stat { ephemeral_owner, data_length, num_children, pzxid, .. } = self;
        format!(
            "Stat(czxid={czxid}, mzxid={mzxid}, ctime={ctime}, mtime={mtime}, version={version}, \
             cversion={cversion}, aversion={aversion}, ephemeral_owner={ephemeral_owner}, \
             data_length={data_length}, num_children={num_children}, pzxid={pzxid})"
        )
    }
}
