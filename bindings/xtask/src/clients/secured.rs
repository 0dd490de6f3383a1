//! TLS and SASL between ZooKeeper's and our own clients and servers, each with each.
//!
//! Both servers read the same zoo.cfg, stores and JAAS file. Java's client and ours tell who they
//! are to them, in every way there is, and what they print has to be the committed text.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pinfold_client::{Acl, Client, CreateMode, Id, Options, Perms, Sasl, Tls};
use pinfold_conformance::process::ServerProcess;

use super::{difference, folder};
use crate::fault::Doing;
use crate::{Fallible, Fault, oracle, step, workspace};

const USERS: &str = r#"
Server {
    org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="secret" user_root="r";
};
Bob { org.apache.zookeeper.server.auth.DigestLoginModule required
    username="bob" password="secret"; };
Root { org.apache.zookeeper.server.auth.DigestLoginModule required username="root" password="r"; };
Wrong { org.apache.zookeeper.server.auth.DigestLoginModule required
    username="bob" password="wrong"; };
"#;

/// Tells the story to Apache ZooKeeper and to Pinfold.
pub(super) fn tell_all(only: Option<&str>, accept: bool, failed: &mut Vec<String>) {
    if let Some(why) = oracle::missing() {
        return step::left_out("TLS and SASL with ZooKeeper's client", why);
    }
    for server in ["zookeeper", "pinfold"] {
        let named = if server == "zookeeper" { "oracle" } else { server };
        if only.is_some_and(|only| only != named) {
            continue;
        }
        match tell(server, accept && server == "zookeeper") {
            Ok(()) => {
                println!("secured against {server}: ok");
                step::count(1, 0);
            }
            Err(fault) => {
                println!("secured against {server}: FAILED");
                step::count(0, 1);
                failed.push(format!("secured against {server}: {fault}"));
            }
        }
    }
}

fn tell(server: &str, accept: bool) -> Fallible {
    let place = tempfile::tempdir().doing("making a temporary folder")?;
    let jaas = place.path().join("jaas.conf");
    fs::write(&jaas, USERS).doing(jaas.display())?;
    let secure = free_port()?;
    let process = serve(server, place.path(), &jaas, secure)?;
    let hosts = [process.address().to_owned(), format!("localhost:{secure}")];
    let mut java = Command::new("java");
    java.arg(format!("-Djava.security.auth.login.config={}", jaas.display()));
    java.args(["-cp", &format!("{}/*", oracle::jars()?.display())]);
    java.arg(folder().join("SecuredStory.java")).args(&hosts).arg(stores());
    let mut printed = format!("ZooKeeper's client\n{}", step::output(&mut java)?);
    printed.push_str("Pinfold's client\n");
    let runtime = tokio::runtime::Runtime::new().doing("starting a runtime")?;
    printed.push_str(&runtime.block_on(story(&hosts))?);
    let expected = folder().join("secured.expected");
    if accept {
        return fs::write(&expected, printed).doing(expected.display());
    }
    let wanted = fs::read_to_string(&expected).doing(expected.display())?;
    difference(&wanted, &printed).map_or(Ok(()), |text| Err(Fault::new(text)))
}

/// Starts a server with the same settings, whichever it is.
fn serve(server: &str, place: &Path, jaas: &Path, secure: u16) -> Fallible<ServerProcess> {
    let stores = stores();
    let settings = format!(
        "secureClientPort={secure}\nsecureClientPortAddress=127.0.0.1\n\
         serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n\
         ssl.keyStore.location={0}/server.jks\nssl.keyStore.password=pinfold\n\
         ssl.trustStore.location={0}/trust.p12\nssl.trustStore.password=pinfold\n\
         ssl.clientAuth=want\nsuperUser=root\n\
         authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n",
        stores.display()
    );
    let login = format!("-Djava.security.auth.login.config={}", jaas.display());
    if server == "zookeeper" {
        let jars = oracle::jars()?;
        return ServerProcess::zookeeper_with(&jars, place, 0, &settings, &[login.into()])
            .map_err(Fault::new);
    }
    let config = place.join("zoo.cfg");
    fs::write(&config, settings).doing(config.display())?;
    let arguments = ["--config".into(), config.into_os_string(), login.into()];
    let binary = workspace::server_binary()?;
    let data = place.join("data");
    ServerProcess::pinfold_with(&binary, &data, 0, &arguments, Stdio::inherit()).map_err(Fault::new)
}

/// Our client's part.
async fn story([plain, secure]: &[String; 2]) -> Fallible<String> {
    let tls = |cert_file: Option<&str>| Tls {
        ca_file: Some(stores().join("trust.jks")),
        cert_file: cert_file.map(|name| stores().join(name)),
        store_password: Some("pinfold".to_owned()),
        ..Tls::default()
    };
    let bob = || Some(Sasl::digest_md5("bob", "secret"));
    let options = |hosts: &str, tls, sasl| Options { tls, sasl, ..Options::new(hosts) };
    let steps = [
        ("plain", options(plain, None, None)),
        ("plain, bob", options(plain, None, bob())),
        ("plain, root", options(plain, None, Some(Sasl::digest_md5("root", "r")))),
        ("plain, wrong", options(plain, None, Some(Sasl::digest_md5("bob", "wrong")))),
        ("tls", options(secure, Some(tls(None)), None)),
        ("tls, certificate", options(secure, Some(tls(Some("client.pem"))), None)),
        ("tls, certificate, bob", options(secure, Some(tls(Some("client.p12"))), bob())),
    ];
    let mut printed = String::new();
    for (name, options) in steps {
        let options = Options { connect_timeout: Duration::from_secs(30), ..options };
        let told = match introduce(options).await {
            Ok(text) => text,
            Err(error) => error.name().to_owned(),
        };
        printed.push_str(&format!("{name}: {told}\n"));
    }
    Ok(printed)
}

/// Who the client is, and what stands in the access list of what is its own.
async fn introduce(options: Options) -> Result<String, pinfold_client::Error> {
    let client = Client::connect(options).await?;
    let mut who: Vec<String> = client
        .who_am_i()
        .await?
        .into_iter()
        .map(|id| format!("{}:{}", id.scheme, id.user))
        .collect();
    who.sort();
    let own = [Acl { perms: Perms::ALL, id: Id::new("auth", "") }];
    let list = match client.create("/own", "", CreateMode::Ephemeral, &own).await {
        Ok(_) => {
            let (acl, _) = client.get_acl("/own").await?;
            let mut ids: Vec<String> =
                acl.iter().map(|acl| format!("{}:{}", acl.id.scheme, acl.id.id)).collect();
            ids.sort();
            ids.join(" | ")
        }
        Err(error) => error.name().to_owned(),
    };
    client.close().await?;
    Ok(format!("{} -> {list}", who.join(" | ")))
}

fn stores() -> PathBuf {
    workspace::root().join("core/proto/tests/stores")
}

fn free_port() -> Fallible<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("finding a free port")?;
    Ok(listener.local_addr().doing("finding a free port")?.port())
}
