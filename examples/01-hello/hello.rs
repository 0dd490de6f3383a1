//! Create, read and delete a znode.

use pinfold_client::{Acl, Client, CreateMode, Options};
use pinfold_server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args().nth(1);
    let server = if given.is_none() { Some(Server::start()?) } else { None };
    let hosts = given.or(server.as_ref().map(Server::address)).unwrap_or_default();
    // [readme
    let client = Client::connect(Options::new(hosts)).await?;
    let acl = Acl::open_unsafe();
    let created = client.create("/hello", "world", CreateMode::Persistent, &acl).await?;
    println!("created {}", created.path);
    let (data, stat) = client.get("/hello").await?;
    println!("data: {}", String::from_utf8_lossy(&data));
    println!("version: {}", stat.version);
    let (mut children, _) = client.get_children("/").await?;
    children.retain(|name| name != "zookeeper");
    println!("children: {}", children.join(", "));
    client.delete("/hello", stat.version).await?;
    println!("deleted /hello");
    client.close().await?;
    // readme]
    if let Some(server) = server {
        server.stop()?;
    }
    Ok(())
}
