//! Sessions that come and go.

use std::rc::Rc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::line::Line;
use super::meter::{Figures, Meter};
use super::pump::settled;
use super::{Failure, Plan};

/// Operations are connections: handshake, close, and the answer to that.
pub(super) async fn run(plan: &Plan) -> Result<Figures, Failure> {
    let meter = Rc::new(Meter::new());
    let mut running = JoinSet::new();
    for number in 0..plan.sessions {
        let server = plan.addresses[number % plan.addresses.len()];
        let meter = meter.clone();
        running.spawn_local(async move {
            while !meter.is_over() {
                let begun = Instant::now();
                Line::open(server, number).await?.close().await?;
                meter.count(begun.elapsed());
            }
            Ok(())
        });
    }
    let timing = meter.time(plan);
    tokio::pin!(timing);
    let figures = loop {
        tokio::select! {
            figures = &mut timing => break figures?,
            Some(ended) = running.join_next() => settled(ended)?,
        }
    };
    while let Some(ended) = running.join_next().await {
        settled(ended)?;
    }
    Ok(figures)
}
