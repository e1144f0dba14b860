//! Parts of strings: `text[1]`, `text[1, 2]`, `text[1..2]`, `text['part']`, `text[/pattern/, 1]`.

use std::ops::Range;
use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::text;
use crate::values::value::{Outcome, Value};

use crate::evaluate::call::Call;
use crate::evaluate::call::collections::array::{span_bounds, start_bounds};
use crate::evaluate::call::plain::regexp::group_index;
use crate::values::conversion::int_of;

pub(super) fn index<'a>(
    ev: &mut Evaluator<'a>,
    bytes: &Rc<Vec<u8>>,
    call: &Call<'_, 'a>,
) -> Outcome {
    // Finding the place of a character takes all before it.
    ev.budget.read(bytes.len())?;
    if call.name == "byteslice" {
        let bounds = match (call.arg(0), call.args.get(1)) {
            (Value::Span(span), None) => span_bounds(span, bytes.len())?,
            (first, None) => single(int_of(first)?, bytes.len()),
            (first, Some(length)) => start_bounds(int_of(first)?, int_of(length)?, bytes.len()),
        };
        return Ok(bounds.map_or(Value::Nil, |(start, end)| Value::str(&bytes[start..end])));
    }
    let bounds = bounds(ev, bytes, call.args)?;
    Ok(bounds.map_or(Value::Nil, |range| Value::str(&bytes[range])))
}

fn single(index: i64, length: usize) -> Option<(usize, usize)> {
    start_bounds(index, 1, length).filter(|(start, end)| start < end)
}

/// The bytes that the arguments of `[]` mean.
pub(super) fn bounds<'a>(
    ev: &mut Evaluator<'a>,
    bytes: &Rc<Vec<u8>>,
    args: &[Value],
) -> Outcome<Option<Range<usize>>> {
    let chars =
        |bounds: Option<(usize, usize)>| bounds.map(|(start, end)| byte_range(bytes, start, end));
    Ok(match args {
        [Value::Str(part)] => {
            let part = part.borrow();
            text::find(bytes, &part, 0).map(|start| start..start + part.len())
        }
        [Value::Pattern(pattern)] | [Value::Pattern(pattern), _] => {
            let found = ev.find(pattern, bytes, 0)?.map(Rc::new);
            ev.last_match = found.clone();
            match (found, args.get(1)) {
                (None, _) => None,
                (Some(found), None) => Some(found.span()),
                (Some(found), Some(group)) => {
                    group_index(&found, group)?.and_then(|index| found.group_span(index))
                }
            }
        }
        [Value::Span(span)] => chars(span_bounds(span, text::char_count(bytes))?),
        [index] => chars(single(int_of(index)?, text::char_count(bytes))),
        [start, length, ..] => {
            chars(start_bounds(int_of(start)?, int_of(length)?, text::char_count(bytes)))
        }
        [] => None,
    })
}

/// Positions of characters as positions of bytes.
fn byte_range(bytes: &[u8], start: usize, end: usize) -> Range<usize> {
    text::char_offset(bytes, start)..text::char_offset(bytes, end)
}
