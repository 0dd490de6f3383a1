//! Sessions that only take room.

use std::time::Instant;

use pinfold_proto::OpCode;
use tokio::task::JoinSet;

use super::line::Line;
use super::meter::{self, Figures};
use super::{Failure, Plan};

/// Sessions that are being opened at the same time.
/// Few: ZooKeeper lets no more than 50 wait for their turn to be accepted.
const OPENING: usize = 32;

/// Opens as many sessions as the plan says.
pub(super) async fn open(plan: &Plan) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::with_capacity(plan.sessions);
    let mut opening = JoinSet::new();
    for number in 0..plan.sessions {
        if opening.len() >= OPENING {
            lines.push(opened(opening.join_next().await)?);
        }
        let server = plan.addresses[number % plan.addresses.len()];
        opening.spawn_local(Line::open(server, number));
    }
    while !opening.is_empty() {
        lines.push(opened(opening.join_next().await)?);
    }
    Ok(lines)
}

type Ended = Option<Result<Result<Line, Failure>, tokio::task::JoinError>>;

fn opened(ended: Ended) -> Result<Line, Failure> {
    match ended {
        Some(ended) => ended.map_err(|error| Failure::Broken(error.to_string()))?,
        None => Err(Failure::Broken("a session went missing".to_owned())),
    }
}

/// Closes them.
pub(super) async fn close(lines: Vec<Line>) -> Result<(), Failure> {
    let mut closing = JoinSet::new();
    for line in lines {
        closing.spawn_local(line.close());
    }
    while let Some(ended) = closing.join_next().await {
        super::pump::settled(ended)?;
    }
    Ok(())
}

/// Operations are sessions. Each pings once, as every client does, before memory is looked at.
pub(super) async fn run(plan: &Plan) -> Result<Figures, Failure> {
    let (resident_before, spent) = (meter::resident(plan)?, meter::spent(plan)?);
    let begun = Instant::now();
    let mut lines = open(plan).await?;
    let (seconds, spent) = (begun.elapsed().as_secs_f64(), meter::spent(plan)? - spent);
    for line in &mut lines {
        line.request_with(OpCode::Ping, |_| {});
        line.flush().await?;
    }
    for line in &mut lines {
        line.answer(pinfold_proto::XID_PING, "a ping").await?;
    }
    tokio::time::sleep(plan.time).await;
    let resident_after = meter::resident(plan)?;
    close(lines).await?;
    let operations = plan.sessions as u64;
    Ok(Figures {
        operations,
        seconds,
        per_second: operations as f64 / seconds,
        server_us: spent.as_secs_f64() * 1e6 / operations.max(1) as f64,
        resident_before,
        resident_after,
        ..Figures::default()
    })
}
