//! Numbers as Java prints them, because monitors have read those all their life.

/// A figure rounded to four digits behind the point. It is not negative.
pub(super) fn decimal(value: f64) -> String {
    let rounded = (value * 10_000.0).round() / 10_000.0;
    let (factor, exponent) = match rounded {
        0.0 => return "0.0".to_owned(),
        small if small < 1e-3 => (1e4, -4),
        large if large >= 1e7 => {
            let exponent = large.log10().floor();
            (10_f64.powf(-exponent), exponent as i32)
        }
        usual => return format!("{usual:?}"),
    };
    // A product of doubles may end in digits that nobody wrote.
    let digits = (rounded * factor * 1e12).round() / 1e12;
    format!("{digits:?}E{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_look_as_they_do_in_java() {
        let cases = [
            (0.0, "0.0"),
            (0.00004, "0.0"),
            (0.0005, "5.0E-4"),
            (0.0012, "0.0012"),
            (1.0 / 3.0, "0.3333"),
            (5.57142, "5.5714"),
            (2.0, "2.0"),
            (9_999_999.0, "9999999.0"),
            (12_500_000.0, "1.25E7"),
        ];
        for (value, text) in cases {
            assert_eq!(decimal(value), text);
        }
    }
}
