//! Methods of integers and floats.

use crate::evaluate::walk::Evaluator;
use crate::values::flow::{argument_error, raise, refuse, type_error};
use crate::values::number;
use crate::values::value::{Outcome, Value};

use crate::evaluate::call::world::object;
use crate::evaluate::call::{Answer, Call};
use crate::values::conversion::noun;

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, receiver: &Value, call: &Call<'_, 'a>) -> Answer {
    match call.name {
        "+" | "-" | "*" | "/" | "%" | "modulo" | "**" | "pow" | "div" | "fdiv" | "divmod"
        | "remainder" | "quo" => {
            if call.name == "pow" && call.args.len() == 2 {
                return Ok(None);
            }
            return arithmetic(receiver, call).map(Some);
        }
        "times" | "upto" | "downto" | "step" => return iterate(ev, receiver, call),
        _ => {}
    }
    let answer = match receiver {
        Value::Int(int) => integer(*int, call)?,
        Value::Float(float) => self::float(*float, call)?,
        _ => None,
    };
    match answer {
        Some(value) => Ok(Some(value)),
        None => object::comparable(ev, receiver, call),
    }
}

fn arithmetic(receiver: &Value, call: &Call<'_, '_>) -> Outcome {
    match (receiver, call.arg(0)) {
        (Value::Int(a), Value::Int(b)) => int_arithmetic(*a, *b, call.name),
        (Value::Int(a), Value::Float(b)) => float_arithmetic(*a as f64, *b, call.name),
        (Value::Float(a), Value::Int(b)) => float_arithmetic(*a, *b as f64, call.name),
        (Value::Float(a), Value::Float(b)) => float_arithmetic(*a, *b, call.name),
        (_, other) => {
            type_error(format!("{} can't be coerced into {}", noun(other), receiver.class()))
        }
    }
}

fn int_arithmetic(a: i64, b: i64, name: &str) -> Outcome {
    let checked = match name {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" | "div" => return number::div(a, b).map(Value::Int),
        "%" | "modulo" => return number::modulo(a, b).map(Value::Int),
        "divmod" => {
            let (quotient, rest) = (number::div(a, b)?, number::modulo(a, b)?);
            return Ok(Value::pair(Value::Int(quotient), Value::Int(rest)));
        }
        "fdiv" => return Ok(Value::Float(a as f64 / b as f64)),
        "remainder" if b == 0 => return raise("ZeroDivisionError", "divided by 0"),
        "remainder" => Some(a.wrapping_rem(b)),
        "**" | "pow" => match u32::try_from(b) {
            Ok(power) => a.checked_pow(power),
            Err(_) if b < 0 => return refuse("a rational number"),
            Err(_) => None,
        },
        _ => return refuse(format!("`Integer#{name}`")),
    };
    fitting(checked)
}

/// An integer, if it has fitted into 64 bits.
fn fitting(int: Option<i64>) -> Outcome {
    int.map_or_else(number::too_big, |int| Ok(Value::Int(int)))
}

fn float_arithmetic(a: f64, b: f64, name: &str) -> Outcome {
    if b == 0.0 && matches!(name, "%" | "modulo" | "div" | "divmod") {
        return raise("ZeroDivisionError", "divided by 0");
    }
    Ok(Value::Float(match name {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" | "fdiv" | "quo" => a / b,
        "%" | "modulo" => number::float_modulo(a, b),
        "**" | "pow" if a < 0.0 && b.fract() != 0.0 => return refuse("a complex number"),
        "**" | "pow" => a.powf(b),
        "div" => return number::float_to_int((a / b).floor()).map(Value::Int),
        "divmod" => {
            let quotient = number::float_to_int((a / b).floor())?;
            return Ok(Value::pair(Value::Int(quotient), Value::Float(number::float_modulo(a, b))));
        }
        _ => return refuse(format!("`Float#{name}`")),
    }))
}

