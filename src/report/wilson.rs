//! How far a figure of few answers can be trusted: the 95 % interval of Wilson (1927), which stays between 0 and 1 and
//! says something sensible of three answers out of three, where the textbook's plus-minus says "exactly 100 %".

/// The two-sided 95 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The interval of a share: `mean` between 0 and 1 of `count` answers. Nothing without answers.
///
/// For answers that are not yes or no but lie between 0 and 1 it is wider than it need be, never too narrow: no
/// distribution on that span varies more than yes and no do.
pub fn interval(mean: f64, count: i64) -> Option<(f64, f64)> {
    if count <= 0 || !(0.0..=1.0).contains(&mean) {
        return None;
    }
    let n = count as f64;
    let z2 = Z * Z;
    let centre = mean + z2 / (2.0 * n);
    let spread = Z * (mean * (1.0 - mean) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Some((((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 81 of 263 is the example of Newcombe (Statistics in Medicine 17, 1998, table I): 0.2553 to 0.3662; with 15 of
    /// 148 0.0624 to 0.1605, 0 of 20 0 to 0.1611, 1 of 29 0.0061 to 0.1718.
    #[test]
    fn the_published_intervals_come_out() {
        let cases = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ];
        for (good, all, low, high) in cases {
            let (a, b) = interval(f64::from(good) / all as f64, all).unwrap();
            assert!((a - low).abs() < 5e-5 && (b - high).abs() < 5e-5, "{good}/{all}: {a} {b}");
        }
        assert_eq!(interval(0.5, 0), None);
        assert_eq!(interval(f64::NAN, 3), None);
    }
}
