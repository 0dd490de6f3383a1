//! SASL at the server: who a client is, by a password that it does not send.

use std::collections::BTreeMap;

use pinfold_proto::Id;
use pinfold_proto::digest_md5::{self, DigestError, SERVER, SERVICE};
use pinfold_state::acl::SUPER_SCHEME;

use crate::config::{DEFAULT_SECTION, Sasl as Settings};
use crate::error::ServerError;
use crate::jaas;

/// The users of the JAAS file.
pub(crate) struct Users {
    passwords: BTreeMap<String, String>,
    settings: Settings,
}

impl std::fmt::Debug for Users {
    /// Without the passwords, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Users({:?})", self.passwords.keys())
    }
}

impl Users {
    /// Reads the JAAS file; nothing when there is none, or when the settings forbid MD5.
    ///
    /// # Errors
    /// A file that cannot be read, or has no such section though that was asked for.
    pub(crate) fn load(settings: &Settings) -> Result<Option<Users>, ServerError> {
        let Some(path) = &settings.jaas_file else { return Ok(None) };
        let refused = |reason: String| ServerError::Jaas { path: path.clone(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let section = &settings.section;
        let Some(mut passwords) = jaas::users(&text, section).map_err(refused)? else {
            let reason = format!("there is no section {section}");
            if settings.is_required() || section != DEFAULT_SECTION {
                return Err(refused(reason));
            }
            // ZooKeeper takes it for a file that is about somebody else.
            tracing::warn!("the JAAS file {}: {reason}: no SASL", path.display());
            return Ok(None);
        };
        if let (Some(password), Some(known)) =
            (&settings.super_password, passwords.get_mut("super"))
        {
            known.clone_from(password);
        }
        if settings.fips_mode {
            tracing::warn!("fips-mode is on: no SASL, whose only mechanism here is DIGEST-MD5");
            return Ok(None);
        }
        Ok(Some(Users { passwords, settings: settings.clone() }))
    }

    /// What a client becomes that has proved to be `user`.
    fn identities(&self, user: String) -> Vec<Id> {
        let is_super = self.settings.super_users.contains(&user);
        let mut ids = vec![Id::new("sasl", user)];
        if is_super {
            ids.push(Id::new(SUPER_SCHEME, ""));
        }
        ids
    }

    /// Whether a client that failed may go on, as nobody.
    pub(crate) fn forgive(&self) -> bool {
        self.settings.allow_failed && !self.settings.is_required()
    }
}

/// One connection's exchange.
#[derive(Debug, Default)]
pub(crate) enum Exchange {
    /// Nothing was said yet.
    #[default]
    New,
    /// The challenge with this nonce is out.
    Challenged(String),
    /// It has succeeded or failed. There is no second one.
    Over,
}

/// What to say next.
#[derive(Debug)]
pub(crate) enum Step {
    /// This, and go on.
    Challenge(String),
    /// The client is somebody; it has to be told so with this proof.
    Success(Vec<Id>, String),
}

impl Exchange {
    /// Takes the client's next token. The first may be anything: it only asks for the challenge.
    ///
    /// # Errors
    /// The client has not proved anything; the reason is for the log.
    pub(crate) fn step(&mut self, users: &Users, token: &[u8]) -> Result<Step, String> {
        match std::mem::replace(self, Exchange::Over) {
            Exchange::New => {
                let nonce = nonce().map_err(|error| error.to_string())?;
                let challenge = digest_md5::challenge(SERVER, &nonce);
                *self = Exchange::Challenged(nonce);
                Ok(Step::Challenge(challenge))
            }
            Exchange::Challenged(nonce) => {
                let uri = format!("{SERVICE}/{SERVER}");
                let password = |user: &str| users.passwords.get(user).cloned();
                let verified = digest_md5::verify(token, SERVER, &nonce, &uri, password);
                let verified = verified.map_err(|error: DigestError| error.to_string())?;
                Ok(Step::Success(users.identities(verified.user), verified.proof))
            }
            Exchange::Over => Err("the exchange is over".to_owned()),
        }
    }
}

/// 30 random bytes, as many as Java takes.
fn nonce() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 30];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
