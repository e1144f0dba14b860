//! Numbers to text and back, and arithmetic with Ruby's rounding.

use std::cmp::Ordering;

use crate::values::flow::{Outcome, raise, refuse};

/// Ruby's shortest form that reads back as the same float.
pub(crate) fn float_to_s(float: f64) -> String {
    if float.is_nan() {
        return "NaN".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let has_fraction = usize::try_from(exponent).is_ok_and(|power| power + 1 < digits);
    if has_fraction || (-4..15).contains(&exponent) {
        let fixed = format!("{float}");
        return if fixed.contains('.') { fixed } else { format!("{fixed}.0") };
    }
    let mantissa =
        if mantissa.contains('.') { mantissa.to_owned() } else { format!("{mantissa}.0") };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Ruby's `%f` takes a float within a few last bits of a decimal tie for that tie (its `dtoa` stops
/// there) and rounds it to the even digit: `"%.2f" % 2.675` is `2.68`, though the float is less. Such
/// a float is moved to the side on which it will be rounded; any other one stays.
pub(crate) fn settle_tie(float: f64, decimals: usize) -> f64 {
    let scientific = format!("{float:e}");
    let exponent = scientific.split_once('e').and_then(|(_, power)| power.parse::<i32>().ok());
    let (Some(power), Ok(wanted)) = (exponent, i32::try_from(decimals)) else { return float };
    // `dtoa` only takes this short cut for up to fourteen digits.
    if float == 0.0 || !(1..=14).contains(&(wanted + 1 + power)) {
        return float;
    }
    let unit = 10f64.powi(power);
    let window = (2.0 * float / unit + 7.0) * f64::EPSILON * unit;
    let exact = format!("{float:.0$}", decimals + 30);
    let (kept, rest) = exact.split_at(exact.len() - 30);
    let beyond_tie = format!("0.{rest}").parse().unwrap_or(0.0) - 0.5;
    if (beyond_tie * 10f64.powi(-wanted)).abs() > window {
        return float;
    }
    let last = kept.bytes().rfind(u8::is_ascii_digit).unwrap_or(b'0');
    if last % 2 == 1 { float + 2.0 * window } else { float - 2.0 * window }
}

/// `<=>` of an integer and a float, exactly.
pub(crate) fn compare(int: i64, float: f64) -> Option<Ordering> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    if float >= BOUND {
        return Some(Ordering::Less);
    }
    if float < -BOUND {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    // Within the bounds of i64, a whole float is exactly an integer.
    Some(int.cmp(&(whole as i64)).then(0.0.partial_cmp(&(float - whole))?))
}

/// An integer of a float, cut towards zero.
pub(crate) fn float_to_int(float: f64) -> Outcome<i64> {
    if !float.is_finite() {
        return raise("FloatDomainError", float_to_s(float));
    }
    match compare(i64::MAX, float) {
        Some(Ordering::Greater) if float >= i64::MIN as f64 => Ok(float as i64),
        _ => too_big(),
    }
}

/// What an operation beyond 64 bits is: Ruby has no limit, we do.
pub(crate) fn too_big<T>() -> Outcome<T> {
    refuse("an integer beyond 64 bits")
}

/// `/` on integers: rounds down.
pub(crate) fn div(a: i64, b: i64) -> Outcome<i64> {
    if b == 0 {
        return raise("ZeroDivisionError", "divided by 0");
    }
    let Some(quotient) = a.checked_div(b) else { return too_big() };
    Ok(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// `%` on integers: has the sign of the divisor.
pub(crate) fn modulo(a: i64, b: i64) -> Outcome<i64> {
    if b == 0 {
        return raise("ZeroDivisionError", "divided by 0");
    }
    let rest = a.wrapping_rem(b);
    Ok(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
}

/// `%` on floats.
pub(crate) fn float_modulo(a: f64, b: f64) -> f64 {
    if b.is_infinite() && a.is_finite() {
        return if a == 0.0 || (a < 0.0) == (b < 0.0) { a } else { b };
    }
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

/// `String#to_i`: the number that the text starts with, or 0.
pub(crate) fn to_i(text: &[u8], base: u32) -> Outcome<i64> {
    let (negative, digits) = sign(text.trim_ascii_start());
    let digits = without_prefix(digits, base);
    let (value, _) = leading_digits(digits, base)?;
    Ok(if negative { -value } else { value })
}

/// `Integer(text)`: the whole text must be a number; `None` if it is not.
pub(crate) fn strict_int(text: &[u8], base: Option<u32>) -> Outcome<Option<i64>> {
    let (negative, digits) = sign(text.trim_ascii());
    let (base, digits) = match (base, digits) {
        (Some(base), digits) => (base, without_prefix(digits, base)),
        (None, [b'0', b'x' | b'X', rest @ ..]) => (16, rest),
        (None, [b'0', b'b' | b'B', rest @ ..]) => (2, rest),
        (None, [b'0', b'o' | b'O', rest @ ..]) => (8, rest),
        (None, [b'0', b'd' | b'D', rest @ ..]) => (10, rest),
        (None, [b'0', b'_', ..] | [b'0', b'0'..=b'9', ..]) => (8, digits),
        (None, digits) => (10, digits),
    };
    let (value, used) = leading_digits(digits, base)?;
    if used == 0 || used < digits.len() {
        return Ok(None);
    }
    Ok(Some(if negative { -value } else { value }))
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

fn without_prefix(digits: &[u8], base: u32) -> &[u8] {
    let letter = match base {
        2 => b'b',
        8 => b'o',
        10 => b'd',
        16 => b'x',
        _ => return digits,
    };
    match digits {
        [b'0', mark, next, ..]
            if mark.to_ascii_lowercase() == letter && char::from(*next).is_digit(base) =>
        {
            &digits[2..]
        }
        _ => digits,
    }
}

/// The value of the leading digits, with single underscores between them, and their length.
fn leading_digits(text: &[u8], base: u32) -> Outcome<(i64, usize)> {
    let mut value: i64 = 0;
    let mut used = 0;
    for (at, byte) in text.iter().enumerate() {
        let digit = match char::from(*byte).to_digit(base) {
            Some(digit) => digit,
            None if *byte == b'_' && at > 0 && text[at - 1] != b'_' => continue,
            None => break,
        };
        let next = value.checked_mul(base.into()).and_then(|value| value.checked_add(digit.into()));
        let Some(next) = next else { return too_big() };
        value = next;
        used = at + 1;
    }
    Ok((value, used))
}

/// `String#to_f`: the number that the text starts with, or 0.0.
pub(crate) fn to_f(text: &[u8]) -> f64 {
    leading_float(text.trim_ascii_start()).0
}

/// `Float(text)`: the whole text must be a number.
pub(crate) fn strict_float(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    let (value, used) = leading_float(text);
    (used > 0 && used == text.len()).then_some(value)
}

fn leading_float(text: &[u8]) -> (f64, usize) {
    let mut at = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits_end(text, at);
    let mut end = whole;
    at = whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits_end(text, at + 1);
        if fraction > at + 1 {
            end = fraction;
            at = fraction;
        }
    }
    if end > 0 && matches!(text.get(at), Some(b'e' | b'E')) && at == end {
        let digits = at + 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits_end(text, digits);
        if exponent > digits {
            end = exponent;
        }
    }
    let plain: String =
        text[..end].iter().filter(|byte| **byte != b'_').map(|byte| char::from(*byte)).collect();
    plain.parse().map_or((0.0, 0), |value| (value, end))
}

/// Where the digits from `start` on end; single underscores may stand between them.
fn digits_end(text: &[u8], start: usize) -> usize {
    let mut end = start;
    while let Some(byte) = text.get(end) {
        let next_is_digit = text.get(end + 1).is_some_and(u8::is_ascii_digit);
        match byte {
            b'0'..=b'9' => end += 1,
            b'_' if end > start && next_is_digit => end += 1,
            _ => break,
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_ruby() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e14, "100000000000000.0"),
            (1e15, "1.0e+15"),
            (1_000_000_000_000_000.5, "1000000000000000.5"),
            (1_234_567_890_123_456.0, "1.234567890123456e+15"),
            (1.5e-4, "0.00015"),
            (1.5e-5, "1.5e-05"),
            (1e100, "1.0e+100"),
            (f64::INFINITY, "Infinity"),
        ];
        for (float, text) in cases {
            assert_eq!(float_to_s(float), text);
        }
    }

    #[test]
    fn near_decimal_ties_go_to_the_even_digit() {
        let cases = [
            (2.675, 2, "2.68"),
            (8.445, 2, "8.44"),
            (28.115, 2, "28.12"),
            (1.005, 2, "1.00"),
            (2.6749999999999, 2, "2.67"),
            (0.125, 2, "0.12"),
            (0.5, 0, "0"),
            (1.5, 0, "2"),
            (0.0, 2, "0.00"),
        ];
        for (float, decimals, text) in cases {
            assert_eq!(format!("{:.decimals$}", settle_tie(float, decimals)), text);
        }
    }

    #[test]
    fn division_rounds_down() {
        assert_eq!((div(-7, 2).unwrap(), modulo(-7, 2).unwrap()), (-4, 1));
        assert_eq!((div(7, -2).unwrap(), modulo(7, -2).unwrap()), (-4, -1));
        assert_eq!(modulo(i64::MIN, -1).unwrap(), 0);
        assert!(div(1, 0).is_err());
        assert!(div(i64::MIN, -1).is_err());
    }

    #[test]
    fn text_to_integer() {
        let cases: [(&str, u32, i64); 9] = [
            ("12abc", 10, 12),
            (" -1_000", 10, -1000),
            ("1__0", 10, 1),
            ("abc", 10, 0),
            ("0x1f", 16, 31),
            ("0x1f", 10, 0),
            ("z", 36, 35),
            ("_1", 10, 0),
            ("0b", 2, 0),
        ];
        for (text, base, value) in cases {
            assert_eq!(to_i(text.as_bytes(), base).unwrap(), value, "{text}");
        }
        assert_eq!(strict_int(b" 0x1f\n", None).unwrap(), Some(31));
        assert_eq!(strict_int(b"010", None).unwrap(), Some(8));
        assert_eq!(strict_int(b"1x", None).unwrap(), None);
        assert_eq!(strict_int(b"1_", None).unwrap(), None);
        assert_eq!(strict_int(b"", None).unwrap(), None);
    }

    #[test]
    fn text_to_float() {
        for (text, value) in [
            ("1.5x", 1.5),
            ("1e3", 1000.0),
            ("1_0.2_5", 10.25),
            ("x", 0.0),
            ("1.", 1.0),
            ("-2", -2.0),
        ] {
            assert_eq!(to_f(text.as_bytes()), value, "{text}");
        }
        assert_eq!(strict_float(b"1.5 "), Some(1.5));
        assert_eq!(strict_float(b"1.5x"), None);
        assert_eq!(strict_float(b""), None);
    }

    #[test]
    fn integers_and_floats_compare_exactly() {
        assert_eq!(compare(i64::MAX, 9_223_372_036_854_775_807.0), Some(Ordering::Less));
        assert_eq!(compare(1, 1.5), Some(Ordering::Less));
        assert_eq!(compare(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(compare(1, f64::NAN), None);
    }
}
