//! Which four-letter words are answered.

use std::collections::BTreeSet;

use crate::config::setting::Setting;

/// The word that changes who leads: `*` does not mean it, it has to be named.
const HAND: &str = "hand";
const EVERY: &str = "*";

/// A whitelist of four-letter words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// All of them, but for `hand`.
    All,
    /// These; `*` among them stands for all but `hand`.
    Some(BTreeSet<String>),
}

impl Words {
    /// True when this one is answered.
    pub fn contain(&self, word: &str) -> bool {
        match self {
            Words::All => word != HAND,
            // ZooKeeper's own scripts need it.
            Words::Some(words) => {
                let is_meant = words.contains(EVERY) && word != HAND;
                word == "srvr" || is_meant || words.contains(word)
            }
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
        let is_all = words.contains(EVERY) && !words.contains(HAND);
        *self = if is_all { Words::All } else { Words::Some(words) };
        true
    }
}
