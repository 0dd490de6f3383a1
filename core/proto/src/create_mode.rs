//! How a node is created and when it goes.

/// The create modes, with ZooKeeper's flag values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum CreateMode {
    /// Stays until it is deleted.
    #[default]
    Persistent = 0,
    /// Goes with the session.
    Ephemeral = 1,
    /// Persistent; the name gets the parent's counter.
    PersistentSequential = 2,
    /// Ephemeral; the name gets the parent's counter.
    EphemeralSequential = 3,
    /// Goes some time after its last child.
    Container = 4,
    /// Goes when it has no children and nobody changed it for its time to live.
    PersistentTtl = 5,
    /// Likewise; the name gets the parent's counter.
    PersistentSequentialTtl = 6,
}

impl CreateMode {
    /// The mode of a flag value, if there is one.
    pub fn from_flags(flags: i32) -> Option<CreateMode> {
        Some(match flags {
            0 => CreateMode::Persistent,
            1 => CreateMode::Ephemeral,
            2 => CreateMode::PersistentSequential,
            3 => CreateMode::EphemeralSequential,
            4 => CreateMode::Container,
            5 => CreateMode::PersistentTtl,
            6 => CreateMode::PersistentSequentialTtl,
            _ => return None,
        })
    }

    /// Its flag value.
    pub fn flags(self) -> i32 {
        self as i32
    }

    /// Whether it goes with the session.
    pub fn is_ephemeral(self) -> bool {
        matches!(self, CreateMode::Ephemeral | CreateMode::EphemeralSequential)
    }

    /// Whether the name gets a counter.
    pub fn is_sequential(self) -> bool {
        matches!(
            self,
            CreateMode::PersistentSequential
                | CreateMode::EphemeralSequential
                | CreateMode::PersistentSequentialTtl
        )
    }

    /// Whether it has a time to live.
    pub fn is_ttl(self) -> bool {
        matches!(self, CreateMode::PersistentTtl | CreateMode::PersistentSequentialTtl)
    }
}
