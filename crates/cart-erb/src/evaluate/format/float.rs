//! The digits of floats: `%f`, `%e` and `%g`.

use crate::values::flow::refuse;
use crate::values::number;
use crate::values::value::Outcome;

/// The most digits of a float behind the point, and some.
const MOST_DIGITS: usize = 1_100;

/// The digits of a float that is not negative, as the format's letter says.
pub(super) fn digits(
    letter: u8,
    float: f64,
    precision: usize,
    alternative: bool,
) -> Outcome<String> {
    // The standard library does not write more digits than a float has, and all others are zero.
    let zeros = "0".repeat(precision.saturating_sub(MOST_DIGITS));
    let precision = precision.min(MOST_DIGITS);
    Ok(match letter {
        b'f' => format!("{:.precision$}{zeros}", number::settle_tie(float, precision)),
        b'e' | b'E' => exponent_form(float, precision).replacen('e', &format!("{zeros}e"), 1),
        _ if alternative && !zeros.is_empty() => {
            return refuse(format!("more than {MOST_DIGITS} digits in `%#g`"));
        }
        _ => general_form(float, precision.max(1), alternative),
    })
}

fn exponent_form(float: f64, precision: usize) -> String {
    let text = format!("{float:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// `%g`: the shorter of the two forms, without zeros at the end.
fn general_form(float: f64, precision: usize, keep_zeros: bool) -> String {
    let scientific = exponent_form(float, precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if keep_zeros || !text.contains('.') {
            return text.to_owned();
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let digits = i32::try_from(precision).unwrap_or(i32::MAX);
    if float != 0.0 && !(-4..digits).contains(&power) {
        return format!("{}e{exponent}", trim(mantissa));
    }
    let decimals = usize::try_from(digits - 1 - if float == 0.0 { 0 } else { power }).unwrap_or(0);
    trim(&format!("{float:.decimals$}"))
}
