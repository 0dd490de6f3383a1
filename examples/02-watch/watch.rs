//! One-shot and lasting watches.

use pinfold_client::{Acl, AddWatchMode, Client, CreateMode, EventKind, Options, WatchEvent};
use pinfold_server::Server;

fn show(event: Option<WatchEvent>) {
    let Some(event) = event else { return println!("the session is over") };
    let kind = match event.kind {
        EventKind::Created => "created",
        EventKind::Deleted => "deleted",
        EventKind::DataChanged => "data_changed",
        EventKind::ChildrenChanged => "children_changed",
        _ => "removed",
    };
    println!("event: {kind} {}", event.path);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args().nth(1);
    let server = if given.is_none() { Some(Server::start()?) } else { None };
    let hosts = given.or(server.as_ref().map(Server::address)).unwrap_or_default();
    let client = Client::connect(Options::new(hosts.clone())).await?;
    let other = Client::connect(Options::new(hosts)).await?;
    let acl = Acl::open_unsafe();

    client.create("/config", "v1", CreateMode::Persistent, &acl).await?;
    println!("created /config");
    let (data, _, mut watch) = client.get_watch("/config").await?;
    println!("watching /config = {}", String::from_utf8_lossy(&data));
    other.set("/config", "v2", -1).await?;
    show(watch.next().await);
    let (data, _) = client.get("/config").await?;
    println!("now /config = {}", String::from_utf8_lossy(&data));

    other.create("/tree", "", CreateMode::Persistent, &acl).await?;
    let mut watch = client.add_watch("/tree", AddWatchMode::PersistentRecursive).await?;
    other.create("/tree/a", "", CreateMode::Persistent, &acl).await?;
    show(watch.next().await);
    other.set("/tree/a", "x", -1).await?;
    show(watch.next().await);
    other.delete("/tree/a", -1).await?;
    show(watch.next().await);
    drop(watch);

    other.delete("/tree", -1).await?;
    other.delete("/config", -1).await?;
    other.close().await?;
    client.close().await?;
    println!("done");
    if let Some(server) = server {
        server.stop()?;
    }
    Ok(())
}
