//! How the cost of one operation grows with what there is: no cliff.

use super::measure::{Effort, kinds, load};
use super::peer::{Kind, Peer, Programs};
use super::plot;
use super::row::Row;
use crate::Fallible;
use crate::fault::Doing;
use pinfold_conformance::load::Figures;
use std::path::Path;

/// Of what there is more and more.
#[derive(Clone, Copy, Debug)]
enum Grows {
    /// Sessions that take part.
    Sessions,
    /// Znodes that are there.
    Nodes,
}

/// One curve: the server's processor time for each operation.
#[derive(Clone, Copy, Debug)]
struct Curve {
    name: &'static str,
    says: &'static str,
    /// What the load generator is told to do.
    work: &'static str,
    grows: Grows,
    points: &'static [u64],
    row: Row,
}

const SESSIONS: &[u64] = &[1, 16, 256, 4096];

const CURVES: &[Curve] = &[
    Curve {
        name: "get-by-sessions",
        says: "getData 1 KiB, 4 in flight of each session: sessions",
        work: "get",
        grows: Grows::Sessions,
        points: SESSIONS,
        row: Row { window: 4, ..Row::PLAIN },
    },
    Curve {
        name: "set-by-sessions",
        says: "setData 1 KiB, 4 in flight of each session: sessions",
        work: "set",
        grows: Grows::Sessions,
        points: SESSIONS,
        row: Row { window: 4, ..Row::PLAIN },
    },
    Curve {
        name: "get-by-znodes",
        says: "getData 100 bytes, 64 sessions x 16: znodes",
        work: "get",
        grows: Grows::Nodes,
        points: &[1000, 10_000, 100_000, 1_000_000],
        row: Row { bytes: 100, ..Row::PLAIN },
    },
    Curve {
        name: "set-by-znodes",
        says: "setData 100 bytes, 64 sessions x 16: znodes",
        work: "set",
        grows: Grows::Nodes,
        points: &[1000, 10_000, 100_000, 1_000_000],
        row: Row { bytes: 100, ..Row::PLAIN },
    },
    Curve {
        name: "event-by-watches",
        says: "one event of a set: sessions that watch the znode",
        work: "watch",
        grows: Grows::Sessions,
        points: &[1, 10, 100, 1000, 9000],
        row: Row { bytes: 100, ..Row::PLAIN },
    },
];

/// What one server came to.
#[derive(Debug, serde::Serialize)]
pub(super) struct Line {
    pub(super) who: &'static str,
    /// How much there was, and the server's microseconds for each operation.
    pub(super) points: Vec<(f64, f64)>,
    figures: Vec<Figures>,
}

/// Measures every curve, and puts it into the folder as JSON and as SVG.
pub(super) fn draw(programs: &Programs, effort: Effort, data: &Path, pictures: &Path) -> Fallible {
    std::fs::create_dir_all(pictures).doing(pictures.display())?;
    for curve in CURVES {
        eprintln!("{}: {}", curve.name, curve.says);
        let lines = measure(programs, curve, effort, data).doing(curve.name)?;
        for line in &lines {
            let points = line.points.iter().map(|(at, cost)| format!("{at}: {cost:.2} us"));
            println!("{} of {}: {}", curve.name, line.who, points.collect::<Vec<_>>().join(", "));
        }
        let file = pictures.join(curve.name);
        let text = serde_json::to_string_pretty(&lines)?;
        std::fs::write(file.with_extension("json"), text).doing(file.display())?;
        plot::lines(&file.with_extension("svg"), curve.says, &lines)?;
    }
    Ok(())
}

fn measure(
    programs: &Programs,
    curve: &Curve,
    effort: Effort,
    folder: &Path,
) -> Fallible<Vec<Line>> {
    let start = |kind: Kind| Peer::start(programs, kind, 1, folder);
    let peers: Vec<Peer> = kinds(programs).into_iter().map(start).collect::<Fallible<_>>()?;
    let line = |peer: &Peer| Line { who: peer.kind.name(), points: vec![], figures: vec![] };
    let mut lines: Vec<Line> = peers.iter().map(line).collect();
    let mut there = 0;
    for point in curve.points.iter().filter(|point| !effort.quick || **point <= 100) {
        for (peer, line) in peers.iter().zip(&mut lines) {
            let mut row = curve.row;
            match curve.grows {
                Grows::Sessions => row.sessions = *point as usize,
                Grows::Nodes => {
                    let fill = Row { nodes: point - there, ..row };
                    load(programs, peer, &fill, "fill", 0.0, 1.0)?;
                }
            }
            let warm = if effort.quick { 0.0 } else { 1.0 };
            let figures = load(programs, peer, &row, curve.work, warm, effort.seconds)?;
            line.points.push((*point as f64, figures.server_us));
            line.figures.push(figures);
        }
        there = *point;
    }
    Ok(lines)
}
