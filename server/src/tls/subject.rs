//! The name in a certificate, as text.
//!
//! It is what ACLs hold, so it has to be letter for letter what Java's `X500Principal.getName()`
//! gives, which is almost RFC 2253.

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{self, Decode, Encode, Tag, Tagged};
use x509_cert::name::Name;

/// The attributes that have a name in RFC 2253; all others show their number.
const KEYWORDS: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// The subject of a certificate in DER.
///
/// # Errors
/// Bytes that are no certificate.
pub(super) fn of(certificate: &[u8]) -> der::Result<String> {
    let certificate = CertificateInner::<Raw>::from_der(certificate)?;
    text(certificate.tbs_certificate().subject())
}

/// The last part comes first.
fn text(name: &Name) -> der::Result<String> {
    let mut parts = Vec::new();
    for part in name.iter_rdn() {
        let attributes: der::Result<Vec<String>> = part.iter().map(attribute).collect();
        parts.push(attributes?.join("+"));
    }
    parts.reverse();
    Ok(parts.join(","))
}

fn attribute(attribute: &AttributeTypeAndValue) -> der::Result<String> {
    let number = attribute.oid.to_string();
    let keyword = KEYWORDS.iter().find(|(oid, _)| *oid == number).map(|(_, keyword)| *keyword);
    let is_text = matches!(
        attribute.value.tag(),
        Tag::Utf8String
            | Tag::PrintableString
            | Tag::TeletexString
            | Tag::Ia5String
            | Tag::GeneralString
            | Tag::BmpString
    );
    match keyword {
        // Whatever its tag says, Java reads it as UTF-8.
        Some(keyword) if is_text => {
            let value = String::from_utf8_lossy(attribute.value.value());
            Ok(format!("{keyword}={}", escaped(&value)))
        }
        _ => {
            let value = attribute.value.to_der()?;
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(format!("{}=#{hex}", keyword.unwrap_or(&number)))
        }
    }
}

fn escaped(value: &str) -> String {
    let is_space = |c: char| matches!(c, ' ' | '\r');
    let last = value.trim_end_matches(is_space).len();
    let first = value.len() - value.trim_start_matches(is_space).len();
    let mut text = String::new();
    for (index, character) in value.char_indices() {
        match character {
            '\0' => text.push_str("\\00"),
            ',' | '=' | '+' | '<' | '>' | '#' | ';' | '"' | '\\' => {
                text.push('\\');
                text.push(character);
            }
            _ => {
                if index < first || index >= last {
                    text.push('\\');
                }
                text.push(character);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name in DER, and what Java makes of it.
    const JAVA: [(&str, &str); 14] = [
        ("3010310e300c06035504030c05706c61696e", "CN=plain"),
        (
            "301e311c301a06035504030c13612c623d632b643c653e6623673b6822695c6a",
            r#"CN=a\,b\=c\+d\<e\>f\#g\;h\"i\\j"#,
        ),
        ("30123110300e06035504030c07202074776f2020", r"CN=\ \ two\ \ "),
        ("300c310a300806035504030c0120", r"CN=\ "),
        ("300b3109300706035504030c00", "CN="),
        ("30123110300e06035504030c076dc3bc6c6c6572", "CN=müller"),
        ("300e310c300a06035504030c03610062", r"CN=a\00b"),
        ("300f310d300b06035504030c0478202079", "CN=x  y"),
        ("300e310c300a06035504031603696135", "CN=ia5"),
        ("30123110300e06035504031b0767656e6572616c", "CN=general"),
        ("300e310c300a06035504031203313233", "CN=#1203313233"),
        ("300c310a3008060355042a130176", "2.5.4.42=#130176"),
        ("30123110300e06092a864886f70d010901130176", "1.2.840.113549.1.9.1=#130176"),
        ("30163114300806035504030c01613008060355040b0c0162", "CN=a+OU=b"),
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn names_are_those_of_java() {
        for (hex, expected) in JAVA {
            assert_eq!(text(&Name::from_der(&bytes(hex)).unwrap()).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        assert!(of(&[]).is_err() && of(&bytes(JAVA[0].0)).is_err());
    }
}
