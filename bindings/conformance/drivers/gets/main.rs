//! `pinfold-gets`: a batch of gets in flight by core/client, and what they cost this process.
//! PROGRAM ADDRESS WINDOW BYTES WARM SECONDS, as the programs of `cargo x bench`.
//!
//! Every reply is looked at; one that is wrong or an error ends the program without a figure.

use std::time::{Duration, Instant};

use pinfold_client::{Client, Options};
use pinfold_conformance::load::processor_time;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, window, bytes, warm, seconds] = &arguments[..] else {
        return Err("usage: pinfold-gets ADDRESS WINDOW BYTES WARM SECONDS".into());
    };
    let (window, bytes): (usize, usize) = (window.parse()?, bytes.parse()?);
    let client = Client::connect(Options::new(address)).await?;
    batches(&client, window, bytes, Duration::try_from_secs_f64(warm.parse()?)?).await?;
    let spent = processor_time(std::process::id())?;
    let time = Duration::try_from_secs_f64(seconds.parse()?)?;
    let (operations, took) = batches(&client, window, bytes, time).await?;
    let figures = serde_json::json!({
        "operations": operations,
        "seconds": took.as_secs_f64(),
        "processor": (processor_time(std::process::id())? - spent).as_secs_f64(),
    });
    println!("{figures}");
    client.close().await?;
    Ok(())
}

/// Gets for so long; how many, and how long it took.
async fn batches(
    client: &Client,
    window: usize,
    bytes: usize,
    time: Duration,
) -> Outcome<(u64, Duration)> {
    let (begun, mut operations) = (Instant::now(), 0);
    while begun.elapsed() < time {
        let batch: Vec<_> = (0..window).map(|_| client.get("/bench")).collect();
        for reply in batch {
            let (data, _) = reply.await?;
            if data.len() != bytes {
                return Err(format!("{} bytes instead of {bytes}", data.len()).into());
            }
            operations += 1;
        }
    }
    Ok((operations, begun.elapsed()))
}