fn integer(int: i64, call: &Call<'_, '_>) -> Answer {
    let value = match call.name {
        "to_s" | "inspect" => Value::str(match call.args {
            [] => int.to_string(),
            _ => in_base(int, call.int(0)?)?,
        }),
        "&" | "|" | "^" | "<<" | ">>" => return bits(int, call).map(Some),
        "round" | "floor" | "ceil" | "truncate" if !call.args.is_empty() => {
            if call.int(0)? < 0 {
                return refuse(format!("`Integer#{}` to tens", call.name));
            }
            Value::Int(int)
        }
        "chr" => match u8::try_from(int) {
            Ok(byte @ 0..=127) => Value::str([byte]),
            _ => return refuse("`Integer#chr` beyond ASCII"),
        },
        "to_i" | "to_int" | "round" | "floor" | "ceil" | "truncate" | "ord" | "+@" => {
            Value::Int(int)
        }
        "to_f" => Value::Float(int as f64),
        "-@" => fitting(int.checked_neg())?,
        "~" => Value::Int(!int),
        "abs" | "magnitude" => fitting(int.checked_abs())?,
        "succ" | "next" => fitting(int.checked_add(1))?,
        "pred" => fitting(int.checked_sub(1))?,
        "zero?" => Value::Bool(int == 0),
        "nonzero?" if int == 0 => Value::Nil,
        "nonzero?" => Value::Int(int),
        "positive?" => Value::Bool(int > 0),
        "negative?" => Value::Bool(int < 0),
        "even?" => Value::Bool(int % 2 == 0),
        "odd?" => Value::Bool(int % 2 != 0),
        "integer?" | "finite?" => Value::Bool(true),
        "infinite?" => Value::Nil,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn bits(int: i64, call: &Call<'_, '_>) -> Outcome {
    let Value::Int(other) = *call.arg(0) else {
        return type_error(format!("{} can't be coerced into Integer", noun(call.arg(0))));
    };
    let shift = |left: bool| match u32::try_from(other.unsigned_abs()) {
        Ok(by @ 0..=62) if left == (other >= 0) => match int.checked_mul(1 << by) {
            Some(int) => Ok(int),
            None => number::too_big(),
        },
        Ok(by @ 0..=63) if left != (other >= 0) => Ok(int >> by),
        _ if left != (other >= 0) => Ok(if int < 0 { -1 } else { 0 }),
        _ => number::too_big(),
    };
    Ok(Value::Int(match call.name {
        "&" => int & other,
        "|" => int | other,
        "^" => int ^ other,
        "<<" => shift(true)?,
        _ => shift(false)?,
    }))
}

fn in_base(int: i64, base: i64) -> Outcome<String> {
    let Ok(base @ 2..=36) = u32::try_from(base) else {
        return argument_error(format!("invalid radix {base}"));
    };
    let mut rest = int.unsigned_abs();
    let mut digits = Vec::new();
    while rest > 0 || digits.is_empty() {
        let digit = u32::try_from(rest % u64::from(base)).unwrap_or(0);
        digits.push(char::from_digit(digit, base).unwrap_or('0'));
        rest /= u64::from(base);
    }
    if int < 0 {
        digits.push('-');
    }
    Ok(digits.iter().rev().collect())
}

fn float(float: f64, call: &Call<'_, '_>) -> Answer {
    let value = match call.name {
        "round" | "floor" | "ceil" | "truncate" => rounded(float, call)?,
        "to_i" | "to_int" => Value::Int(number::float_to_int(float)?),
        "to_f" | "+@" => Value::Float(float),
        "-@" => Value::Float(-float),
        "abs" | "magnitude" => Value::Float(float.abs()),
        "nan?" => Value::Bool(float.is_nan()),
        "finite?" => Value::Bool(float.is_finite()),
        "infinite?" if float.is_infinite() => Value::Int(if float > 0.0 { 1 } else { -1 }),
        "infinite?" => Value::Nil,
        "zero?" => Value::Bool(float == 0.0),
        "positive?" => Value::Bool(float > 0.0),
        "negative?" => Value::Bool(float < 0.0),
        "integer?" => Value::Bool(false),
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn rounded(float: f64, call: &Call<'_, '_>) -> Outcome {
    let round = match call.name {
        "round" => f64::round,
        "floor" => f64::floor,
        "ceil" => f64::ceil,
        _ => f64::trunc,
    };
    let places = if call.args.is_empty() { 0 } else { call.int(0)? };
    match places {
        0 => number::float_to_int(round(float)).map(Value::Int),
        1..=15 if float.is_finite() => {
            let places = usize::try_from(places).unwrap_or(0);
            if call.name == "round" {
                return Ok(Value::Float(round_to(float, places)));
            }
            let scale = 10f64.powi(i32::try_from(places).unwrap_or(0));
            let scaled = float * scale;
            // What is a whole number but for its last bit is one.
            let near = scaled.round();
            let scaled =
                if (scaled - near).abs() < near.abs() * f64::EPSILON { near } else { scaled };
            Ok(Value::Float(round(scaled) / scale))
        }
        16.. => Ok(Value::Float(float)),
        _ => refuse(format!("`Float#{}` to tens", call.name)),
    }
}

/// Rounds half away from zero, on the shortest decimal form.
fn round_to(float: f64, places: usize) -> f64 {
    let scale = 10f64.powi(i32::try_from(places).unwrap_or(0));
    let scaled = float * scale;
    if !scaled.is_finite() {
        return float;
    }
    let mut rounded = scaled.round();
    // As Ruby does: undo a round-up that the multiplication alone caused.
    if scaled.abs() < rounded.abs() && (rounded.abs() - 0.5) / scale > float.abs() {
        rounded -= rounded.signum();
    }
    rounded / scale
}

fn iterate<'a>(ev: &mut Evaluator<'a>, receiver: &Value, call: &Call<'_, 'a>) -> Answer {
    let Value::Int(first) = *receiver else { return Ok(None) };
    let (start, last, step) = match call.name {
        "times" => (0, first.saturating_sub(1), 1),
        "upto" => (first, call.int(0)?, 1),
        "downto" => (first, call.int(0)?, -1),
        _ => match call.args {
            [Value::Int(last)] => (first, *last, 1),
            [Value::Int(last), Value::Int(step)] if *step != 0 => (first, *last, *step),
            [_, Value::Int(0)] => return argument_error("step can't be 0"),
            _ => return Ok(None),
        },
    };
    count(ev, start, last, step, call)?;
    Ok(Some(receiver.clone()))
}

/// Yields each integer from `first` to `last`, by steps of more or less than 0.
pub(crate) fn count<'a>(
    ev: &mut Evaluator<'a>,
    first: i64,
    last: i64,
    step: i64,
    call: &Call<'_, 'a>,
) -> Outcome<()> {
    let block = call.need_block()?;
    let mut next = Some(first);
    while let Some(int) = next.filter(|next| if step > 0 { *next <= last } else { *next >= last }) {
        ev.yield_to(block, vec![Value::Int(int)])?;
        next = int.checked_add(step);
    }
    Ok(())
}
