//! SASL's DIGEST-MD5 (RFC 2831), as ZooKeeper uses it: one challenge, one response, and the
//! server's proof, for authentication alone.
//!
//! MD5 and this mechanism are long outdated (RFC 6331); they protect a password against somebody
//! who only listens, and nothing else. They are here because ZooKeeper offers no other mechanism
//! for passwords. Use them inside TLS.

use md5::{Digest, Md5};

/// The name of ZooKeeper's service, the first half of every digest-uri.
pub const SERVICE: &str = "zookeeper";
/// The realm, and at the same time the name of the server, that ZooKeeper gives.
pub const SERVER: &str = "zk-sasl-md5";
/// Longest message that is looked at, bytes; the RFC allows 2048 for a challenge and 4096 for a
/// response.
const MAX_MESSAGE: usize = 4096;

/// Why an exchange failed. The text is for logs; it never has a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("DIGEST-MD5: {0}")]
pub struct DigestError(String);

fn fail<T>(reason: impl Into<String>) -> Result<T, DigestError> {
    Err(DigestError(reason.into()))
}

/// What the server says first. The nonce has to be new for every exchange.
pub fn challenge(realm: &str, nonce: &str) -> String {
    format!("realm=\"{}\",nonce=\"{nonce}\",charset=utf-8,algorithm=md5-sess", escaped(realm))
}

/// What the client answers, and what has to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The response to send.
    pub response: String,
    /// The server proves with this that it knows the password, too.
    expected: String,
}

impl Answer {
    /// Answers a challenge. `uri` is `service/server`; `cnonce` has to be new for every exchange.
    ///
    /// # Errors
    /// A challenge that is none, or that asks for more than authentication.
    pub fn new(
        challenge: &[u8],
        user: &str,
        password: &str,
        uri: &str,
        cnonce: &str,
    ) -> Result<Answer, DigestError> {
        let directives = Directives::parse(challenge)?;
        if directives.get("algorithm") != Some("md5-sess") {
            return fail("the server's algorithm is not md5-sess");
        }
        if let Some(offered) = directives.get("qop")
            && !offered.split(',').any(|qop| qop.trim() == "auth")
        {
            return fail(format!("the server asks for {offered}, only auth is known"));
        }
        let Some(nonce) = directives.get("nonce") else { return fail("a challenge without nonce") };
        let realm = directives.get("realm").unwrap_or("");
        let proof = Proof { user, realm, password, nonce, cnonce, uri, authzid: None };
        let quoted_realm = match directives.get("realm") {
            Some(realm) => format!("realm=\"{}\",", escaped(realm)),
            None => String::new(),
        };
        let response = format!(
            "charset=utf-8,username=\"{}\",{quoted_realm}nonce=\"{}\",nc=00000001,\
             cnonce=\"{cnonce}\",digest-uri=\"{uri}\",maxbuf=65536,response={},qop=auth",
            escaped(user),
            escaped(nonce),
            proof.value("AUTHENTICATE"),
        );
        Ok(Answer { response, expected: proof.value("") })
    }

    /// Checks the server's proof.
    ///
    /// # Errors
    /// It proves nothing: whoever answered does not know the password.
    pub fn check(&self, proof: &[u8]) -> Result<(), DigestError> {
        let directives = Directives::parse(proof)?;
        match directives.get("rspauth") {
            Some(value) if same(value, &self.expected) => Ok(()),
            Some(_) => fail("the server does not know the password"),
            None => fail("the server gave no proof"),
        }
    }
}

/// A client that has proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The user whose password it knew.
    pub user: String,
    /// What to send back, which proves that the server knows the password, too.
    pub proof: String,
}

