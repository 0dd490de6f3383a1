//! TLS on the clients' ports: stores, client certificates, who is let in and who is not.

mod certificates;
mod wire;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use certificates::{Authority, Issued, self_signed, store, write};
use pinfold_proto::records::{ConnectResponse, ReplyHeader, RequestHeader, WhoAmIResponse};
use pinfold_proto::{FrameDecoder, OpCode, frame, jute};
use pinfold_server::{Builder, Server, ServerError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

type Settings<'a> = &'a [(&'a str, &'a str)];

/// Long enough for any machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of certificates, and the server's settings that go with them.
struct Place {
    folder: TempDir,
    authority: Authority,
}

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap(), authority: Authority::new("CA") };
        write(place.path(), "server.pem", &place.authority.issue("server").pem());
        write(place.path(), "trust.pem", &place.authority.pem);
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn builder(&self, properties: &[(&str, &str)]) -> Builder {
        let location = |name: &str| self.path().join(name).to_str().unwrap().to_owned();
        let builder = Server::builder()
            .listen_secure("127.0.0.1:0")
            .property("zookeeper.ssl.keyStore.location", &location("server.pem"))
            .unwrap()
            .property("ssl.trustStore.location", &location("trust.pem"))
            .unwrap();
        properties
            .iter()
            .fold(builder, |builder, (name, value)| builder.property(name, value).unwrap())
    }

    fn serve(&self, properties: &[(&str, &str)]) -> Server {
        self.builder(properties).start().unwrap()
    }

    fn connect(&self, server: &Server, own: Option<&Issued>) -> std::io::Result<Secure> {
        Secure::connect(server.secure_address().unwrap(), &self.authority.pem, own)
    }
}

/// One connection over TLS, with a session.
struct Secure {
    stream: StreamOwned<ClientConnection, TcpStream>,
    input: BytesMut,
}

