//! Tasks without a master: a worker claims them itself.

use bytes::Bytes;
use pinfold_client::{Client, Options};
use pinfold_recipes::{SubmitOptions, TaskQueue};
use pinfold_server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args().nth(1);
    let server = if given.is_none() { Some(Server::start()?) } else { None };
    let hosts = given.or(server.as_ref().map(Server::address)).unwrap_or_default();
    let client = Client::connect(Options::new(hosts)).await?;
    let queue = TaskQueue::new(client.clone(), "/queue");

    let mut tasks = Vec::new();
    for text in ["one", "two", "three"] {
        let task = queue.submit(Bytes::from(text), SubmitOptions::default()).await?;
        tasks.push((text, task));
    }
    println!("submitted {}", tasks.len());
    for _ in &tasks {
        let claim = queue.claim("worker").await?;
        let text = String::from_utf8_lossy(&claim.payload).into_owned();
        println!("claimed {text}");
        claim.complete(text.to_uppercase().into()).await?;
    }
    for (text, task) in &tasks {
        let result = queue.result(task).await?.result?;
        println!("result {text} = {}", String::from_utf8_lossy(&result));
    }
    let counts = queue.counts().await?;
    let (waiting, assigned, done) = (counts.waiting, counts.assigned, counts.done);
    println!("counts: waiting {waiting}, assigned {assigned}, done {done}");

    drop(queue);
    client.close().await?;
    println!("done");
    if let Some(server) = server {
        server.stop()?;
    }
    Ok(())
}
