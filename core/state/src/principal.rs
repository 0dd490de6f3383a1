//! Which names of people an access list may hold: subjects of certificates, SASL users.

/// The words that Java's `X500Principal` takes for an attribute.
const KEYWORDS: [&str; 21] = [
    "CN",
    "C",
    "L",
    "S",
    "ST",
    "O",
    "OU",
    "T",
    "IP",
    "STREET",
    "DC",
    "DNQUALIFIER",
    "DNQ",
    "SURNAME",
    "GIVENNAME",
    "INITIALS",
    "GENERATION",
    "EMAIL",
    "EMAILADDRESS",
    "UID",
    "SERIALNUMBER",
];

/// A name as of a Kerberos principal: `service`, `service@REALM` or `service/host@REALM`.
pub(crate) fn is_sasl_user(name: &str) -> bool {
    match name.split_once('@') {
        None => true,
        Some((front, realm)) => !realm.contains(['/', '@']) && front.matches('/').count() <= 1,
    }
}

/// A distinguished name as Java's `X500Principal` reads it: `attribute=value` parts, separated by
/// commas, semicolons or plus signs that are neither quoted nor escaped. The empty name is one.
pub(crate) fn is_subject(name: &str) -> bool {
    if name.trim().is_empty() {
        return true;
    }
    let Some(parts) = parts(name) else { return false };
    parts.iter().all(|part| match part.split_once('=') {
        Some((keyword, value)) => is_keyword(keyword.trim()) && is_value(value.trim()),
        None => false,
    })
}

fn is_keyword(word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    let number = upper.strip_prefix("OID.").unwrap_or(&upper);
    let is_number = number.split('.').count() > 1
        && number.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()));
    is_number || KEYWORDS.contains(&upper.as_str())
}

/// The parts between separators that count; none where a quote or an escape has no end.
fn parts(name: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut begin, mut quoted, mut escaped) = (0, false, false);
    for (index, character) in name.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' | ';' | '+' if !quoted => {
                parts.push(&name[begin..index]);
                begin = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&name[begin..]);
    (!quoted && !escaped).then_some(parts)
}

/// Angle brackets have to be escaped; a value in hexadecimal has to be one in DER.
fn is_value(value: &str) -> bool {
    if let Some(hex) = value.strip_prefix('#') {
        return is_der(hex);
    }
    if value.starts_with('"') {
        return true;
    }
    let mut escaped = false;
    value.chars().all(|character| {
        let is_fine = escaped || !matches!(character, '<' | '>');
        escaped = !escaped && character == '\\';
        is_fine
    })
}

/// Two digits for each byte, and the second byte is how many follow.
fn is_der(hex: &str) -> bool {
    let digits = hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !digits || !hex.len().is_multiple_of(2) || hex.len() < 4 {
        return false;
    }
    let length = usize::from_str_radix(&hex[2..4], 16).unwrap_or(usize::MAX);
    length >= 0x80 || hex.len() / 2 - 2 == length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Java says to the same names.
    #[test]
    fn subjects_are_what_java_takes() {
        let good = [
            "",
            "CN=",
            "CN=a,OU=b",
            "1.2.3=a",
            "OID.1.2=a",
            "CN=a;O=b",
            "CN=a+O=b",
            "cn=a",
            "T=x",
            "SERIALNUMBER=1",
            "CN=a=b",
            "S=x",
            "IP=1",
            "EMAIL=a@b",
            " CN = a ",
            r"O=\<a\>",
            r#"O="c,d""#,
            r"CN=a\,b",
            "2.5.4.42=#130176",
        ];
        for name in good {
            assert!(is_subject(name), "{name:?}");
        }
        let bad = [
            "CN",
            "CN=a,",
            "XX=a",
            "CN=#04",
            "CN=\"a",
            "=a",
            "CN=a,,O=b",
            "CN=a\\",
            "CN=<a>",
            "GN=x",
            "bob",
        ];
        for name in bad {
            assert!(!is_subject(name), "{name:?}");
        }
    }

    #[test]
    fn sasl_users_are_kerberos_names() {
        for name in ["bob", "", "a/b", "bob@REALM", "bob/host@REALM", "a/b/c"] {
            assert!(is_sasl_user(name), "{name}");
        }
        for name in ["a@b@c", "a/b/c@R", "a@R/x"] {
            assert!(!is_sasl_user(name), "{name}");
        }
    }
}