impl Secure {
    fn connect(address: &str, trusted: &str, own: Option<&Issued>) -> std::io::Result<Secure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            Some(own) => {
                let chain = CertificateDer::pem_slice_iter(own.certificate.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                let key = builder.crypto_provider().key_provider.load_private_key(key).unwrap();
                let own = CertifiedKey::new(chain.map(Result::unwrap).collect(), key);
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)))
            }
            None => builder.with_no_client_auth(),
        };
        let name = "localhost".try_into().unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut secure =
            Secure { stream: StreamOwned::new(session, socket), input: BytesMut::new() };
        let mut body = BytesMut::new();
        wire::handshake(10_000).encode(&mut body);
        let answer = secure.exchange(&body)?;
        assert!(ConnectResponse::decode(&answer).unwrap().timeout_ms > 0);
        Ok(secure)
    }

    fn exchange(&mut self, body: &[u8]) -> std::io::Result<Bytes> {
        self.stream.write_all(&frame::frame(body))?;
        self.stream.flush()?;
        let decoder = FrameDecoder { max: 1 << 20 };
        loop {
            if let Some(frame) = decoder.decode(&mut self.input).unwrap() {
                return Ok(frame);
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => self.input.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn who_am_i(&mut self) -> Vec<(String, String)> {
        let mut request = BytesMut::new();
        jute::write(&mut request, &RequestHeader { xid: 1, op: OpCode::WhoAmI.code() });
        let reply = self.exchange(&request).unwrap();
        let (header, body) = jute::from_bytes_prefix::<ReplyHeader>(&reply).unwrap();
        assert_eq!(header.err, 0);
        let WhoAmIResponse { client_info } = jute::from_bytes(body).unwrap();
        client_info.into_iter().map(|info| (info.scheme, info.user)).collect()
    }
}

/// What is sent without TLS, and whether anything but the end comes back.
fn is_cut_off(address: &str, bytes: &[u8]) -> bool {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        // A server that speaks TLS may say by an alert what it thinks of this.
        Ok(_) => !answer.starts_with(&[0]),
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn monitor(server: &Server, line: &str) -> String {
    let mut wire = wire::Wire::raw(&server.address());
    wire.send_bytes(b"mntr");
    let text = wire.text();
    let value = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix('\t'));
    value.unwrap_or_else(|| panic!("no {line} in {text}")).to_owned()
}

#[test]
fn a_certificate_is_an_identity() {
    let place = Place::new();
    let server = place.serve(&[]);
    let client = place.authority.issue("Bob, the builder");
    let mut bob = place.connect(&server, Some(&client)).unwrap();
    let expected = ("x509".to_owned(), r"CN=Bob\, the builder".to_owned());
    assert!(bob.who_am_i().contains(&expected));
}

#[test]
fn the_super_user_of_certificates_is_one_too() {
    let place = Place::new();
    let super_user = [("zookeeper.X509AuthenticationProvider.superUser", "CN=root")];
    let server = place.serve(&super_user);
    let mut root = place.connect(&server, Some(&place.authority.issue("root"))).unwrap();
    assert!(root.who_am_i().contains(&("super".into(), "CN=root".into())));
    let mut other = place.connect(&server, Some(&place.authority.issue("other"))).unwrap();
    assert!(other.who_am_i().iter().all(|(scheme, _)| scheme != "super"));
}

#[test]
fn certificates_are_needed_wanted_or_not_asked_for() {
    let place = Place::new();
    let own = place.authority.issue("client");
    let stranger = Authority::new("another CA").issue("client");
    let expired = place.authority.issue_expired("client");
    // Without, with a good one, with a stranger's, with one that was good.
    let cases = [
        ("need", [false, true, false, false]),
        ("want", [true, true, false, false]),
        ("none", [true, true, true, true]),
    ];
    for (auth, expected) in cases {
        let server = place.serve(&[("ssl.clientAuth", auth)]);
        let shown = [None, Some(&own), Some(&stranger), Some(&expired)];
        for (own, expected) in shown.into_iter().zip(expected) {
            let connected = place.connect(&server, own);
            assert_eq!(connected.is_ok(), expected, "{auth} {:?}", connected.err());
        }
        let failed = expected.iter().filter(|expected| !**expected).count();
        assert_eq!(monitor(&server, "zk_unsuccessful_handshake"), failed.to_string());
    }
}

#[test]
fn self_signed_certificates_are_trusted_by_being_in_the_store() {
    let place = Place::new();
    for is_authority in [false, true] {
        let own = self_signed("client", is_authority);
        write(place.path(), "trust.pem", &own.certificate);
        let server = place.serve(&[]);
        let mut client = place.connect(&server, Some(&own)).unwrap();
        assert!(client.who_am_i().contains(&("x509".into(), "CN=client".into())));
        let other = self_signed("client", is_authority);
        assert!(place.connect(&server, Some(&other)).is_err());
    }
}

#[test]
fn whose_certificate_is_trusted_can_make_none_for_others() {
    let place = Place::new();
    let client = Authority::without_rights("client");
    for trusted in [client.pem.clone(), format!("{}{}", place.authority.pem, client.pem)] {
        write(place.path(), "trust.pem", &trusted);
        let server = place.serve(&[]);
        let error = place.connect(&server, Some(&client.issue("root"))).map(drop).unwrap_err();
        assert!(error.to_string().contains("UnknownCA"), "{error}");
    }
}

#[test]
fn a_certificate_may_have_to_name_its_address() {
    let place = Place::new();
    let server = place.serve(&[("ssl.clientHostnameVerification", "true")]);
    assert!(place.connect(&server, Some(&place.authority.issue("here"))).is_ok());
    let elsewhere = place.authority.issue_for("there", "192.0.2.1");
    assert!(place.connect(&server, Some(&elsewhere)).is_err());
    let lax = [("ssl.clientHostnameVerification", "true"), ("ssl.hostnameVerification", "false")];
    assert!(place.connect(&place.serve(&lax), Some(&elsewhere)).is_ok());
}

#[test]
fn stores_of_java_are_taken() {
    let trusted = std::fs::read_to_string(store("ca.pem")).unwrap();
    let password_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password_file.path(), "pinfold\n").unwrap();
    for (keys, trust) in [("server.p12", "trust.p12"), ("server.jks", "trust.jks")] {
        let keys = store(keys).to_str().unwrap().to_owned();
        let server = Server::builder()
            .property("ssl.keyStore.location", &keys)
            .and_then(|builder| builder.property("ssl.keyStore.password", "pinfold"))
            .and_then(|b| b.property("ssl.trustStore.location", store(trust).to_str().unwrap()))
            .and_then(|b| {
                b.property("ssl.trustStore.passwordPath", password_file.path().to_str().unwrap())
            })
            .and_then(|builder| builder.property("ssl.clientAuth", "want"))
            .and_then(|builder| builder.property("client.portUnification", "true"))
            .and_then(Builder::start)
            .unwrap();
        assert!(Secure::connect(&server.address(), &trusted, None).is_ok(), "{keys}");
    }
}

#[test]
fn certificates_of_the_first_version_are_taken() {
    let place = Place::new();
    let old = std::fs::read_to_string(store("version1.pem")).unwrap();
    let (key, certificate) = old.split_at(old.find("-----BEGIN CERT").unwrap());
    let own = Issued { certificate: certificate.to_owned(), key: key.to_owned() };
    let authority = store("version1-authority.pem").to_str().unwrap().to_owned();
    let trust = [("ssl.trustStore.location", authority.as_str())];
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let server = place.serve(&[trust[0], ("ssl.enabledProtocols", protocol)]);
        let mut secure = place.connect(&server, Some(&own)).unwrap();
        let subject = ("x509".to_owned(), "CN=old,O=Pinfold".to_owned());
        assert!(secure.who_am_i().contains(&subject), "{protocol}");
        // With somebody else's key, and one whose signer is somebody else of that name.
        let stolen = Issued { certificate: own.certificate.clone(), ..self_signed("x", false) };
        assert!(place.connect(&server, Some(&stolen)).is_err(), "{protocol}");
        let name_alone = write(place.path(), "name.pem", &Authority::new("Old CA").pem);
        let name_alone = [trust[0].0, name_alone.to_str().unwrap()];
        let server = place.serve(&[(name_alone[0], name_alone[1])]);
        assert!(place.connect(&server, Some(&own)).is_err(), "{protocol}");
        let server = place.serve(&[]);
        assert!(place.connect(&server, Some(&own)).is_err(), "{protocol}");
    }
    let location = store("version1.pem").to_str().unwrap().to_owned();
    let with = |path: &str| place.builder(&[("ssl.keyStore.location", path)]).start();
    assert!(with(&location).is_ok());
    let other = format!("{certificate}{}", self_signed("x", false).key);
    let other = write(place.path(), "mismatch.pem", &other);
    assert!(with(other.to_str().unwrap()).is_err(), "the key of another certificate");
}

