//! What the preview offers, against the embedded server.

use pinfold_uniffi::{Client, CreateMode, PinfoldError, Server};

fn code<T>(result: Result<T, PinfoldError>) -> i32 {
    match result {
        Ok(_) => 0,
        Err(PinfoldError::Failed { code, .. }) => code,
    }
}

#[test]
fn a_session_from_connect_to_close() -> Result<(), PinfoldError> {
    let server = Server::start(None)?;
    let client = Client::connect(server.address(), 10_000)?;
    let (path, mode) = ("/u".to_owned(), CreateMode::Persistent);
    assert_eq!(client.create(path.clone(), Some(b"one".into()), mode)?, "/u");
    assert_eq!(code(client.create(path.clone(), None, mode)), -110);
    let stat = client.set(path.clone(), None, 0)?;
    assert_eq!(stat.version, 1);
    let node = client.get(path.clone())?;
    assert_eq!((node.data, node.stat), (None, stat.clone()));
    assert_eq!(client.exists(path.clone())?, Some(stat));
    assert_eq!(client.exists("/none".into())?, None);

    let sequential = CreateMode::EphemeralSequential;
    let child = client.create("/u/c-".into(), Some(Vec::new()), sequential)?;
    assert_eq!(child, "/u/c-0000000000");
    assert_eq!(client.get_children(path.clone())?, ["c-0000000000"]);
    assert_eq!(code(client.delete(path.clone(), -1)), -111);

    let other = Client::connect(server.address(), 10_000)?;
    assert_ne!(client.session_id(), other.session_id());
    client.close();
    client.close();
    assert_eq!(code(client.get(path.clone())), -1000);
    assert_eq!(other.get_children(path.clone())?, Vec::<String>::new());
    other.delete(path, 1)?;
    other.close();
    server.stop()?;
    server.stop()
}

#[test]
fn hosts_that_cannot_be_are_refused() {
    assert!(matches!(code(Client::connect("no port:".into(), 10_000).map(drop)), -8 | -1003));
}
