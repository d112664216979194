//! Values as Python sees them: integers and floats are apart, and texts are sequences of characters.

mod text;

pub(crate) use text::{compact_json, float_repr};

/// The integer that `number` is, when it is one and fits.
pub(crate) fn integral(number: f64) -> Option<i64> {
    // 2^63 is exact as a float, the largest i64 is not.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let fits = number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    fits.then_some(number as i64)
}
