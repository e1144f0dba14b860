//! A rendered template, with the way back from each of its lines to the template's.

/// What a template was rendered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The rendered bytes: what `puts` and `print` wrote, then the body.
    pub bytes: Vec<u8>,
    /// For each rendered line, the template's line on which it starts.
    lines: Vec<usize>,
}

/// A place in an output from which on the bytes come from a line of the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) offset: usize,
    pub(crate) line: usize,
    /// Template text: each newline in it is a newline of the template too.
    pub(crate) text: bool,
}

impl Rendered {
    pub(crate) fn new(bytes: Vec<u8>, marks: &[Mark]) -> Rendered {
        let lines = line_starts(&bytes).map(|start| line_at(&bytes, marks, start)).collect();
        Rendered { bytes, lines }
    }

    /// The line of the template that the given rendered line comes from. Both count from 1; a line
    /// past the end counts as the last. A rendered line made of several template lines tells the
    /// first of them; all the lines of a multi-line value tell the tag's.
    pub fn template_line(&self, rendered_line: usize) -> usize {
        let last = self.lines.len() - 1;
        self.lines[rendered_line.saturating_sub(1).min(last)]
    }
}

fn line_starts(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let after = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after)
}

fn line_at(bytes: &[u8], marks: &[Mark], start: usize) -> usize {
    // An output without bytes may share its offset with the next one: the last mark counts.
    let index = marks.partition_point(|mark| mark.offset <= start);
    let Some(mark) = index.checked_sub(1).map(|index| marks[index]) else { return 1 };
    if !mark.text {
        return mark.line;
    }
    mark.line + bytes[mark.offset..start].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_values_and_of_text() {
        let marks =
            [Mark { offset: 0, line: 3, text: false }, Mark { offset: 4, line: 7, text: true }];
        let rendered = Rendered::new(b"a\nb\nc\nd\n".to_vec(), &marks);
        let lines: Vec<usize> = (1..=6).map(|line| rendered.template_line(line)).collect();
        assert_eq!(lines, [3, 3, 7, 8, 9, 9]);
    }

    #[test]
    fn empty_rendering_has_one_line() {
        assert_eq!(Rendered::new(Vec::new(), &[]).template_line(1), 1);
    }
}
