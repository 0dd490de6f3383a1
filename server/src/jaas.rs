//! The users of a JAAS file, Java's configuration of logins.
//!
//! A file has sections, `Name { module flag key="value" ...; };`. What is wanted is one section's
//! options `user_<name>="<password>"`.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Users and passwords of one section; `None` when there is no such section.
///
/// # Errors
/// What in the text is not understood, with its line.
pub(crate) fn users(text: &str, section: &str) -> Result<Option<BTreeMap<String, String>>, String> {
    let mut scanner = Scanner { characters: text.chars().peekable(), line: 1 };
    let mut found = None;
    while let Some(token) = scanner.next()? {
        let Token::Word(name) = token else { return scanner.unexpected(&token) };
        scanner.expect('{')?;
        let users = scanner.section()?;
        if name == section && found.is_none() {
            found = Some(users);
        }
    }
    Ok(found)
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
}

struct Scanner<'a> {
    characters: Peekable<Chars<'a>>,
    line: usize,
}

impl Scanner<'_> {
    /// The modules of a section, up to its closing brace and the semicolon behind it.
    fn section(&mut self) -> Result<BTreeMap<String, String>, String> {
        let mut users = BTreeMap::new();
        loop {
            match self.next()? {
                Some(Token::Sign('}')) => {
                    self.expect(';')?;
                    return Ok(users);
                }
                Some(Token::Word(_module)) => self.options(&mut users)?,
                Some(token) => return self.unexpected(&token),
                None => return Err("it ends inside of a section".to_owned()),
            }
        }
    }

    /// What is behind the name of a module: its flag, its options, a semicolon.
    fn options(&mut self, users: &mut BTreeMap<String, String>) -> Result<(), String> {
        let flags = ["required", "requisite", "sufficient", "optional"];
        match self.next()? {
            Some(Token::Word(flag)) if flags.contains(&flag.to_lowercase().as_str()) => {}
            Some(token) => return self.unexpected(&token),
            None => return Err("it ends inside of a section".to_owned()),
        }
        loop {
            match self.next()? {
                Some(Token::Sign(';')) => return Ok(()),
                Some(Token::Word(key)) => {
                    self.expect('=')?;
                    match self.next()? {
                        Some(Token::Word(value)) => {
                            if let Some(user) = key.strip_prefix("user_") {
                                users.insert(user.to_owned(), value);
                            }
                        }
                        Some(token) => return self.unexpected(&token),
                        None => return Err(format!("{key} has no value")),
                    }
                }
                Some(token) => return self.unexpected(&token),
                None => return Err("a module ends without a semicolon".to_owned()),
            }
        }
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        match self.next()? {
            Some(Token::Sign(found)) if found == sign => Ok(()),
            Some(token) => {
                self.unexpected(&token).map_err(|error: String| format!("{error}, not {sign}"))
            }
            None => Err(format!("it ends where {sign} is missing")),
        }
    }

    fn unexpected<T>(&self, token: &Token) -> Result<T, String> {
        let line = self.line;
        Err(match token {
            // It may be a password.
            Token::Word(_) => format!("line {line}: a word is where it should not be"),
            Token::Sign(sign) => format!("line {line}: {sign} is where it should not be"),
        })
    }

    fn next(&mut self) -> Result<Option<Token>, String> {
        while let Some(character) = self.advance() {
            match character {
                '/' if self.characters.peek() == Some(&'/') => self.skip_line(),
                '/' if self.characters.peek() == Some(&'*') => self.skip_comment()?,
                '#' => self.skip_line(),
                '"' => return self.quoted().map(Some),
                '{' | '}' | ';' | '=' => return Ok(Some(Token::Sign(character))),
                _ if character.is_whitespace() => {}
                _ => {
                    let mut word = String::from(character);
                    while let Some(next) = self.characters.peek()
                        && !next.is_whitespace()
                        && !"{};=\"".contains(*next)
                    {
                        word.extend(self.advance());
                    }
                    return Ok(Some(Token::Word(word)));
                }
            }
        }
        Ok(None)
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.characters.next();
        self.line += usize::from(character == Some('\n'));
        character
    }

    fn quoted(&mut self) -> Result<Token, String> {
        let line = self.line;
        let mut text = String::new();
        loop {
            match self.advance() {
                Some('"') => return Ok(Token::Word(text)),
                Some('\\') => match self.advance() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    other => text.extend(other),
                },
                Some('\n') | None => return Err(format!("line {line}: a quote has no end")),
                Some(character) => text.push(character),
            }
        }
    }

    fn skip_line(&mut self) {
        while !matches!(self.advance(), Some('\n') | None) {}
    }

    fn skip_comment(&mut self) -> Result<(), String> {
        let line = self.line;
        self.advance();
        while let Some(character) = self.advance() {
            if character == '*' && self.characters.peek() == Some(&'/') {
                self.advance();
                return Ok(());
            }
        }
        Err(format!("line {line}: a comment has no end"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        // What kazoo and Apache's own documentation write.
        Server {
            org.apache.zookeeper.server.auth.DigestLoginModule required
                user_super="adminsecret" /* two
                lines */ user_bob="bob\"s;=}"
                user_jaas_user=plain;
        };
        Client { org.apache.zookeeper.server.auth.DigestLoginModule required
            username="bob" password="x"; };
    "#;

    #[test]
    fn users_come_out_of_their_section() {
        let users = users(FILE, "Server").unwrap().unwrap();
        let expected = [("bob", "bob\"s;=}"), ("jaas_user", "plain"), ("super", "adminsecret")];
        assert!(users.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected));
        assert_eq!(super::users(FILE, "Client").unwrap().unwrap().len(), 0);
        assert_eq!(super::users(FILE, "Other").unwrap(), None);
    }

    #[test]
    fn what_is_no_jaas_file_is_named_with_its_line() {
        let texts = [
            "Server",
            "Server {",
            "Server { m required",
            "Server { m required user_a=\"b\"; }",
            "Server { m user_a=\"b\"; };",
            "Server { m required user_a=\"b; };",
            "\n;",
            "/* x",
            "Server { m required user_a ; };",
            "Server { m required user_a= ; };",
        ];
        for text in texts {
            assert!(users(text, "Server").is_err(), "{text}");
        }
        assert!(users("\n\n}", "Server").unwrap_err().contains("line 3"));
        assert!(!users("Server { m secret", "Server").unwrap_err().contains("secret"));
    }
}
