//! Node paths and their rules.

/// Why a path is not legal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid path {path:?}: {reason}")]
pub struct PathError {
    /// The path as it was given.
    pub path: String,
    /// The rule that it breaks, with the byte offset where that helps.
    pub reason: String,
}

fn invalid(path: &str, reason: impl Into<String>) -> Result<(), PathError> {
    Err(PathError { path: path.to_owned(), reason: reason.into() })
}

/// Checks a path by ZooKeeper's rules: it begins with `/`, ends with none, has no empty, `.` or
/// `..` segment, and none of the characters U+0000-001F, U+007F-009F, U+D800-F8FF, U+FFF0-FFFF,
/// nor any beyond U+FFFF, which ZooKeeper sees as two surrogates.
pub fn validate(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return invalid(path, "it is empty");
    }
    if !path.starts_with('/') {
        return invalid(path, "it does not begin with /");
    }
    if path.len() == 1 {
        return Ok(());
    }
    if path.ends_with('/') {
        return invalid(path, "it ends with /");
    }
    for (offset, character) in path.char_indices() {
        if is_forbidden(character) {
            let code = character as u32;
            return invalid(path, format!("U+{code:04X} at byte {offset} is not allowed"));
        }
    }
    for segment in path[1..].split('/') {
        match segment {
            "" => return invalid(path, "a segment is empty"),
            "." | ".." => return invalid(path, format!("{segment:?} is not allowed as a segment")),
            _ => {}
        }
    }
    Ok(())
}

/// Checks the path of a sequential create: it may end with `/`, since the counter goes behind it.
pub fn validate_for_sequence(path: &str) -> Result<(), PathError> {
    validate(&format!("{path}1")).map_err(|error| PathError { path: path.to_owned(), ..error })
}

fn is_forbidden(character: char) -> bool {
    matches!(
        u32::from(character),
        0x00..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff | 0x1_0000..
    )
}

/// The path of the parent; none for `/`.
pub fn parent(path: &str) -> Option<&str> {
    if path == "/" {
        return None;
    }
    match path.rfind('/')? {
        0 => Some("/"),
        slash => Some(&path[..slash]),
    }
}

/// The last segment; empty for `/`.
pub fn name(path: &str) -> &str {
    path.rfind('/').map_or(path, |slash| &path[slash + 1..])
}

/// The path of a child.
pub fn join(parent: &str, child: &str) -> String {
    if parent == "/" { format!("/{child}") } else { format!("{parent}/{child}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_paths() {
        for path in ["/", "/a", "/a/b", "/a.b/..c", "/é/\u{fdd0}", "/a b"] {
            assert_eq!(validate(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn illegal_paths() {
        let paths = [
            "",
            "a",
            "/a/",
            "//a",
            "/a//b",
            "/.",
            "/a/..",
            "/a/./b",
            "/\0",
            "/a\u{1f}",
            "/\u{7f}",
            "/\u{e000}",
            "/\u{ffff}",
            "/\u{1f600}",
        ];
        for path in paths {
            assert!(validate(path).is_err(), "{path:?}");
        }
        assert!(validate_for_sequence("/a/").is_ok());
        assert!(validate_for_sequence("/a//").is_err());
    }

    #[test]
    fn parts() {
        assert_eq!((parent("/"), parent("/a"), parent("/a/b")), (None, Some("/"), Some("/a")));
        assert_eq!((name("/"), name("/a/b")), ("", "b"));
        assert_eq!((join("/", "a"), join("/a", "b")), ("/a".into(), "/a/b".into()));
    }
}