/// Checks a client's response to the challenge with this nonce.
///
/// # Errors
/// A response that is none, that belongs to another challenge or server, an unknown user, a wrong
/// password. The client must not be told which.
pub fn verify(
    response: &[u8],
    realm: &str,
    nonce: &str,
    uri: &str,
    password_of: impl FnOnce(&str) -> Option<String>,
) -> Result<Verified, DigestError> {
    let directives = Directives::parse(response)?;
    let needed = |name: &str| match directives.get(name) {
        Some(value) => Ok(value),
        None => fail(format!("a response without {name}")),
    };
    let user = needed("username")?;
    if !same(needed("nonce")?, nonce) {
        return fail("the nonce is not the one of this connection");
    }
    if directives.get("realm").unwrap_or("") != realm {
        return fail("another realm");
    }
    // One exchange for each connection, so the count never goes on.
    if u32::from_str_radix(needed("nc")?, 16) != Ok(1) {
        return fail("the nonce's count is not 1");
    }
    if directives.get("qop").unwrap_or("auth") != "auth" {
        return fail("only qop=auth was offered");
    }
    if !needed("digest-uri")?.eq_ignore_ascii_case(uri) {
        return fail("meant for another server");
    }
    let authzid = directives.get("authzid");
    let (given, cnonce) = (needed("response")?, needed("cnonce")?);
    let Some(password) = password_of(user) else { return fail(format!("no user {user:?}")) };
    let uri = needed("digest-uri")?;
    let proof = Proof { user, realm, password: &password, nonce, cnonce, uri, authzid };
    if !same(given, &proof.value("AUTHENTICATE")) {
        return fail(format!("wrong password of user {user:?}"));
    }
    Ok(Verified { user: user.to_owned(), proof: format!("rspauth={}", proof.value("")) })
}

/// All that goes into a response or its counterpart.
struct Proof<'a> {
    user: &'a str,
    realm: &'a str,
    password: &'a str,
    nonce: &'a str,
    cnonce: &'a str,
    uri: &'a str,
    authzid: Option<&'a str>,
}

impl Proof<'_> {
    /// `AUTHENTICATE` for the client's value, nothing for the server's.
    fn value(&self, method: &str) -> String {
        let secret = Md5::new()
            .chain_update(hashed(self.user))
            .chain_update(":")
            .chain_update(hashed(self.realm))
            .chain_update(":")
            .chain_update(hashed(self.password))
            .finalize();
        let mut session = Md5::new()
            .chain_update(secret)
            .chain_update(format!(":{}:{}", self.nonce, self.cnonce));
        if let Some(authzid) = self.authzid {
            session.update(format!(":{authzid}"));
        }
        let session = hex(&session.finalize());
        let target = hex(&Md5::digest(format!("{method}:{}", self.uri)));
        let (nonce, cnonce) = (self.nonce, self.cnonce);
        let text = format!("{session}:{nonce}:00000001:{cnonce}:auth:{target}");
        hex(&Md5::digest(text))
    }
}

