//! A rendered template, with the way back from each of its lines to the template's.

/// What a template was rendered to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The rendered bytes: what `puts` and `print` wrote, then the body.
    pub bytes: Vec<u8>,
    marks: Vec<Mark>,
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
    pub(crate) fn new(bytes: Vec<u8>, marks: Vec<Mark>) -> Rendered {
        Rendered { bytes, marks }
    }

    /// The line of the template that the given rendered line comes from. Both count from 1; a line
    /// past the end counts as the last. A rendered line made of several template lines tells the
    /// first of them; all the lines of a multi-line value tell the tag's.
    pub fn template_line(&self, rendered_line: usize) -> usize {
        // Found when it is asked for: most renderings are never asked.
        let newlines = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let starts = newlines.map(|(at, _)| at + 1);
        let start = starts.take(rendered_line.saturating_sub(1)).last().unwrap_or(0);
        line_at(&self.bytes, &self.marks, start)
    }
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
        let rendered = Rendered::new(b"a\nb\nc\nd\n".to_vec(), marks.to_vec());
        let lines: Vec<usize> = (1..=6).map(|line| rendered.template_line(line)).collect();
        assert_eq!(lines, [3, 3, 7, 8, 9, 9]);
    }

    #[test]
    fn empty_rendering_has_one_line() {
        assert_eq!(Rendered::default().template_line(1), 1);
    }
}
