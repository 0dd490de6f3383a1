//! How the znodes of a queue for a lock are named, and in which order they stand.
//!
//! A name is `<before><guid><mark><seq>`: the guid is new for each attempt, the mark tells what is
//! wanted, and the server appends ten digits. Curator and kazoo name theirs in the same way with
//! marks of their own, so that programs of both kinds can wait in one queue.

use std::cmp::Reverse;

/// What a contender wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To be alone.
    Exclusive,
    /// To be with others that want the same.
    Shared,
}

/// One way to name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    before: &'static str,
    exclusive: &'static str,
    shared: Option<&'static str>,
    /// The guid is written as a UUID, in five groups.
    is_grouped: bool,
    /// The priority of the attempts that are named so: three digits and a dash before the number.
    /// Who has more comes first.
    pub(crate) rank: Option<u16>,
}

const fn own(before: &'static str, exclusive: &'static str) -> Naming {
    Naming { before, exclusive, shared: None, is_grouped: false, rank: None }
}

const fn curator(exclusive: &'static str, shared: Option<&'static str>) -> Naming {
    Naming { before: "_c_", exclusive, shared, is_grouped: true, rank: None }
}

pub(crate) const ELECTION: Naming = own("c-", "-");
/// Of candidates with a priority, before they stand in the election's own line.
pub(crate) const WAITING: Naming = Naming { rank: Some(0), ..own("", "-waiting-") };
pub(crate) const SEMAPHORE: Naming = own("", "-lease-");
/// Of double barriers.
pub(crate) const MEMBER: Naming = own("", "-member-");
pub(crate) const LOCK: Naming = Naming { shared: Some("-read-"), ..own("", "-write-") };
/// `InterProcessMutex` and `LeaderSelector`.
pub(crate) const CURATOR_MUTEX: Naming = curator("-lock-", None);
/// `InterProcessReadWriteLock`.
pub(crate) const CURATOR_READ_WRITE: Naming = curator("-__WRIT__", Some("-__READ__"));
/// `LeaderLatch`.
pub(crate) const CURATOR_LATCH: Naming = curator("-latch-", None);
/// `Lock`, `WriteLock` and `Election`, with `ReadLock` for what is shared.
pub(crate) const KAZOO: Naming = Naming { shared: Some("__rlock__"), ..own("", "__lock__") };

/// A contender as its name tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place<'a> {
    /// The greatest first.
    rank: Reverse<&'a str>,
    sequence: &'a str,
    pub(crate) name: &'a str,
    pub(crate) is_shared: bool,
}

impl Naming {
    /// What the name of the attempt with this guid begins with; nobody else's does.
    pub(crate) fn attempt(&self, mode: Mode, mut guid: String) -> String {
        let mark = match mode {
            Mode::Exclusive => self.exclusive,
            Mode::Shared => self.shared.unwrap_or(self.exclusive),
        };
        if self.is_grouped {
            for at in [20, 16, 12, 8] {
                guid.insert(at, '-');
            }
        }
        let rank = self.rank.map_or_else(String::new, |rank| format!("{rank:03}-"));
        format!("{}{guid}{mark}{rank}", self.before)
    }

    /// Those of `names` that stand in the queue, in their order; names of others are passed over.
    pub(crate) fn ranked<'a>(&self, names: &'a [String]) -> Vec<Place<'a>> {
        let mut ranked: Vec<_> = names.iter().filter_map(|name| self.place(name)).collect();
        ranked.sort_unstable();
        ranked
    }

    fn place<'a>(&self, name: &'a str) -> Option<Place<'a>> {
        let at = name.len().checked_sub(10)?;
        let (attempt, sequence) = (name.get(..at)?, name.get(at..)?);
        let (attempt, rank) = match self.rank {
            Some(_) => {
                let (attempt, rank) = attempt.split_at_checked(attempt.len().checked_sub(4)?)?;
                (attempt, rank.strip_suffix('-')?)
            }
            None => (attempt, ""),
        };
        if !attempt.starts_with(self.before) || !digits(sequence) || !digits(rank) {
            return None;
        }
        let is_shared = self.shared.is_some_and(|mark| attempt.ends_with(mark));
        let is_known = is_shared || attempt.ends_with(self.exclusive);
        is_known.then_some(Place { rank: Reverse(rank), sequence, name, is_shared })
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn contenders_rank_by_number_not_by_name() {
        let names = names(&[
            "c-ffff-0000000001",
            "lock-0000000000",
            "c-0000-0000000003",
            "c-aaaa-0000000002",
            "c-short",
            "c-0000",
        ]);
        let ranked: Vec<&str> = ELECTION.ranked(&names).iter().map(|place| place.name).collect();
        assert_eq!(ranked, ["c-ffff-0000000001", "c-aaaa-0000000002", "c-0000-0000000003"]);
    }

    #[test]
    fn a_higher_priority_comes_first() {
        let names = names(&[
            "a-waiting-007-0000000001",
            "b-waiting-100-0000000003",
            "c-waiting-100-0000000002",
            "d-waiting-x00-0000000000",
            "e-waiting-0000000000",
        ]);
        let ranked: Vec<_> = WAITING.ranked(&names).iter().map(|place| &place.name[..1]).collect();
        assert_eq!(ranked, ["c", "b", "a"]);
    }

    #[test]
    fn names_of_curator_and_kazoo_are_understood() {
        let shared = |naming: &Naming, name: &str| {
            let names = names(&[name]);
            naming.ranked(&names).first().map(|place| place.is_shared)
        };
        let uuid = "4cd1fabc-ad80-444d-a9f0-1d4a7a5b2b5c";
        let mutex = format!("_c_{uuid}-lock-0000000007");
        assert_eq!(shared(&CURATOR_MUTEX, &mutex), Some(false));
        assert_eq!(shared(&CURATOR_LATCH, &mutex), None);
        let reader = format!("_c_{uuid}-__READ__0000000007");
        assert_eq!(shared(&CURATOR_READ_WRITE, &reader), Some(true));
        let guid = uuid.replace('-', "");
        assert_eq!(shared(&KAZOO, &format!("{guid}__rlock__0000000001")), Some(true));
        assert_eq!(shared(&KAZOO, &format!("{guid}__lock__0000000001")), Some(false));
    }

    #[test]
    fn an_attempt_is_understood_by_its_own_naming() {
        let guid = || "4cd1fabcad80444da9f01d4a7a5b2b5c".to_owned();
        for naming in [ELECTION, SEMAPHORE, LOCK, CURATOR_MUTEX, CURATOR_READ_WRITE, KAZOO] {
            let names = [format!("{}0000000042", naming.attempt(Mode::Exclusive, guid()))];
            assert!(!naming.ranked(&names)[0].is_shared);
        }
        let names = [format!("{}0000000042", LOCK.attempt(Mode::Shared, guid()))];
        assert!(LOCK.ranked(&names)[0].is_shared);
        let name = CURATOR_MUTEX.attempt(Mode::Exclusive, guid());
        let groups: Vec<usize> = name[3..39].split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
    }
}
