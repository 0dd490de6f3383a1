//! SASL, and who has to be authenticated at all.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::config::setting::Setting;
use crate::error::ServerError;

/// The package of ZooKeeper's own providers.
const PROVIDERS: &str = "org.apache.zookeeper.server.auth.";

/// The section of a JAAS file that is meant where none is named.
pub(crate) const DEFAULT_SECTION: &str = "Server";

/// Settings of SASL and of enforced authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// The JAAS file with the users.
    pub jaas_file: Option<PathBuf>,
    /// The section of the JAAS file.
    pub section: String,
    /// Users who may do everything.
    pub super_users: BTreeSet<String>,
    /// The password of the user `super`, over the one of the JAAS file.
    pub super_password: Option<String>,
    /// Whether whoever fails may go on, as nobody.
    pub allow_failed: bool,
    /// No DIGEST-MD5.
    pub fips_mode: bool,
    /// Schemes of ACLs that the settings `authProvider.` add.
    pub providers: BTreeSet<String>,
    enforced: bool,
    enforced_schemes: Vec<String>,
    client_sasl_required: bool,
}

impl Default for Sasl {
    fn default() -> Sasl {
        Sasl {
            jaas_file: None,
            section: DEFAULT_SECTION.to_owned(),
            super_users: BTreeSet::new(),
            super_password: None,
            allow_failed: false,
            fips_mode: false,
            providers: BTreeSet::new(),
            enforced: false,
            enforced_schemes: Vec::new(),
            client_sasl_required: false,
        }
    }
}

impl std::fmt::Debug for Sasl {
    /// Without the password, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Sasl({:?}, {:?})", self.jaas_file, self.enforced_schemes())
    }
}

impl Sasl {
    /// The schemes of which a connection must have an identity before anything else; none when
    /// anybody may begin.
    pub fn enforced_schemes(&self) -> Option<Vec<String>> {
        if self.client_sasl_required {
            return Some(vec!["sasl".to_owned()]);
        }
        self.enforced.then(|| self.enforced_schemes.clone())
    }

    /// Whether nobody is let in without SASL.
    pub fn is_required(&self) -> bool {
        self.enforced_schemes().is_some_and(|schemes| schemes.iter().any(|name| name == "sasl"))
    }

    /// Takes the setting if it is one of these.
    ///
    /// # Errors
    /// A value that has no meaning.
    pub(crate) fn set(&mut self, setting: &Setting) -> Result<bool, ServerError> {
        let name = setting.name();
        if let Some(provider) = name.strip_prefix("authProvider.") {
            self.add_provider(setting, provider);
            return Ok(true);
        }
        match name {
            "java.security.auth.login.config" => {
                self.jaas_file = Some(PathBuf::from(setting.value));
            }
            "sasl.serverconfig" => self.section = setting.value.to_owned(),
            "SASLAuthenticationProvider.superPassword" => {
                self.super_password = Some(setting.value.to_owned());
            }
            "allowSaslFailedClients" => self.allow_failed = setting.is_true(),
            "fips-mode" => self.fips_mode = setting.is_true(),
            "enforce.auth.enabled" => self.enforced = setting.is_true(),
            "enforce.auth.schemes" => {
                let schemes = setting.value.split(',').map(|scheme| scheme.trim().to_owned());
                self.enforced_schemes = schemes.filter(|scheme| !scheme.is_empty()).collect();
            }
            "quorum.auth.enableSasl" if setting.is_true() => {
                return Err(setting.refused("servers do not speak SASL to each other"));
            }
            "letAnySaslUserDoX" => {
                return Err(setting.refused("no user gets what another one may do"));
            }
            "sessionRequireClientSASLAuth" => self.client_sasl_required = setting.is_true(),
            // ZooKeeper before 3.7 had this one.
            "requireClientAuthScheme" if setting.value == "sasl" => {
                self.client_sasl_required = true
            }
            _ if name == "superUser" || name.starts_with("superUser.") => {
                self.super_users.insert(setting.value.to_owned());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn add_provider(&mut self, setting: &Setting, name: &str) {
        let class = setting.value.strip_prefix(PROVIDERS).unwrap_or(setting.value);
        match class {
            "SASLAuthenticationProvider" => drop(self.providers.insert("sasl".to_owned())),
            "X509AuthenticationProvider" => drop(self.providers.insert("x509".to_owned())),
            "DigestAuthenticationProvider" | "IPAuthenticationProvider" => {}
            _ => {
                let (place, class) = (setting.place, setting.value);
                tracing::warn!("{place}: provider {name}: {class} cannot be loaded, no effect");
            }
        }
    }
}
