//! What stands between a socket and what a client may ask for: TLS, SASL, enforced schemes.

use pinfold_proto::{Acl, Id};

use crate::config::Config;
use crate::error::ServerError;
use crate::sasl::Users;
use crate::tls::Tls;

/// Read once, when the server starts.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) tls: Option<Tls>,
    /// Who may prove to be somebody by SASL.
    pub(crate) users: Option<Users>,
    /// The schemes of which a connection must have an identity before anything else.
    enforced: Option<Vec<String>>,
    pub(crate) schemes: Schemes,
}

/// The schemes that not every server offers in ACLs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schemes {
    digest: bool,
    sasl: bool,
    x509: bool,
}

impl Gate {
    /// Reads certificates and users.
    ///
    /// # Errors
    /// The file that cannot be used, or a scheme that is enforced without being there.
    pub(crate) fn load(config: &Config) -> Result<Gate, ServerError> {
        let provided = |name: &str| config.sasl.providers.contains(name);
        let tls = Tls::load(&config.tls)?;
        let schemes = Schemes {
            digest: !config.authentication.digest_disabled,
            sasl: provided("sasl"),
            x509: tls.is_some() || provided("x509"),
        };
        let enforced = config.sasl.enforced_schemes();
        if let Some(enforced) = &enforced {
            let refused = |value: &str, reason: &str| ServerError::Setting {
                place: "settings".to_owned(),
                key: "enforce.auth.schemes".to_owned(),
                value: value.to_owned(),
                reason: reason.to_owned(),
            };
            if enforced.is_empty() {
                return Err(refused("", "enforce.auth.enabled needs it"));
            }
            if let Some(name) = enforced.iter().find(|name| !schemes.have(name)) {
                let reason = "this scheme is not available; authProvider.N adds sasl and x509";
                return Err(refused(name, reason));
            }
        }
        Ok(Gate { tls, users: Users::load(&config.sasl)?, enforced, schemes })
    }

    /// Whether somebody with these identities may ask for anything.
    pub(crate) fn admits(&self, ids: &[Id]) -> bool {
        match &self.enforced {
            Some(schemes) => ids.iter().any(|id| schemes.contains(&id.scheme)),
            None => true,
        }
    }
}

impl Schemes {
    fn have(self, scheme: &str) -> bool {
        match scheme {
            "digest" => self.digest,
            "sasl" => self.sasl,
            "x509" => self.x509,
            _ => scheme == "ip",
        }
    }

    /// Makes entries of schemes that are not offered here into what every state machine refuses.
    /// Which schemes are offered is a matter of this server's settings, and those are not in the
    /// log; so what goes into the log must mean the same everywhere.
    pub(crate) fn screen(self, list: &mut [Acl]) {
        for acl in list {
            let scheme = &mut acl.id.scheme;
            if matches!(scheme.as_str(), "digest" | "sasl" | "x509") && !self.have(scheme) {
                scheme.push_str(": not offered");
            }
        }
    }
}
