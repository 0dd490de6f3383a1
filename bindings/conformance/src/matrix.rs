//! Case x language x server: every cell is run and shown.

use crate::case::Case;
use crate::driver::{Driver, Launch};
use crate::runner::play;
use std::fmt::Write;

/// A server under test.
#[derive(Debug, Clone)]
pub struct Target {
    /// As in the matrix.
    pub name: String,
    /// `host:port`.
    pub address: String,
}

/// What came of every cell.
pub struct Matrix {
    columns: Vec<String>,
    rows: Vec<String>,
    /// By column, then by row; the error text of a failed cell.
    cells: Vec<Vec<Result<(), String>>>,
}

impl Matrix {
    /// Plays every case through every driver against every server.
    #[must_use]
    pub fn play(
        cases: &[Case],
        launches: &[Launch],
        targets: &[Target],
        mut tell: impl FnMut(&str),
    ) -> Matrix {
        let rows = cases.iter().map(|case| case.name.clone()).collect();
        let mut matrix = Matrix { columns: Vec::new(), rows, cells: Vec::new() };
        for target in targets {
            for launch in launches {
                let column = format!("{}/{}", launch.language, target.name);
                tell(&column);
                matrix.cells.push(column_of(cases, launch, target));
                matrix.columns.push(column);
            }
        }
        matrix
    }

    /// Number of cells that hold, and of those that do not.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let all = self.cells.iter().map(Vec::len).sum::<usize>();
        let passed = self.cells.iter().flatten().filter(|cell| cell.is_ok()).count();
        (passed, all - passed)
    }

    /// The table, then the failures in full.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
        let mut out = format!("{:width$}", "");
        for column in &self.columns {
            let _ = write!(out, "  {column}");
        }
        for (index, row) in self.rows.iter().enumerate() {
            let _ = write!(out, "\n{row:width$}");
            for (cells, column) in self.cells.iter().zip(&self.columns) {
                let mark = if cells[index].is_ok() { "ok" } else { "FAILED" };
                let _ = write!(out, "  {mark:column$}", column = column.len());
            }
        }
        out.push('\n');
        for (cells, column) in self.cells.iter().zip(&self.columns) {
            for (cell, row) in cells.iter().zip(&self.rows) {
                if let Err(error) = cell {
                    let _ = writeln!(out, "{row}, {column}: {error}");
                }
            }
        }
        out
    }
}

fn column_of(cases: &[Case], launch: &Launch, target: &Target) -> Vec<Result<(), String>> {
    let mut driver = Driver::start(launch);
    let mut cells = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let root = format!("/case-{}-{index}", launch.language);
        let cell = match &mut driver {
            Ok(driver) => play(driver, &target.address, &root, case),
            Err(error) => Err(error.clone()),
        };
        if cell.is_err() {
            // What a failed case left behind must not reach the next one.
            driver = Driver::start(launch);
        }
        cells.push(cell);
    }
    if let Ok(Err(error)) = driver.map(Driver::finish)
        && let Some(last) = cells.last_mut()
    {
        *last = Err(error);
    }
    cells
}
