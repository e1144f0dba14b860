//! Parts of strings: `text[1]`, `text[1, 2]`, `text[1..2]`, `text['part']`, `text[/pattern/, 1]`.

use std::ops::Range;
use std::rc::Rc;

use crate::evaluate::walk::Evaluator;
use crate::values::text;
use crate::values::value::{Outcome, Value};

use crate::evaluate::call::Call;
use crate::evaluate::call::collections::array;
use crate::evaluate::call::plain::regexp::group_index;

pub(super) fn index<'a>(
    ev: &mut Evaluator<'a>,
    bytes: &Rc<Vec<u8>>,
    call: &Call<'_, 'a>,
) -> Outcome {
    // Finding the place of a character takes all before it.
    ev.budget.read(bytes.len())?;
    let range = match call.name {
        "byteslice" => array::bounds(call.args, bytes.len())?,
        _ => bounds(ev, bytes, call.args)?,
    };
    Ok(range.map_or(Value::Nil, |range| Value::str(&bytes[range])))
}

/// The bytes that the arguments of `[]` mean.
pub(super) fn bounds<'a>(
    ev: &mut Evaluator<'a>,
    bytes: &Rc<Vec<u8>>,
    args: &[Value],
) -> Outcome<Option<Range<usize>>> {
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
        _ => {
            let chars = array::bounds(args, text::char_count(bytes))?;
            let offset = |index| text::char_offset(bytes, index);
            chars.map(|chars| offset(chars.start)..offset(chars.end))
        }
    })
}
