//! SASL DIGEST-MD5, and authentication that is required.

mod wire;

use bytes::Bytes;
use pinfold_proto::digest_md5::{Answer, SERVER, SERVICE};
use pinfold_proto::records::{CreateRequest, GetSaslRequest, SetSaslResponse, WhoAmIResponse};
use pinfold_proto::{Acl, ErrorCode, Id, OpCode, jute};
use pinfold_server::Server;
use wire::{Reply, Wire};

const JAAS: &str = r#"
Server {
    org.apache.zookeeper.server.auth.DigestLoginModule required
        user_super="adminsecret"
        user_bob="bobsecret";
};
"#;
const PROVIDER: (&str, &str) =
    ("authProvider.1", "org.apache.zookeeper.server.auth.SASLAuthenticationProvider");

/// A server with these users, and the folder of its file.
fn serve(properties: &[(&str, &str)]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let jaas = folder.path().join("jaas.conf");
    std::fs::write(&jaas, JAAS).unwrap();
    let mut builder = Server::builder()
        .property("java.security.auth.login.config", jaas.to_str().unwrap())
        .unwrap();
    for (name, value) in [PROVIDER].iter().chain(properties) {
        builder = builder.property(name, value).unwrap();
    }
    (builder.start().unwrap(), folder)
}

fn token(wire: &mut Wire, token: &[u8]) -> Reply {
    let token = Some(Bytes::copy_from_slice(token));
    wire.call(OpCode::Sasl, &GetSaslRequest { token })
}

fn said(reply: &Reply) -> Option<Bytes> {
    jute::from_bytes::<SetSaslResponse>(&reply.1).unwrap().token
}

fn answer_to(challenge: &[u8], user: &str, password: &str) -> Answer {
    Answer::new(challenge, user, password, &format!("{SERVICE}/{SERVER}"), "cn").unwrap()
}

/// The whole exchange; the reply to its end.
fn log_in(wire: &mut Wire, user: &str, password: &str) -> Reply {
    let asked = token(wire, b"");
    assert_eq!((asked.0.err, asked.0.zxid), (0, 0));
    let answer = answer_to(&said(&asked).unwrap(), user, password);
    let reply = token(wire, answer.response.as_bytes());
    if let Some(proof) = said(&reply) {
        answer.check(&proof).unwrap();
    }
    reply
}

/// What ZooKeeper sends when an exchange fails: the code, a null token, and the end.
fn assert_refused(mut wire: Wire, reply: &Reply, code: ErrorCode) {
    assert_eq!((reply.0.err, reply.0.zxid), (code.code(), 0));
    assert_eq!(reply.1.as_ref(), [0xff; 4]);
    assert!(wire.frame().is_none(), "the connection goes on");
}

fn identities(wire: &mut Wire) -> Vec<(String, String)> {
    let WhoAmIResponse { client_info } = wire.ask(OpCode::WhoAmI, &());
    client_info.into_iter().map(|info| (info.scheme, info.user)).collect()
}

fn create(path: &str, scheme: &str, id: &str) -> CreateRequest {
    let acl = vec![Acl { perms: 31, id: Id::new(scheme, id) }];
    CreateRequest { path: path.to_owned(), data: None, acl, flags: 0 }
}

#[test]
fn a_user_of_the_jaas_file_is_somebody() {
    let (server, _folder) = serve(&[]);
    let mut bob = Wire::connect(&server.address());
    assert_eq!(log_in(&mut bob, "bob", "bobsecret").0.err, 0);
    assert!(identities(&mut bob).contains(&("sasl".into(), "bob".into())));
    assert_eq!(bob.code(OpCode::Create, &create("/a", "auth", "")), ErrorCode::Ok);
    assert_eq!(bob.code(OpCode::Create, &create("/b", "sasl", "a@b@c")), ErrorCode::InvalidAcl);
    bob.set("/a", "1");
    let mut nobody = Wire::connect(&server.address());
    let write = wire::set("/a", "2", -1);
    assert_eq!(nobody.code(OpCode::SetData, &write), ErrorCode::NoAuth);
    // ZooKeeper's user of this name may what any SASL user may.
    log_in(&mut nobody, "super", "adminsecret");
    assert_eq!(nobody.code(OpCode::SetData, &write), ErrorCode::Ok);
}

