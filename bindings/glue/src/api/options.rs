//! Options of clients and of embedded servers, with their defaults and doc texts.

use super::operations::{arg, opt};
use super::{Arg, Default, Kind};

pub(super) static OPTIONS: &[Arg] = &[
    arg("hosts", Kind::Text, "Comma-separated host:port list, with an optional /chroot."),
    opt(
        "session_timeout_ms",
        Kind::U32,
        Default::Number(10_000),
        "Session timeout to ask for, milliseconds; the server may give another.",
    ),
    opt(
        "connect_timeout_ms",
        Kind::U32,
        Default::Number(10_000),
        "Time limit for the first connection, milliseconds.",
    ),
    opt("auth", Kind::AuthList, Default::Empty, "Credentials, given again at every reconnection."),
    opt("read_only", Kind::Bool, Default::Bool(false), "Accept a read-only server."),
    opt(
        "in_flight_limit",
        Kind::U32,
        Default::Number(16_384),
        "Requests that may wait for an answer before a call is refused with IN_FLIGHT_FULL.",
    ),
    opt(
        "tls_ca_file",
        Kind::Text,
        Default::Null,
        "Certificates to trust, PEM, PKCS12 or JKS; null for the operating system's. Any option \
         of TLS makes every connection use it.",
    ),
    opt(
        "tls_cert_file",
        Kind::Text,
        Default::Null,
        "The client's own certificate, PEM, or PKCS12 or JKS with its key; null for none.",
    ),
    opt(
        "tls_key_file",
        Kind::Text,
        Default::Null,
        "The client's key in PEM; null where tls_cert_file has it.",
    ),
    opt(
        "tls_store_password",
        Kind::Text,
        Default::Null,
        "Password of the stores and of an encrypted key.",
    ),
    opt(
        "tls_verify",
        Kind::TlsVerify,
        Default::Null,
        "How far a server's certificate is looked at; null for full, or for no TLS where no \
         other option asks for it.",
    ),
    opt(
        "tls_server_name",
        Kind::Text,
        Default::Null,
        "Name to look for in a server's certificate; null for its host name.",
    ),
    opt(
        "sasl_user",
        Kind::Text,
        Default::Null,
        "User to prove to be by SASL DIGEST-MD5 at every connection; null for nobody.",
    ),
    opt("sasl_password", Kind::Text, Default::Null, "The user's password."),
];

pub(super) static SERVER_OPTIONS: &[Arg] = &[
    opt("listen", Kind::Text, Default::Null, "host:port; null for a free port on loopback."),
    opt(
        "data_dir",
        Kind::Text,
        Default::Null,
        "Data directory; null for a temporary one that goes with the server.",
    ),
    opt(
        "tick_time_ms",
        Kind::U32,
        Default::Number(2_000),
        "ZooKeeper's tick, milliseconds: sessions get between 2 and 20 of them.",
    ),
    opt(
        "properties",
        Kind::Properties,
        Default::Null,
        "Settings of a zoo.cfg or Java's system properties by name, such as \
         extendedTypesEnabled or ssl.keyStore.location.",
    ),
];
