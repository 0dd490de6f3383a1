//! What the server keeps about a znode.

/// ZooKeeper's Stat.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Stat {
    /// zxid of the create.
    pub czxid: i64,
    /// zxid of the last change of the data.
    pub mzxid: i64,
    /// Time of the create, milliseconds since 1970.
    pub ctime: i64,
    /// Time of the last change of the data, milliseconds since 1970.
    pub mtime: i64,
    /// Changes of the data.
    pub version: i32,
    /// Changes of the list of children.
    pub cversion: i32,
    /// Changes of the ACL.
    pub aversion: i32,
    /// Session that owns the znode; 0 for none.
    pub ephemeral_owner: i64,
    /// Bytes of data.
    pub data_length: i32,
    /// Number of children.
    pub num_children: i32,
    /// zxid of the last change of the list of children.
    pub pzxid: i64,
}

impl From<pinfold_glue::Stat> for Stat {
    fn from(stat: pinfold_glue::Stat) -> Stat {
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
