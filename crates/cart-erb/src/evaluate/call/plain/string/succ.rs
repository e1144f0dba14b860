//! The string that follows another one, and ranges of strings.

use crate::evaluate::walk::Evaluator;
use crate::values::flow::refuse;
use crate::values::number;
use crate::values::value::{Outcome, Value};

/// `String#succ` of letters and digits: `az` is followed by `ba`, `Zz` by `AAa`, `a9` by `b0`.
pub(super) fn succ(bytes: &[u8]) -> Outcome<Vec<u8>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let first = bytes.iter().position(u8::is_ascii_alphanumeric);
    let last = bytes.iter().rposition(u8::is_ascii_alphanumeric);
    let (Some(first), Some(last)) = (first, last) else {
        return refuse("`String#succ` of other than letters and digits");
    };
    if !bytes[first..=last].iter().all(u8::is_ascii_alphanumeric) || !bytes.is_ascii() {
        return refuse("`String#succ` of other than letters and digits");
    }
    let mut next = bytes.to_vec();
    for at in (first..=last).rev() {
        let (wrapped, carry) = match next[at] {
            b'9' => (b'0', b'1'),
            b'z' => (b'a', b'a'),
            b'Z' => (b'A', b'A'),
            _ => {
                next[at] += 1;
                return Ok(next);
            }
        };
        next[at] = wrapped;
        if at == first {
            next.insert(first, carry);
        }
    }
    Ok(next)
}

/// The strings from `first` to `last`.
pub(crate) fn upto(
    ev: &mut Evaluator<'_>,
    first: &[u8],
    last: &[u8],
    exclusive: bool,
) -> Outcome<Vec<Value>> {
    let mut texts = Vec::new();
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if digits(first) && digits(last) && first.len() < 18 && last.len() < 18 {
        let width = first.len();
        let (first, last) = (number::to_i(first, 10)?, number::to_i(last, 10)?);
        for number in first..last + i64::from(!exclusive) {
            ev.charge(1)?;
            ev.budget.make_objects(1, width)?;
            texts.push(Value::str(format!("{number:0width$}")));
        }
        return Ok(texts);
    }
    if let ([first], [last]) = (first, last)
        && first.is_ascii()
        && last.is_ascii()
    {
        let end = if exclusive { *last } else { last + 1 };
        return Ok((*first..end).map(|byte| Value::str([byte])).collect());
    }
    if first > last {
        return Ok(texts);
    }
    let mut next = first.to_vec();
    loop {
        ev.charge(1)?;
        ev.budget.make_objects(1, next.len())?;
        let at_end = next == last;
        if at_end && exclusive {
            break;
        }
        texts.push(Value::str(next.as_slice()));
        if at_end {
            break;
        }
        next = succ(&next)?;
        if next.is_empty() || next.len() > last.len() {
            break;
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_ruby() {
        for (text, next) in [
            ("a", "b"),
            ("az", "ba"),
            ("Zz", "AAa"),
            ("a9", "b0"),
            ("9", "10"),
            ("1.9", ""),
            ("-9", "-10"),
        ] {
            let result = succ(text.as_bytes());
            if next.is_empty() {
                assert!(result.is_err(), "{text}");
            } else {
                assert_eq!(result.unwrap(), next.as_bytes(), "{text}");
            }
        }
    }
}
