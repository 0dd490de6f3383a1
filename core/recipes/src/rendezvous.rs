//! Who has what, without anybody giving it out: rendezvous hashing, with weights.
//!
//! Each item goes to the member with the highest score for it. When a member comes, it takes its
//! share from all the others; when one goes, its share is spread over those that stay; no other
//! item moves.

/// The member, by its place in `members`, that `item` goes to; `None` where nobody has a weight.
/// A member is its name and its weight; the order of them does not matter.
pub(crate) fn place<'a>(
    item: &str,
    members: impl IntoIterator<Item = (&'a str, u32)>,
) -> Option<&'a str> {
    let mut best: Option<(f64, &str)> = None;
    for (name, weight) in members {
        if weight == 0 {
            continue;
        }
        let score = score(item, name, weight);
        let is_better = best.is_none_or(|(other, its)| (score, name) > (other, its));
        if is_better {
            best = Some((score, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Of exponential law with the weight as its rate, so that the chance to be first is the weight's
/// share.
fn score(item: &str, member: &str, weight: u32) -> f64 {
    // 53 bits: a number between 0 and 1, and neither of them.
    let part = ((hash(item, member) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -f64::from(weight) / part.ln()
}

/// FNV-1a over both with a byte between them that is in no name, then mixed: the same for ever and
/// on every machine.
fn hash(item: &str, member: &str) -> u64 {
    let bytes = item.bytes().chain([0]).chain(member.bytes());
    let folded = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (folded ^ (folded >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEMS: usize = 10_000;

    fn spread<'a>(members: &[(&'a str, u32)]) -> Vec<&'a str> {
        let place = |i: usize| place(&format!("item-{i}"), members.iter().copied());
        (0..ITEMS).map(|i| place(i).expect("somebody")).collect()
    }

    #[test]
    fn shares_go_by_weight() {
        let places = spread(&[("a", 1), ("b", 2), ("c", 1), ("idle", 0)]);
        let share = |name| places.iter().filter(|place| **place == name).count();
        assert!((2_300..2_700).contains(&share("a")), "{}", share("a"));
        assert!((4_700..5_300).contains(&share("b")), "{}", share("b"));
        assert_eq!(share("idle"), 0);
        assert_eq!(place("item", [("a", 0)]), None);
    }

    #[test]
    fn only_what_has_to_move_does() {
        let before = spread(&[("a", 1), ("b", 1), ("c", 1)]);
        let after = spread(&[("d", 1), ("c", 1), ("b", 1), ("a", 1)]);
        let moved = before.iter().zip(&after).filter(|(old, new)| old != new);
        let moved: Vec<_> = moved.map(|(_, new)| *new).collect();
        assert!(moved.iter().all(|new| *new == "d"));
        assert!((2_200..2_800).contains(&moved.len()), "{}", moved.len());
    }

    #[test]
    fn the_places_stay_for_ever() {
        let members = [("a", 1), ("b", 3), ("c", 2)];
        let places: Vec<_> =
            ["x", "y", "z", "w"].map(|item| place(item, members).expect("somebody")).to_vec();
        assert_eq!(places, ["c", "a", "c", "c"]);
    }
}