#[test]
fn super_users_may_do_everything() {
    let (server, _folder) = serve(&[("superUser", "bob")]);
    let mut owner = Wire::connect(&server.address());
    owner.auth("digest", "a:b");
    assert_eq!(owner.code(OpCode::Create, &create("/a", "auth", "")), ErrorCode::Ok);
    let mut bob = Wire::connect(&server.address());
    log_in(&mut bob, "bob", "bobsecret");
    bob.delete("/a");
}

#[test]
fn who_proves_nothing_is_refused_and_cut_off() {
    let (server, _folder) = serve(&[]);
    for (user, password) in [("bob", "wrong"), ("eve", "bobsecret"), ("bob", "")] {
        let mut wire = Wire::connect(&server.address());
        let reply = log_in(&mut wire, user, password);
        assert_refused(wire, &reply, ErrorCode::AuthFailed);
    }
    for garbage in [&b"garbage"[..], b"", b"username=\"bob\"", &[0xff; 40], &[b'a'; 5000]] {
        let mut wire = Wire::connect(&server.address());
        token(&mut wire, b"");
        let reply = token(&mut wire, garbage);
        assert_refused(wire, &reply, ErrorCode::AuthFailed);
    }
    let mut wire = Wire::connect(&server.address());
    let reply = wire.call_raw(OpCode::Sasl.code(), &[0, 0]);
    assert_eq!(reply.0.err, ErrorCode::AuthFailed.code());
    assert!(wire.frame().is_none());
}

#[test]
fn an_answer_is_good_for_one_challenge() {
    let (server, _folder) = serve(&[]);
    let mut first = Wire::connect(&server.address());
    let challenge = said(&token(&mut first, b"")).unwrap();
    let answer = answer_to(&challenge, "bob", "bobsecret").response;
    let mut second = Wire::connect(&server.address());
    assert_ne!(said(&token(&mut second, b"")).unwrap(), challenge);
    let replayed = token(&mut second, answer.as_bytes());
    assert_refused(second, &replayed, ErrorCode::AuthFailed);
    assert_eq!(token(&mut first, answer.as_bytes()).0.err, 0);
    let again = token(&mut first, answer.as_bytes());
    assert_refused(first, &again, ErrorCode::AuthFailed);
}

#[test]
fn the_answer_waits_for_what_was_asked_before() {
    let (server, _folder) = serve(&[]);
    let mut wire = Wire::connect(&server.address());
    let write = wire.send(OpCode::Create, &wire::create("/a", "x", 0));
    let asked = wire.send(OpCode::Sasl, &GetSaslRequest { token: Some(Bytes::new()) });
    assert_eq!(wire.reply().unwrap().0.xid, write);
    assert_eq!(wire.reply().unwrap().0.xid, asked);
}

#[test]
fn whoever_failed_may_go_on_where_that_is_allowed() {
    let (server, _folder) = serve(&[("allowSaslFailedClients", "true")]);
    let mut wire = Wire::connect(&server.address());
    let reply = log_in(&mut wire, "bob", "wrong");
    assert_eq!((reply.0.err, reply.1.as_ref()), (0, &[0xff; 4][..]));
    assert!(identities(&mut wire).iter().all(|(scheme, _)| scheme == "ip"));
}

#[test]
fn without_users_there_is_no_sasl() {
    let off = [("fips-mode", "true")];
    for server in [Server::start().unwrap(), serve(&off).0] {
        let mut wire = Wire::connect(&server.address());
        // ZooKeeper's answer, which its clients take for a failure.
        let answer = token(&mut wire, b"");
        assert_eq!((answer.0.err, answer.1.as_ref()), (0, &[0xff; 4][..]));
        assert!(identities(&mut wire).iter().all(|(scheme, _)| scheme == "ip"));
    }
    // Nobody can have such an identity, so an access list with one would let in nobody.
    let server = Server::start().unwrap();
    let mut wire = Wire::connect(&server.address());
    for scheme in ["sasl", "x509"] {
        let code = wire.code(OpCode::Create, &create("/a", scheme, "CN=a"));
        assert_eq!(code, ErrorCode::InvalidAcl);
    }
}

