//! Amounts of resources as Kubernetes writes them: `100m`, `1.5`, `64Mi`, `2G`, `1e3`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is no quantity.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuantityError {
    /// Not a number with a known suffix.
    #[error(
        "`{0}` is no quantity; write a number with one of n u m k M G T P E or Ki Mi Gi Ti Pi Ei, such as 100m or 64Mi"
    )]
    Syntax(String),
    /// `K` is a frequent slip for `k` or `Ki`.
    #[error("`{0}`: there is no suffix K; write k (1000) or Ki (1024)")]
    CapitalK(String),
    /// More digits than can be held exactly.
    #[error("`{0}` is too large or too precise; at most 1e27 and down to 1n")]
    Range(String),
}

/// An amount, held exactly in billionths. Equal amounts are equal however they are written, and what is written out again
/// is the text as given.
///
/// ```
/// use mqttkube_manifests::quantity::Quantity;
///
/// let request: Quantity = "64Mi".parse()?;
/// let limit: Quantity = "0.1Gi".parse()?;
/// assert!(request < limit);
/// assert_eq!("1".parse::<Quantity>()?, "1000m".parse()?);
/// assert_eq!("1000m".parse::<Quantity>()?.canonical(), "1");
/// # Ok::<(), mqttkube_manifests::quantity::QuantityError>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Quantity {
    text: String,
    billionths: i128,
}

/// YAML gives plain numbers as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Whole(i64),
    Broken(f64),
}

const ONE: i128 = 1_000_000_000;
const MOST: i128 = 1_000_000_000_000_000_000_000_000_000 * ONE;

impl Quantity {
    /// The amount in billionths of the unit.
    #[must_use]
    pub const fn billionths(&self) -> i128 {
        self.billionths
    }

    /// The shortest form: whole units with the largest fitting suffix of the family that it was written in (binary for
    /// `Ki` and its like), else the largest decimal one.
    #[must_use]
    pub fn canonical(&self) -> String {
        if self.billionths == 0 {
            return "0".to_owned();
        }
        let binary = self.text.ends_with('i').then_some(BINARY.as_slice());
        let table = binary.into_iter().chain([DECIMAL.as_slice()]).flatten();
        let fitting = table.filter(|(_, factor)| self.billionths % factor == 0);
        let best = fitting.map(|(suffix, factor)| (self.billionths / factor, suffix));
        // The first fitting one is the largest of its family; the binary family comes first where it was used.
        best.into_iter().next().map_or_else(
            || self.text.clone(),
            |(number, suffix)| format!("{number}{suffix}"),
        )
    }
}

/// Suffixes and what they stand for in billionths, largest first.
const BINARY: [(&str, i128); 6] = [
    ("Ei", (1 << 60) * ONE),
    ("Pi", (1 << 50) * ONE),
    ("Ti", (1 << 40) * ONE),
    ("Gi", (1 << 30) * ONE),
    ("Mi", (1 << 20) * ONE),
    ("Ki", (1 << 10) * ONE),
];
const DECIMAL: [(&str, i128); 10] = [
    ("E", 1_000_000_000_000_000_000 * ONE),
    ("P", 1_000_000_000_000_000 * ONE),
    ("T", 1_000_000_000_000 * ONE),
    ("G", 1_000_000_000 * ONE),
    ("M", 1_000_000 * ONE),
    ("k", 1_000 * ONE),
    ("", ONE),
    ("m", 1_000_000),
    ("u", 1_000),
    ("n", 1),
];

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let syntax = || QuantityError::Syntax(text.to_owned());
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && part.is_empty()) || part.contains('.') {
            return Err(syntax());
        }
        let factor = match factor(suffix) {
            Some(factor) => factor,
            None if suffix == "K" => return Err(QuantityError::CapitalK(text.to_owned())),
            None => return Err(syntax()),
        };
        let amount = scale(whole, part, factor).ok_or_else(|| QuantityError::Range(text.to_owned()))?;
        Ok(Self {
            text: text.to_owned(),
            billionths: if negative { -amount } else { amount },
        })
    }
}

/// What a suffix multiplies by: a factor in billionths, or a power of ten.
#[derive(Clone, Copy)]
enum Factor {
    Billionths(i128),
    Exponent(i32),
}

fn factor(suffix: &str) -> Option<Factor> {
    let listed = BINARY.iter().chain(&DECIMAL).find(|(name, _)| *name == suffix);
    if let Some((_, factor)) = listed {
        return Some(Factor::Billionths(*factor));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    exponent.parse().ok().map(Factor::Exponent)
}

/// `whole.part` times the factor, in billionths; `None` when it does not fit or is not a whole number of them.
fn scale(whole: &str, part: &str, factor: Factor) -> Option<i128> {
    let part = part.trim_end_matches('0');
    let digits: i128 = match format!("{whole}{part}").trim_start_matches('0') {
        "" => return Some(0),
        digits if digits.len() > 37 => return None,
        digits => digits.parse().ok()?,
    };
    let places = i32::try_from(part.len()).ok()?;
    let (unit, tens) = match factor {
        Factor::Billionths(unit) => (unit, -places),
        Factor::Exponent(exponent) => (ONE, exponent.checked_sub(places)?),
    };
    let power = 10i128.checked_pow(tens.unsigned_abs())?;
    let scaled = digits.checked_mul(unit)?;
    let amount = if tens >= 0 {
        scaled.checked_mul(power)?
    } else if scaled % power == 0 {
        scaled / power
    } else {
        return None;
    };
    (amount <= MOST).then_some(amount)
}

impl TryFrom<Written> for Quantity {
    type Error = QuantityError;

    fn try_from(written: Written) -> Result<Self, QuantityError> {
        match written {
            Written::Text(text) => text.parse(),
            Written::Whole(number) => number.to_string().parse(),
            Written::Broken(number) => number.to_string().parse(),
        }
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> Self {
        quantity.text
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.billionths == other.billionths
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.billionths.cmp(&other.billionths)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quantity({})", self.text)
    }
}
