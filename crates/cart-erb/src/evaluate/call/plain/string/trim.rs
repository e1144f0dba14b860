//! Methods that give a string with something taken away or its letters changed; each has a form
//! with `!` that changes the string itself.

use crate::values::flow::refuse;
use crate::values::text::{self, is_space};
use crate::values::value::Outcome;

use crate::evaluate::call::Call;

pub(super) fn call(bytes: &[u8], call: &Call<'_, '_>) -> Outcome<Option<Vec<u8>>> {
    let changed = match call.name {
        "chomp" => chomp(bytes, call)?,
        "delete_prefix" => bytes.strip_prefix(call.text(0)?.as_slice()).unwrap_or(bytes).to_vec(),
        "delete_suffix" => bytes.strip_suffix(call.text(0)?.as_slice()).unwrap_or(bytes).to_vec(),
        "scrub" if call.args.is_empty() && call.block.is_none() => text::lossy(bytes).into_bytes(),
        "scrub" => return refuse("`String#scrub` with a replacement"),
        "upcase" | "downcase" | "capitalize" | "swapcase" if !call.args.is_empty() => {
            return refuse(format!("`String#{}` with options", call.name));
        }
        "lstrip" => lstrip(bytes).to_vec(),
        "rstrip" => rstrip(bytes)?.to_vec(),
        "strip" => rstrip(lstrip(bytes))?.to_vec(),
        "chop" => match bytes {
            [kept @ .., b'\r', b'\n'] => kept.to_vec(),
            _ => {
                let last = text::chars(bytes).last().unwrap_or_default();
                bytes[..bytes.len() - last.len()].to_vec()
            }
        },
        "reverse" => reversed(bytes),
        "upcase" => change_case(bytes, |_, _| true)?,
        "downcase" => change_case(bytes, |_, _| false)?,
        "capitalize" => change_case(bytes, |at, _| at == 0)?,
        "swapcase" => change_case(bytes, |_, char| !char.is_uppercase())?,
        _ => return Ok(None),
    };
    Ok(Some(changed))
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    let mut reversed = vec![0; bytes.len()];
    let mut end = bytes.len();
    for char in text::chars(bytes) {
        reversed[end - char.len()..end].copy_from_slice(char);
        end -= char.len();
    }
    reversed
}

/// Makes each character upper or lower case, as `upper` says of it and of its index.
fn change_case(bytes: &[u8], upper: impl Fn(usize, char) -> bool) -> Outcome<Vec<u8>> {
    text::map_chars(bytes, |at, char| {
        let (up, down) = (char.to_uppercase(), char.to_lowercase());
        let (up, down) = if upper(at, char) { (Some(up), None) } else { (None, Some(down)) };
        up.into_iter().flatten().chain(down.into_iter().flatten())
    })
}

fn lstrip(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_space(*byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

fn rstrip(bytes: &[u8]) -> Outcome<&[u8]> {
    text::valid(bytes)?;
    let end = bytes.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    Ok(&bytes[..end])
}

/// `chomp` takes one line ending; with `""` all of them, with another text that text.
fn chomp(bytes: &[u8], call: &Call<'_, '_>) -> Outcome<Vec<u8>> {
    if call.args.is_empty() {
        return Ok(text::chomp(bytes).to_vec());
    }
    if call.arg(0).is_nil() {
        return Ok(bytes.to_vec());
    }
    let suffix = call.text(0)?;
    let kept = match suffix.as_slice() {
        b"\n" => text::chomp(bytes),
        b"" => {
            let mut rest = bytes;
            while let Some(shorter) = rest.strip_suffix(b"\n") {
                rest = shorter.strip_suffix(b"\r").unwrap_or(shorter);
            }
            rest
        }
        suffix => bytes.strip_suffix(suffix).unwrap_or(bytes),
    };
    Ok(kept.to_vec())
}
