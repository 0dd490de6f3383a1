//! The crate zookeeper-client: a batch of gets in flight.
//! PROGRAM ADDRESS WINDOW BYTES WARM SECONDS.
//!
//! Every reply is looked at; one that is wrong or an error ends the program without a figure.

use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, window, bytes, warm, seconds] = &arguments[..] else {
        return Err("usage: ADDRESS WINDOW BYTES WARM SECONDS".into());
    };
    let (window, bytes): (usize, usize) = (window.parse()?, bytes.parse()?);
    let client = zookeeper_client::Client::connect(address).await?;
    batches(&client, window, bytes, Duration::from_secs_f64(warm.parse()?)).await?;
    let spent = processor()?;
    let (operations, took) =
        batches(&client, window, bytes, Duration::from_secs_f64(seconds.parse()?)).await?;
    let figures = serde_json::json!({
        "operations": operations,
        "seconds": took.as_secs_f64(),
        "processor": processor()? - spent,
    });
    println!("{figures}");
    Ok(())
}

/// Gets for so long; how many, and how long it took.
async fn batches(
    client: &zookeeper_client::Client,
    window: usize,
    bytes: usize,
    time: Duration,
) -> Outcome<(u64, Duration)> {
    let (begun, mut operations) = (Instant::now(), 0);
    while begun.elapsed() < time {
        let batch: Vec<_> = (0..window).map(|_| client.get_data("/bench")).collect();
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

/// Seconds that this process has spent on processors.
fn processor() -> Outcome<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}
