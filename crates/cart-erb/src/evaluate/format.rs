//! `format`, `sprintf` and `String#%`.

use crate::values::conversion::{int_of, to_float, to_int};
use crate::values::flow::{argument_error, limit, raise, refuse};
use crate::values::inspect;
use crate::values::limits::{Budget, WIDEST_FIELD};
use crate::values::text;
use crate::values::value::{Outcome, Value};

mod float;

/// Formats `args` as `template` says.
pub(crate) fn format(template: &[u8], args: &[Value], budget: &Budget) -> Outcome<Vec<u8>> {
    budget.read(template.len())?;
    budget.string(template.len())?;
    let mut formatter = Formatter { template, at: 0, args, next: 0, out: Vec::new(), budget };
    while let Some(byte) = formatter.take() {
        match byte {
            b'%' => formatter.field()?,
            _ => formatter.out.push(byte),
        }
    }
    Ok(formatter.out)
}

struct Formatter<'f> {
    template: &'f [u8],
    at: usize,
    args: &'f [Value],
    next: usize,
    out: Vec<u8>,
    budget: &'f Budget,
}

/// What stands between `%` and the letter.
#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    alternative: bool,
    width: usize,
    precision: Option<usize>,
    value: Option<Value>,
}

impl Formatter<'_> {
    fn take(&mut self) -> Option<u8> {
        let byte = self.template.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn field(&mut self) -> Outcome<()> {
        let mut spec = Spec::default();
        self.budget.charge(1)?;
        loop {
            let Some(byte) = self.take() else {
                return argument_error("incomplete format specifier; use %% (double %) instead");
            };
            match byte {
                b'-' => spec.minus = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'0' => spec.zero = true,
                b'#' => spec.alternative = true,
                b'1'..=b'9' => {
                    self.at -= 1;
                    let number = self.number()?;
                    if self.template.get(self.at) == Some(&b'$') {
                        self.at += 1;
                        spec.value = Some(self.positional(number)?);
                    } else {
                        spec.width = number;
                    }
                }
                b'*' => self.star(&mut spec)?,
                b'.' => spec.precision = Some(self.precision()?),
                b'<' => spec.value = Some(self.named(b'>')?),
                b'{' => {
                    let value = self.named(b'}')?;
                    return self.text(&spec, &inspect::to_s(&value, self.budget)?);
                }
                b'\n' | 0 => {
                    self.out.extend_from_slice(&[b'%', byte]);
                    return Ok(());
                }
                b'%' => {
                    self.out.push(b'%');
                    return Ok(());
                }
                letter => return self.convert(letter, spec),
            }
        }
    }

    fn number(&mut self) -> Outcome<usize> {
        let mut number = 0;
        while let Some(digit @ b'0'..=b'9') = self.template.get(self.at) {
            number = number * 10 + usize::from(digit - b'0');
            self.at += 1;
            if number > WIDEST_FIELD {
                return limit(format!("a format field wider than {WIDEST_FIELD}"));
            }
        }
        Ok(number)
    }

    fn star(&mut self, spec: &mut Spec) -> Outcome<()> {
        let value = self.argument()?;
        let width = int_of(&value)?;
        spec.minus |= width < 0;
        spec.width = match usize::try_from(width.unsigned_abs()) {
            Ok(width) if width <= WIDEST_FIELD => width,
            _ => return limit(format!("a format field wider than {WIDEST_FIELD}")),
        };
        Ok(())
    }

    fn precision(&mut self) -> Outcome<usize> {
        if self.template.get(self.at) == Some(&b'*') {
            self.at += 1;
            let value = self.argument()?;
            return Ok(usize::try_from(to_int(&value, None, f64::floor)?)
                .unwrap_or(0)
                .min(WIDEST_FIELD));
        }
        self.number()
    }

    fn argument(&mut self) -> Outcome<Value> {
        self.next += 1;
        match self.args.get(self.next - 1) {
            Some(value) => Ok(value.clone()),
            None => argument_error("too few arguments"),
        }
    }

    fn positional(&self, number: usize) -> Outcome<Value> {
        match self.args.get(number.wrapping_sub(1)) {
            Some(value) => Ok(value.clone()),
            None => argument_error("too few arguments"),
        }
    }

    fn named(&mut self, close: u8) -> Outcome<Value> {
        let Some(end) = text::find(self.template, &[close], self.at) else {
            return argument_error("malformed name - unmatched parenthesis");
        };
        let name = &self.template[self.at..end];
        self.at = end + 1;
        let [Value::Map(map)] = self.args else { return argument_error("one hash required") };
        match map.0.borrow().get(&Value::symbol(name), self.budget) {
            Some(value) => Ok(value.clone()),
            None => raise("KeyError", format!("key<{}> not found", text::lossy(name))),
        }
    }

    fn convert(&mut self, letter: u8, mut spec: Spec) -> Outcome<()> {
        if !b"sdiufgGeExXobBcp".contains(&letter) {
            if letter == b'a' || letter == b'A' {
                return refuse("the format `%a`");
            }
            return argument_error(format!("malformed format string - %{}", char::from(letter)));
        }
        let value = match spec.value.take() {
            Some(value) => value,
            None => self.argument()?,
        };
        if let Value::Str(text) = &value {
            self.budget.read(text.borrow().len())?;
        }
        // A number is some hundred digits long at most.
        self.reserve(&spec, 400)?;
        match letter {
            b's' => self.text(&spec, &inspect::to_s(&value, self.budget)?),
            b'p' => self.text(&spec, &inspect::inspect(&value, self.budget)?),
            b'c' => self.character(&spec, &value),
            b'd' | b'i' | b'u' => {
                let int = to_int(&value, None, f64::floor)?;
                let digits = precise(int.unsigned_abs().to_string(), spec.precision);
                self.number_field(&spec, int < 0, "", &digits, spec.precision.is_none())
            }
            b'f' | b'g' | b'G' | b'e' | b'E' => self.float(&spec, letter, to_float(&value)?),
            _ => self.radix(&spec, letter, to_int(&value, None, f64::floor)?),
        }
    }

    fn text(&mut self, spec: &Spec, bytes: &[u8]) -> Outcome<()> {
        self.reserve(spec, bytes.len())?;
        let chars = text::char_count(bytes);
        let shown = spec.precision.map_or(chars, |precision| precision.min(chars));
        let shown_bytes = &bytes[..text::char_offset(bytes, shown)];
        self.pad(spec, shown_bytes, shown);
        Ok(())
    }

    /// Writes a field of so many characters, with spaces up to its width.
    fn pad(&mut self, spec: &Spec, field: &[u8], chars: usize) {
        let fill = vec![b' '; spec.width.saturating_sub(chars)];
        let (left, right) = if spec.minus { (field, &fill[..]) } else { (&fill[..], field) };
        self.out.extend_from_slice(left);
        self.out.extend_from_slice(right);
    }

    /// Makes sure that there is room for a field before it is written.
    fn reserve(&self, spec: &Spec, length: usize) -> Outcome<()> {
        let most = length.max(spec.width).saturating_add(spec.precision.unwrap_or(0));
        self.budget.read(most)?;
        self.budget.string(self.out.len().saturating_add(most))
    }

    fn character(&mut self, spec: &Spec, value: &Value) -> Outcome<()> {
        let char = match value {
            Value::Str(text) => {
                let bytes = text.borrow();
                match bytes.len() == text::char_len(&bytes) {
                    true => bytes.to_vec(),
                    false => return argument_error("%c requires a character"),
                }
            }
            _ => {
                match u32::try_from(to_int(value, None, f64::floor)?).ok().and_then(char::from_u32)
                {
                    Some(char) => char.to_string().into_bytes(),
                    None => return argument_error("invalid character"),
                }
            }
        };
        self.text(&Spec { width: spec.width, minus: spec.minus, ..Spec::default() }, &char)
    }

    fn number_field(
        &mut self,
        spec: &Spec,
        negative: bool,
        prefix: &str,
        digits: &str,
        may_fill_with_zeros: bool,
    ) -> Outcome<()> {
        let sign = match (negative, spec.plus, spec.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        let mut zeros = 0;
        if spec.zero && !spec.minus && may_fill_with_zeros {
            zeros = spec.width.saturating_sub(sign.len() + prefix.len() + digits.len());
        }
        let field = format!("{sign}{prefix}{}{digits}", "0".repeat(zeros));
        self.pad(spec, field.as_bytes(), field.len());
        Ok(())
    }

    fn radix(&mut self, spec: &Spec, letter: u8, int: i64) -> Outcome<()> {
        if int < 0 && !spec.plus && !spec.space {
            return refuse("a negative number in `%x`, `%o` or `%b`");
        }
        let absolute = int.unsigned_abs();
        let (prefix, digits) = match letter {
            b'x' => ("0x", format!("{absolute:x}")),
            b'X' => ("0X", format!("{absolute:X}")),
            b'o' => ("0", format!("{absolute:o}")),
            b'B' => ("0B", format!("{absolute:b}")),
            _ => ("0b", format!("{absolute:b}")),
        };
        let prefix = if spec.alternative && int != 0 { prefix } else { "" };
        let digits = precise(digits, spec.precision);
        self.number_field(spec, int < 0, prefix, &digits, spec.precision.is_none())
    }

    fn float(&mut self, spec: &Spec, letter: u8, float: f64) -> Outcome<()> {
        let negative = float.is_sign_negative() && !float.is_nan();
        let absolute = float.abs();
        if !float.is_finite() {
            let word = if float.is_nan() { "NaN" } else { "Inf" };
            return self.number_field(spec, negative, "", word, false);
        }
        let precision = spec.precision.unwrap_or(6);
        let digits = float::digits(letter, absolute, precision, spec.alternative)?;
        let digits = if letter.is_ascii_uppercase() { digits.to_ascii_uppercase() } else { digits };
        self.number_field(spec, negative, "", &digits, true)
    }
}

/// At least `precision` digits.
fn precise(digits: String, precision: Option<usize>) -> String {
    let missing = precision.unwrap_or(0).saturating_sub(digits.len());
    format!("{}{digits}", "0".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(template: &str, args: &[Value]) -> String {
        String::from_utf8(format(template.as_bytes(), args, &Budget::default()).unwrap()).unwrap()
    }

    #[test]
    fn integers() {
        let seven = [Value::Int(7)];
        assert_eq!(formatted("%d|", &seven), "7|");
        assert_eq!(formatted("%05d|%%", &seven), "00007|%");
        assert_eq!(formatted("%-5d|", &seven), "7    |");
        assert_eq!(formatted("%+.3d", &seven), "+007");
        assert_eq!(formatted("%#x %o %08b", &[31, 8, 5].map(Value::Int)), "0x1f 10 00000101");
        assert_eq!(formatted("%d", &[Value::str("0x10")]), "16");
        assert_eq!(formatted("%d", &[Value::Float(-1.5)]), "-2");
    }

    #[test]
    fn floats() {
        assert_eq!(formatted("%.2f", &[Value::Float(1.005)]), "1.00");
        assert_eq!(formatted("%8.3f|", &[Value::Int(2)]), "   2.000|");
        assert_eq!(formatted("%e", &[Value::Float(12345.678)]), "1.234568e+04");
        assert_eq!(formatted("%g %g", &[1e10, 0.0001].map(Value::Float)), "1e+10 0.0001");
        assert_eq!(formatted("%g", &[Value::Float(100000.0)]), "100000");
        assert_eq!(formatted("%f", &[Value::Float(f64::NAN)]), "NaN");
        let zeros = "0".repeat(69_999);
        assert_eq!(formatted("%.70000f", &[Value::Float(1.5)]), format!("1.5{zeros}"));
        assert_eq!(formatted("%.70000e", &[Value::Float(1.5)]), format!("1.5{zeros}e+00"));
        assert_eq!(formatted("%.70000g", &[Value::Float(1.5)]), "1.5");
    }

    #[test]
    fn texts_and_names() {
        assert_eq!(formatted("%-4s|%4s|%.1s", &["é", "b", "cd"].map(Value::str)), "é   |   b|c");
        let mut pairs = crate::values::value::Pairs::default();
        pairs.set(Value::symbol(b"n"), Value::Int(3), &Budget::default()).unwrap();
        assert_eq!(formatted("%<n>03d %{n}", &[Value::map(pairs)]), "003 3");
        assert_eq!(formatted("%2$s%1$s", &["a", "b"].map(Value::str)), "ba");
        assert_eq!(formatted("%p", &[Value::Nil]), "nil");
    }

    #[test]
    fn mistakes() {
        for template in ["%d", "%", "%y", "%<n>d"] {
            assert!(format(template.as_bytes(), &[], &Budget::default()).is_err(), "{template}");
        }
        assert!(format(b"%9999999999d", &[Value::Int(1)], &Budget::default()).is_err());
    }
}
