//! Two candidates, one leader.

use pinfold_client::{Client, Options};
use pinfold_recipes::LeaderElection;
use pinfold_server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args().nth(1);
    let server = if given.is_none() { Some(Server::start()?) } else { None };
    let hosts = given.or(server.as_ref().map(Server::address)).unwrap_or_default();
    let client_of_a = Client::connect(Options::new(hosts.clone())).await?;
    let client_of_b = Client::connect(Options::new(hosts)).await?;
    let election_of_a = LeaderElection::new(client_of_a.clone(), "/election");
    let election_of_b = LeaderElection::new(client_of_b.clone(), "/election");

    let a = election_of_a.campaign("A".into()).await?;
    println!("A leads");
    let leader = election_of_b.leader().await?;
    let name = leader.map(|leader| leader.data).unwrap_or_default();
    println!("leader is {}", String::from_utf8_lossy(&name));
    let campaign = tokio::spawn(async move { election_of_b.campaign("B".into()).await });

    let token = a.token();
    a.resign().await?;
    println!("A resigned");
    let b = campaign.await??;
    println!("B leads");
    // The token fences off a former leader: storage that has seen a larger one refuses it.
    println!("token grew: {}", b.token() > token);

    b.resign().await?;
    client_of_a.close().await?;
    client_of_b.close().await?;
    println!("done");
    if let Some(server) = server {
        server.stop()?;
    }
    Ok(())
}
