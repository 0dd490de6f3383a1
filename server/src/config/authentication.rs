//! Who may do what without being asked, and who is the super user.

use crate::config::setting::Setting;
use crate::error::ServerError;

/// Settings of identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// `user:hash` of the super user of the digest scheme, if there is one.
    pub super_digest: Option<String>,
    /// Nobody is anybody by a user and a password.
    pub digest_disabled: bool,
    /// Everybody may do everything.
    pub skip_acl: bool,
}

impl Authentication {
    /// Takes the setting if it is one of these.
    ///
    /// # Errors
    /// A value that asks for what is not there.
    pub(crate) fn set(&mut self, setting: &Setting) -> Result<bool, ServerError> {
        match setting.name() {
            "DigestAuthenticationProvider.superDigest" => {
                self.super_digest = Some(setting.value.to_owned());
            }
            "DigestAuthenticationProvider.enabled" => self.digest_disabled = !setting.is_true(),
            // Hashes of another kind would open nothing, and those of this kind the wrong nodes.
            "DigestAuthenticationProvider.digestAlg" if setting.value != "SHA1" => {
                return Err(setting.refused("only SHA1 is there"));
            }
            "DigestAuthenticationProvider.digestAlg" => {}
            "skipACL" => self.skip_acl = setting.value == "yes",
            _ => return Ok(false),
        }
        Ok(true)
    }
}
