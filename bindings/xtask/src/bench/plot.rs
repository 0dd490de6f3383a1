//! Curves as SVG, by the crate plotters: alive, and without its bitmaps and fonts it brings in
//! little. Both axes are logarithmic: a cost that grows with what there is is a slope, and a cliff
//! is seen as one.

use super::curve::Line;
use crate::{Fallible, Fault};
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (720, 420);
const COLOURS: [RGBColor; 2] = [RGBColor(0, 110, 190), RGBColor(200, 80, 20)];

/// The smallest and largest of some values, with room around them.
fn range(values: impl Iterator<Item = f64>, room: f64) -> std::ops::Range<f64> {
    let (least, most) = values
        .filter(|value| *value > 0.0)
        .fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
    if least > most { 0.1..10.0 } else { least / room..most * room }
}

/// Draws these lines: the server's microseconds for each operation, by how much there is.
pub(super) fn lines(file: &Path, says: &str, lines: &[Line]) -> Fallible {
    draw(file, says, lines).map_err(|error| Fault::new(format!("{}: {error}", file.display())))
}

fn draw(file: &Path, says: &str, lines: &[Line]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|line| &line.points);
    let across = range(points().map(|point| point.0), 1.1).log_scale();
    let up = range(points().map(|point| point.1), 2.0).log_scale();
    let mut chart = ChartBuilder::on(&root)
        .caption(says, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(across, up)?;
    chart.configure_mesh().y_desc("us of the server's processors").draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let colour = *colour;
        let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2));
        chart.draw_series(series.point_size(3))?.label(line.who).legend(move |(x, y)| {
            PathElement::new(vec![(x, y), (x + 16, y)], colour.stroke_width(2))
        });
    }
    chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn a_range_has_room_and_is_never_empty() {
        assert_eq!(range([10.0, 40.0].into_iter(), 2.0), 5.0..80.0);
        assert_eq!(range([0.0].into_iter(), 2.0), 0.1..10.0);
    }
}