/// What is hashed of a name or a password: Latin-1 where it is enough, UTF-8 otherwise.
fn hashed(text: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    latin.unwrap_or_else(|| text.as_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Compares without telling by its duration where the difference is.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// `name=value,name="value"`.
struct Directives(Vec<(String, String)>);

impl Directives {
    fn parse(message: &[u8]) -> Result<Directives, DigestError> {
        if message.len() > MAX_MESSAGE {
            return fail(format!("a message of {} bytes", message.len()));
        }
        let Ok(text) = std::str::from_utf8(message) else { return fail("not UTF-8") };
        let mut directives = Directives(Vec::new());
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([',', ' ', '\t', '\r', '\n']);
            if rest.is_empty() {
                return Ok(directives);
            }
            let Some((name, behind)) = rest.split_once('=') else {
                return fail("a directive without a value");
            };
            let (value, behind) = value(behind.trim_start())?;
            let name = name.trim().to_ascii_lowercase();
            if directives.get(&name).is_some() {
                return fail(format!("{name} twice"));
            }
            directives.0.push((name, value));
            rest = behind.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return fail("directives are separated by commas");
            }
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A value, quoted or not, and what follows it.
fn value(text: &str) -> Result<(String, &str), DigestError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &quoted[index + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            _ => value.push(character),
        }
    }
    fail("a quoted value without an end")
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "zookeeper/zk-sasl-md5";

    /// What Java's own client and server said to each other: user, password, nonce, cnonce,
    /// response, proof. It sends the user as authzid, too.
    const JAVA: [[&str; 6]; 2] = [
        [
            "bob",
            "secret",
            "qtLGC0D+gs8Opx8WEsXSJ5cQVe/ymYo39S6pUKG5",
            "a73chaayXm1bFNDbcL0KTq77qXcMsXp+8TPuTilS",
            "9ec59c3886020a9c8664981fe621afba",
            "dc753145f46fc26486381d94dd21a469",
        ],
        [
            "müller",
            "gehüim",
            "swfYbSx8dtR2iuxExLpQHjpreJci2etazCjdtDXg",
            "shCV9CI3XOoJu7Z7mbN2LT+L1uCj/wjb2HT6BFCv",
            "c96a873ef791822483dccfee6140ea07",
            "eff42fc2db5370cbae5ad676fbce7227",
        ],
    ];

    fn java_response([user, _, nonce, cnonce, response, _]: [&str; 6]) -> String {
        format!(
            "charset=utf-8,username=\"{user}\",realm=\"zk-sasl-md5\",nonce=\"{nonce}\",\
             nc=00000001,cnonce=\"{cnonce}\",digest-uri=\"{URI}\",maxbuf=65536,\
             response={response},qop=auth,authzid=\"{user}\""
        )
    }

    #[test]
    fn what_java_says_is_understood() {
        for vector in JAVA {
            let [user, password, nonce, _, _, rspauth] = vector;
            let response = java_response(vector);
            let known = |name: &str| (name == user).then(|| password.to_owned());
            let verified = verify(response.as_bytes(), SERVER, nonce, URI, known).unwrap();
            assert_eq!(verified.proof, format!("rspauth={rspauth}"));
            assert_eq!(verified.user, user);
            let wrong = |_: &str| Some("wrong".to_owned());
            let error = verify(response.as_bytes(), SERVER, nonce, URI, wrong).unwrap_err();
            assert!(error.to_string().contains("wrong password"), "{error}");
            let replayed = verify(response.as_bytes(), SERVER, "another", URI, known).unwrap_err();
            assert!(replayed.to_string().contains("nonce"), "{replayed}");
            assert!(verify(response.as_bytes(), SERVER, nonce, "other/x", known).is_err());
            assert!(verify(response.as_bytes(), SERVER, nonce, URI, |_| None).is_err());
        }
    }

    #[test]
    fn client_and_server_agree() {
        let asked = challenge(SERVER, "n0nce");
        for (user, password) in [("bob", "s"), ("a\"b\\c", "日本"), ("", "")] {
            let answer = Answer::new(asked.as_bytes(), user, password, URI, "cn").unwrap();
            let known = |_: &str| Some(password.to_owned());
            let verified = verify(answer.response.as_bytes(), SERVER, "n0nce", URI, known).unwrap();
            assert_eq!(verified.user, user);
            answer.check(verified.proof.as_bytes()).unwrap();
            assert!(answer.check(b"rspauth=00000000000000000000000000000000").is_err());
            assert!(answer.check(b"").is_err());
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let big = vec![b'a'; MAX_MESSAGE + 1];
        let messages: [&[u8]; 8] = [
            b"",
            b"realm",
            b"nonce=\"a",
            b"nonce=\"a\"x",
            b"nonce=a,nonce=b",
            b"nonce=\"\\",
            b"\xff=\xff",
            &big,
        ];
        for message in messages {
            assert!(Answer::new(message, "u", "p", URI, "c").is_err(), "{message:?}");
            assert!(verify(message, SERVER, "n", URI, |_| Some(String::new())).is_err());
        }
        let private = b"nonce=\"n\",algorithm=md5-sess,qop=\"auth-conf\"";
        assert!(Answer::new(private, "u", "p", URI, "c").is_err());
    }
}
