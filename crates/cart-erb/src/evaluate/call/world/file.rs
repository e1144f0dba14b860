//! `File`, `FileTest` and `Dir`: names of files, and whether they exist. Nothing is opened.

use crate::evaluate::walk::Evaluator;
use crate::given::context::FileTest;
use crate::values::flow::argument_error;
use crate::values::limits::{Budget, DEEPEST_VALUE};
use crate::values::value::{Outcome, Value};

use crate::evaluate::call::{Answer, Call};
use crate::values::conversion::text_of;

pub(crate) fn call<'a>(ev: &mut Evaluator<'a>, class: &Value, call: &Call<'_, 'a>) -> Answer {
    let Value::Class(class) = class else { return Ok(None) };
    let value = match (*class, call.name) {
        ("Dir", "exist?" | "exists?") => test(ev, FileTest::Directory, call)?,
        ("Dir", _) => return Ok(None),
        (_, "exist?" | "exists?") => test(ev, FileTest::Exists, call)?,
        (_, "file?") => test(ev, FileTest::File, call)?,
        (_, "directory?") => test(ev, FileTest::Directory, call)?,
        (_, "symlink?") => test(ev, FileTest::Symlink, call)?,
        ("FileTest", _) => return Ok(None),
        (_, "join") => Value::str(join(&ev.budget, call.args, 0)?),
        (_, "basename") => {
            let suffix = if call.args.len() > 1 { call.text(1)? } else { Default::default() };
            Value::str(basename(&call.text(0)?, &suffix))
        }
        (_, "dirname") => Value::str(dirname(&call.text(0)?)),
        (_, "extname") => Value::str(extname(&call.text(0)?)),
        (_, "split") => {
            let path = call.text(0)?;
            ev.budget.make_objects(2, path.len())?;
            Value::pair(Value::str(dirname(&path)), Value::str(basename(&path, b"")))
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// Steps of a question about a file.
const FILE_TEST: usize = 20;

fn test(ev: &mut Evaluator<'_>, test: FileTest, call: &Call<'_, '_>) -> Outcome {
    let path = call.text(0)?;
    if path.contains(&0) {
        return argument_error("string contains null byte");
    }
    // The system is asked.
    ev.charge(FILE_TEST)?;
    Ok(Value::Bool(ev.files.test(test, &path)))
}

fn join(budget: &Budget, parts: &[Value], depth: usize) -> Outcome<Vec<u8>> {
    if depth > DEEPEST_VALUE {
        return argument_error("recursive array");
    }
    let mut path: Vec<u8> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let part = match part {
            Value::List(list) => join(budget, &list.0.borrow(), depth + 1)?.into(),
            other => text_of(other)?,
        };
        budget.charge(1)?;
        budget.string(path.len() + 1 + part.len())?;
        budget.read(part.len())?;
        if at == 0 {
            path = part.to_vec();
        } else if part.starts_with(b"/") {
            path.truncate(without_slashes(&path).len());
            path.extend_from_slice(&part);
        } else {
            if !path.ends_with(b"/") {
                path.push(b'/');
            }
            path.extend_from_slice(&part);
        }
    }
    Ok(path)
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let kept = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    &path[..kept]
}

fn basename<'p>(path: &'p [u8], suffix: &[u8]) -> &'p [u8] {
    let trimmed = without_slashes(path);
    if trimmed.is_empty() {
        return &path[..path.len().min(1)];
    }
    let start = trimmed.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let name = &trimmed[start..];
    let kept = match suffix {
        b".*" => &name[..name.len() - extname(name).len()],
        _ => name.strip_suffix(suffix).unwrap_or(name),
    };
    if kept.is_empty() { name } else { kept }
}

fn dirname(path: &[u8]) -> &[u8] {
    let trimmed = without_slashes(path);
    match trimmed.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => match without_slashes(&trimmed[..slash]) {
            b"" => b"/",
            parent => parent,
        },
        None if trimmed.is_empty() && !path.is_empty() => b"/",
        None => b".",
    }
}

fn extname(path: &[u8]) -> &[u8] {
    let name = &path[path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)..];
    let stem = name.iter().take_while(|byte| **byte == b'.').count();
    match name.iter().rposition(|byte| *byte == b'.') {
        Some(dot) if dot >= stem && stem < name.len() => &name[dot..],
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names() {
        assert_eq!(basename(b"/a/b.erb/", b".erb"), b"b");
        assert_eq!(basename(b"/a/b.tar.gz", b".*"), b"b.tar");
        assert_eq!(basename(b"//", b""), b"/");
        assert_eq!(dirname(b"/a//b/"), b"/a");
        assert_eq!([dirname(b"a"), dirname(b"/a"), dirname(b"/")], [&b"."[..], b"/", b"/"]);
        assert_eq!([extname(b"a.rb"), extname(b".rb"), extname(b"a.b/c")], [&b".rb"[..], b"", b""]);
    }

    #[test]
    fn join_has_one_slash_between_parts() {
        let parts = |parts: &[&str]| {
            let parts: Vec<Value> = parts.iter().map(|part| Value::str(*part)).collect();
            join(&Budget::default(), &parts, 0).unwrap()
        };
        assert_eq!(parts(&["a/", "/b", "c"]), b"a/b/c");
        assert_eq!(parts(&["", "a"]), b"/a");
        assert_eq!(parts(&["a", ""]), b"a/");
        assert_eq!(parts(&[]), b"");
        assert!(join(&Budget::default(), &[Value::str("a"), Value::Nil], 0).is_err());
    }
}
