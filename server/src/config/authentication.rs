//! Who may do what without being asked, and who is the super user.

use crate::config::setting::Setting;

/// Settings of identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// `user:hash` of the super user of the digest scheme, if there is one.
    pub super_digest: Option<String>,
    /// Everybody may do everything.
    pub skip_acl: bool,
}

impl Authentication {
    /// Takes the setting if it is one of these.
    pub(crate) fn set(&mut self, setting: &Setting) -> bool {
        match setting.name() {
            "DigestAuthenticationProvider.superDigest" => {
                self.super_digest = Some(setting.value.to_owned());
            }
            "skipACL" => self.skip_acl = setting.value == "yes",
            _ => return false,
        }
        true
    }
}