#[test]
fn one_port_takes_both_where_that_is_wanted() {
    let place = Place::new();
    let server = place.serve(&[("client.portUnification", "true"), ("ssl.clientAuth", "none")]);
    let mut plain = wire::Wire::connect(&server.address());
    plain.create("/a", "");
    let mut secure = Secure::connect(&server.address(), &place.authority.pem, None).unwrap();
    assert_eq!(secure.who_am_i().len(), 1);
    let mut word = wire::Wire::raw(&server.address());
    word.send_bytes(b"ruok");
    assert_eq!(word.text(), "imok");
}

#[test]
fn each_port_takes_its_own_kind_alone() {
    let place = Place::new();
    let server = place.serve(&[("netty.server.outstandingHandshake.limit", "1")]);
    let secure = server.secure_address().unwrap();
    let mut body = BytesMut::new();
    wire::handshake(10_000).encode(&mut body);
    assert!(is_cut_off(secure, &frame::frame(&body)));
    assert!(is_cut_off(secure, b"ruok1"));
    assert_eq!(monitor(&server, "zk_unsuccessful_handshake"), "2");
    let client_hello = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    assert!(is_cut_off(&server.address(), &client_hello));
    // None of these handshakes counts any more.
    assert!(place.connect(&server, Some(&place.authority.issue("client"))).is_ok());
}

#[test]
fn handshakes_that_do_not_go_on_are_ended() {
    let place = Place::new();
    let server = place.serve(&[("ssl.handshakeDetectionTimeoutMillis", "50")]);
    assert!(is_cut_off(server.secure_address().unwrap(), &[]));
    assert!(is_cut_off(server.secure_address().unwrap(), &[0x16, 3, 1]));
    assert_eq!(monitor(&server, "zk_unsuccessful_handshake"), "2");
}

#[test]
fn more_handshakes_than_allowed_are_refused() {
    let place = Place::new();
    let server = place.serve(&[("netty.server.outstandingHandshake.limit", "1")]);
    let address = server.secure_address().unwrap();
    // Two that say nothing: the first is waited for, so the second is one too many. Which of
    // them is the first is up to the server.
    let sockets = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    while monitor(&server, "zk_tls_handshake_exceeded") == "0" {
        std::thread::yield_now();
    }
    assert_eq!(monitor(&server, "zk_outstanding_tls_handshake"), "1");
    drop(sockets);
}

