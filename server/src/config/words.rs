//! Which four-letter words are answered.

use std::collections::BTreeSet;

use crate::config::setting::Setting;

/// A whitelist of four-letter words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// All of them.
    All,
    /// These.
    Some(BTreeSet<String>),
}

impl Words {
    /// True when this one is answered.
    pub fn contain(&self, word: &str) -> bool {
        match self {
            Words::All => true,
            // ZooKeeper's own scripts need it.
            Words::Some(words) => word == "srvr" || words.contains(word),
        }
    }

    /// What ZooKeeper answers when nothing is set.
    pub(crate) fn of_zookeeper() -> Words {
        Words::Some(BTreeSet::from(["srvr".to_owned()]))
    }

    /// Takes the setting if it is one of these.
    pub(crate) fn set(&mut self, setting: &Setting) -> bool {
        if setting.name() != "4lw.commands.whitelist" {
            return false;
        }
        let words = setting.value.split(',').map(|word| word.trim().to_owned());
        let words: BTreeSet<String> = words.filter(|word| !word.is_empty()).collect();
        *self = if words.contains("*") { Words::All } else { Words::Some(words) };
        true
    }
}
