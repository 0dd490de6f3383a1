//! SASL: who the client is, proved at every connection before anything is asked for.

/// How a client proves who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Sasl {
    /// A user and a password of the server's JAAS file. The password does not go over the wire,
    /// but the mechanism is old and weak: use TLS as well.
    DigestMd5 {
        /// The user.
        user: String,
        /// The password.
        password: String,
        /// The service's name; `zookeeper` unless the servers were changed.
        service: String,
        /// The server's name; `zk-sasl-md5` unless the servers were changed.
        server: String,
    },
}

impl Sasl {
    /// A user and a password, with the names that ZooKeeper's servers have.
    pub fn digest_md5(user: impl Into<String>, password: impl Into<String>) -> Sasl {
        Sasl::DigestMd5 {
            user: user.into(),
            password: password.into(),
            service: pinfold_proto::digest_md5::SERVICE.to_owned(),
            server: pinfold_proto::digest_md5::SERVER.to_owned(),
        }
    }
}

impl std::fmt::Debug for Sasl {
    /// Without the password, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Sasl::DigestMd5 { user, .. } = self;
        write!(formatter, "DigestMd5({user:?})")
    }
}