#[test]
fn changed_certificates_are_read_again() {
    let place = Place::new();
    let server = place.serve(&[("client.certReload", "true"), ("ssl.clientAuth", "none")]);
    assert!(place.connect(&server, None).is_ok());
    let other = Authority::new("the next CA");
    write(place.path(), "server.pem", "not a certificate");
    assert!(place.connect(&server, None).is_ok(), "the old one stays in use");
    write(place.path(), "server.pem", &format!("{}\n", other.issue("server").pem()));
    assert!(place.connect(&server, None).is_err());
    assert!(Secure::connect(server.secure_address().unwrap(), &other.pem, None).is_ok());
}

#[test]
fn a_server_may_speak_tls_alone() {
    let place = Place::new();
    let text = format!(
        "secureClientPort=0\nsecureClientPortAddress=127.0.0.1\ndataDir={}\n",
        place.path().join("data").display()
    );
    let config = pinfold_server::Config::parse(&text, "zoo.cfg").unwrap();
    assert_eq!((config.listen.as_str(), config.tls.listen), ("0.0.0.0:2181", None));
    let text = text.replace("Port=0", "Port=2281");
    let config = pinfold_server::Config::parse(&text, "zoo.cfg").unwrap();
    assert_eq!(
        (config.listen.as_str(), config.tls.listen.as_deref()),
        ("", Some("127.0.0.1:2281"))
    );
    let server = place.builder(&[("ssl.clientAuth", "none")]).listen("").start().unwrap();
    assert_eq!(Some(server.address().as_str()), server.secure_address());
    assert!(place.connect(&server, None).is_ok());
}

#[test]
fn what_is_wrong_with_a_store_is_told_at_the_start() {
    let place = Place::new();
    let refused = |properties: Settings| {
        let mut builder = place.builder(&[]);
        for (name, value) in properties {
            match builder.property(name, value) {
                Ok(next) => builder = next,
                Err(error) => return error.to_string(),
            }
        }
        match builder.start() {
            Err(error @ (ServerError::KeyStore { .. } | ServerError::Setting { .. })) => {
                error.to_string()
            }
            other => panic!("{properties:?}: {other:?}"),
        }
    };
    let p12 = store("server.p12").to_str().unwrap().to_owned();
    let damaged = write(place.path(), "damaged.jks", "not a store");
    let damaged = damaged.to_str().unwrap();
    let missing = "/nowhere/keys.p12";
    let key = "ssl.keyStore.location";
    let cases: [(Settings, &[&str]); 11] = [
        (&[(key, missing)], &[key, missing]),
        (&[(key, damaged)], &[key, damaged, "neither"]),
        (&[(key, &p12), ("ssl.keyStore.password", "wrong")], &[key, &p12, "password"]),
        (&[(key, &p12), ("ssl.keyStore.passwordPath", "/nowhere/p")], &[key, "/nowhere/p"]),
        (&[(key, &p12), ("ssl.keyStore.type", "BCFKS")], &[key, "BCFKS"]),
        (&[(key, "keys")], &[key, "type"]),
        (&[(key, "")], &[key, "not set"]),
        (&[("ssl.trustStore.location", missing)], &["ssl.trustStore.location", missing]),
        (&[("ssl.trustStore.location", "")], &["ssl.trustStore.location", "ssl.clientAuth"]),
        (&[("ssl.ciphersuites", "TLS_NULL")], &["ssl.ciphersuites", "TLS_AES_256_GCM_SHA384"]),
        (&[("ssl.ocsp", "true")], &["ssl.ocsp", "not supported"]),
    ];
    for (properties, words) in cases {
        let error = refused(properties);
        assert!(words.iter().all(|word| error.contains(word)), "{properties:?}: {error}");
    }
}

#[test]
fn versions_and_cipher_suites_are_those_that_are_set() {
    let place = Place::new();
    let only = [
        ("ssl.clientAuth", "none"),
        ("ssl.enabledProtocols", "TLSv1.1,TLSv1.2"),
        ("ssl.ciphersuites", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_AES_128_GCM_SHA256"),
    ];
    let server = place.serve(&only);
    let connection = place.connect(&server, None).unwrap();
    let tls = &connection.stream.conn;
    assert_eq!(tls.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    let suite = tls.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
}
