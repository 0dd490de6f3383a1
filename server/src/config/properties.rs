//! The syntax of zoo.cfg, which is that of Java's properties: `key=value`, `key: value` or
//! `key value`, lines that go on behind a backslash, escapes.

use std::iter::Peekable;
use std::str::Chars;

/// One setting of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    /// The line it begins in, counted from 1.
    pub(crate) line: usize,
    pub(crate) key: String,
    /// Without white space around it, as ZooKeeper takes it.
    pub(crate) value: String,
}

/// The settings of a text in their order.
///
/// # Errors
/// The number of the line in which a `\u` is not followed by four hexadecimal digits.
pub(crate) fn parse(text: &str) -> Result<Vec<Property>, usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut lines = text.split(['\n', '\r']).enumerate();
    let mut properties = Vec::new();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start_matches(is_space);
        // Nothing that goes on is nothing: behind it a line may be a comment again.
        if matches!(first, "" | "\\") || first.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = first.to_owned();
        while goes_on(&whole) {
            whole.pop();
            let Some((_, next)) = lines.next() else { break };
            whole.push_str(next.trim_start_matches(is_space));
        }
        let line = index + 1;
        let (key, value) = split(&whole).ok_or(line)?;
        properties.push(Property { line, key, value });
    }
    Ok(properties)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// An odd number of backslashes at the end: the last of them is not itself escaped.
fn goes_on(line: &str) -> bool {
    let before = line.trim_end_matches('\\');
    (line.len() - before.len()) % 2 == 1
}

/// Key and value; nothing where an escape has no meaning.
fn split(line: &str) -> Option<(String, String)> {
    let mut rest = line.chars().peekable();
    let key = take(&mut rest, |c| is_space(c) || c == '=' || c == ':')?;
    while rest.next_if(|c| is_space(*c)).is_some() {}
    if rest.next_if(|c| matches!(c, '=' | ':')).is_some() {
        while rest.next_if(|c| is_space(*c)).is_some() {}
    }
    let value = take(&mut rest, |_| false)?;
    Some((key, value.trim_matches(|c| c <= ' ').to_owned()))
}

/// What comes before the first character that ends it, escapes resolved.
fn take(rest: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> Option<String> {
    let mut units: Vec<u16> = Vec::new();
    while let Some(c) = rest.next_if(|c| !ends(*c)) {
        let c = match c {
            '\\' => match rest.next() {
                Some('u') => {
                    units.push(unit(rest)?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => break,
            },
            c => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    // Two escapes may be the halves of one character.
    Some(String::from_utf16_lossy(&units))
}

fn unit(rest: &mut Peekable<Chars<'_>>) -> Option<u16> {
    let mut value = 0;
    for _ in 0..4 {
        value = value * 16 + rest.next()?.to_digit(16)?;
    }
    u16::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(usize, String, String)> {
        let properties = parse(text).unwrap();
        properties.into_iter().map(|p| (p.line, p.key, p.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{text:?}");
        let (_, key, value) = all.remove(0);
        (key, value)
    }

    #[test]
    fn a_key_ends_at_a_sign_or_at_white_space() {
        for text in ["k=v", "k:v", "k v", "k\tv", " k = v ", "k : v", "k   v\r\n", "\u{c}k=v\r"] {
            assert_eq!(one(text), ("k".into(), "v".into()), "{text:?}");
        }
        assert_eq!(one("k = = v"), ("k".into(), "= v".into()), "one sign is taken");
        assert_eq!(one("k"), ("k".into(), String::new()));
        assert_eq!(one("super=super:abc="), ("super".into(), "super:abc=".into()));
    }

    #[test]
    fn lines_go_on_and_keep_their_numbers() {
        let text =
            "# a comment ends with its line \\\na=1,\\\n   2,\\\n#3\n\n! another\nb=4\\\\\nc=5\\";
        let expected = [(2, "a", "1,2,#3"), (7, "b", "4\\"), (8, "c", "5")];
        let expected = expected.map(|(line, key, value)| (line, key.into(), value.into()));
        assert_eq!(pairs(text), expected);
        assert_eq!(pairs("\\\n\nd=6"), [(3, "d".into(), "6".into())]);
        assert_eq!(pairs("\\\n#x=1"), []);
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(one(r"a\ b\=c=d"), ("a b=c".into(), "d".into()));
        assert_eq!(one(r"k=a\tb\qc"), ("k".into(), "a\tbqc".into()));
        assert_eq!(one(r"k=\u00e9\ud83d\ude00"), ("k".into(), "é😀".into()));
        assert_eq!(parse("a=1\nk=\\u12x4\n"), Err(2));
        assert_eq!(parse("k=\\u12"), Err(1));
    }
}