#[test]
fn where_sasl_is_required_nothing_else_comes_first() {
    let required = [
        [("sessionRequireClientSASLAuth", "true"), ("x", "")],
        [("enforce.auth.enabled", "true"), ("enforce.auth.schemes", "digest, sasl")],
    ];
    for properties in required {
        let (server, _folder) = serve(&properties);
        let requests = [
            (OpCode::Create, jute::to_bytes(&wire::create("/a", "", 0))),
            (OpCode::Exists, Bytes::from_static(b"garbage")),
            (OpCode::CloseSession, Bytes::new()),
            (OpCode::Ping, Bytes::new()),
        ];
        for (op, body) in requests {
            let mut wire = Wire::connect(&server.address());
            let (_, bytes) = wire.encode_raw(op.code(), &body);
            wire.send_bytes(&bytes);
            let frame = wire.frame().unwrap();
            let code = ErrorCode::SessionClosedRequireSaslAuth.code();
            assert_eq!(frame[4..], [&[0; 8][..], &code.to_be_bytes()].concat(), "{op:?}");
            assert!(wire.frame().is_none());
        }
        let mut wire = Wire::connect(&server.address());
        let reply = log_in(&mut wire, "bob", "wrong");
        assert_refused(wire, &reply, ErrorCode::SessionClosedRequireSaslAuth);
        let mut wire = Wire::connect(&server.address());
        log_in(&mut wire, "bob", "bobsecret");
        wire.create("/a", "");
    }
}

#[test]
fn another_scheme_may_be_required() {
    let builder = Server::builder().property("enforce.auth.enabled", "true").unwrap();
    let server = builder.property("enforce.auth.schemes", "digest").unwrap().start().unwrap();
    let mut wire = Wire::connect(&server.address());
    wire.auth("digest", "a:b");
    wire.create("/a", "");
}

#[test]
fn the_digest_scheme_may_be_turned_off() {
    let off = ("zookeeper.DigestAuthenticationProvider.enabled", "false");
    let server = Server::builder().property(off.0, off.1).unwrap().start().unwrap();
    let mut wire = Wire::connect(&server.address());
    let write = create("/a", "digest", "a:b");
    assert_eq!(wire.code(OpCode::Create, &write), ErrorCode::InvalidAcl);
    assert_eq!(wire.auth("digest", "a:b"), Some(ErrorCode::AuthFailed));
}

#[test]
fn what_cannot_be_enforced_or_read_keeps_the_server_from_starting() {
    let start = |properties: &[(&str, &str)]| {
        let mut builder = Server::builder();
        for (name, value) in properties {
            builder = builder.property(name, value).unwrap();
        }
        builder.start().map(drop).unwrap_err().to_string()
    };
    assert!(start(&[("enforce.auth.enabled", "true")]).contains("enforce.auth.schemes"));
    let unknown = [("enforce.auth.enabled", "true"), ("enforce.auth.schemes", "kerberos")];
    assert!(start(&unknown).contains("kerberos"));
    assert!(start(&[("sessionRequireClientSASLAuth", "true")]).contains("sasl"));
    let login = "java.security.auth.login.config";
    assert!(start(&[(login, "/nowhere/jaas.conf")]).contains("/nowhere/jaas.conf"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jaas.conf");
    std::fs::write(&path, JAAS).unwrap();
    let path = path.to_str().unwrap();
    assert!(start(&[(login, path), ("zookeeper.sasl.serverconfig", "Zoo")]).contains("Zoo"));
    // A file about somebody else says nothing about the server's users.
    std::fs::write(path, "Client { };").unwrap();
    let data = folder.path().join("data");
    let builder = Server::builder().listen("127.0.0.1:0").data_dir(data);
    assert!(builder.property(login, path).unwrap().start().is_ok());
    let needed = [PROVIDER, (login, path), ("sessionRequireClientSASLAuth", "true")];
    assert!(start(&needed).contains("Server"));
    std::fs::write(path, "Server {").unwrap();
    let error = start(&[(login, path)]);
    assert!(error.contains(path), "{error}");
}
