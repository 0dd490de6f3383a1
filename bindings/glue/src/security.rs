//! Options of TLS and SASL, under the table's names.

use std::path::PathBuf;

use pinfold_client as client;

use crate::{Error, TlsVerify};

/// How to reach servers safely, and who the client is. Any option of TLS turns it on.
#[derive(Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields' docs are the table's
pub struct Security {
    pub tls_ca_file: Option<String>,
    pub tls_cert_file: Option<String>,
    pub tls_key_file: Option<String>,
    pub tls_store_password: Option<String>,
    pub tls_verify: Option<TlsVerify>,
    pub tls_server_name: Option<String>,
    pub sasl_user: Option<String>,
    pub sasl_password: Option<String>,
}

impl std::fmt::Debug for Security {
    /// Without the passwords, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Security")
            .field("tls_ca_file", &self.tls_ca_file)
            .field("tls_cert_file", &self.tls_cert_file)
            .field("tls_key_file", &self.tls_key_file)
            .field("tls_verify", &self.tls_verify)
            .field("tls_server_name", &self.tls_server_name)
            .field("sasl_user", &self.sasl_user)
            .finish_non_exhaustive()
    }
}

impl Security {
    /// TLS for every connection if any of its options is given.
    pub(crate) fn tls(&self) -> Option<client::Tls> {
        let off = Security {
            sasl_user: self.sasl_user.clone(),
            sasl_password: self.sasl_password.clone(),
            ..Security::default()
        };
        let path = |file: &Option<String>| file.as_ref().map(PathBuf::from);
        (*self != off).then(|| client::Tls {
            ca_file: path(&self.tls_ca_file),
            cert_file: path(&self.tls_cert_file),
            key_file: path(&self.tls_key_file),
            store_password: self.tls_store_password.clone(),
            verify: self.tls_verify.unwrap_or_default(),
            server_name: self.tls_server_name.clone(),
        })
    }

    /// A user with a password, or nobody in particular.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for one without the other.
    pub(crate) fn sasl(&self) -> Result<Option<client::Sasl>, Error> {
        match (&self.sasl_user, &self.sasl_password) {
            (None, None) => Ok(None),
            (Some(user), Some(password)) => Ok(Some(client::Sasl::digest_md5(user, password))),
            (Some(_), None) => Err(Error::invalid_argument("sasl_user has no sasl_password")),
            (None, Some(_)) => Err(Error::invalid_argument("sasl_password has no sasl_user")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_option_of_tls_turns_it_on() {
        let text = || Some("x".to_owned());
        assert_eq!(Security::default().tls(), None);
        let sasl = Security { sasl_user: text(), sasl_password: text(), ..Security::default() };
        assert_eq!(sasl.tls(), None);
        let verify = Security { tls_verify: Some(TlsVerify::None), ..Security::default() };
        assert!(verify.tls().is_some_and(|tls| tls.verify == TlsVerify::None));
        let name = Security { tls_server_name: text(), ..Security::default() };
        assert!(name.tls().is_some_and(|tls| tls.verify == TlsVerify::Full));
    }

    #[test]
    fn a_user_needs_a_password() {
        let text = || Some("x".to_owned());
        assert!(matches!(Security::default().sasl(), Ok(None)));
        let user = Security { sasl_user: text(), ..Security::default() };
        assert!(user.sasl().is_err_and(|error| error.message.contains("sasl_password")));
        let password = Security { sasl_password: text(), ..Security::default() };
        assert!(password.sasl().is_err_and(|error| error.message.contains("sasl_user")));
        let both = Security { sasl_user: text(), ..password };
        assert!(matches!(both.sasl(), Ok(Some(_))));
        assert!(!format!("{both:?}").contains("sasl_password"));
    }
}
