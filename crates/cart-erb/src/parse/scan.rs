//! Cuts a template into pieces: text, code, values to print, comments and `%` lines.
//!
//! The rules are those of ERB's own scanner in the mode that the command line uses (`%` lines on,
//! no trimming), which works line by line and knows nothing of Ruby: a tag ends at the first `%>`,
//! even inside a string.

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text: the rest of a line behind a tag, then whole lines and the start of the next one.
    Text,
    /// `<% code %>`
    Code,
    /// `<%= code %>`
    Value,
    /// `<%# comment %>`
    Comment,
    /// `% code`, a whole line
    Line,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) content: Vec<u8>,
    /// The line on which the piece starts, counted from 1.
    pub(crate) line: usize,
}

impl Piece {
    /// True for what becomes Ruby as it stands.
    pub(crate) fn is_code(&self) -> bool {
        !matches!(self.kind, Kind::Text | Kind::Comment)
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.content.len()
    }
}

/// Cuts a template into its pieces, in order.
pub(crate) fn scan(source: &[u8]) -> Vec<Piece> {
    let mut scanner = Scanner::default();
    for line in source.split_inclusive(|byte| *byte == b'\n') {
        scanner.line += 1;
        match line {
            [b'%', b'%', ..] if scanner.tag.is_none() => scanner.tokens(&line[1..]),
            [b'%', code @ ..] if scanner.tag.is_none() => scanner.code_line(code),
            _ => scanner.tokens(line),
        }
    }
    scanner.flush();
    scanner.pieces
}

#[derive(Default)]
struct Scanner {
    pieces: Vec<Piece>,
    /// The tag that is open.
    tag: Option<Kind>,
    content: Vec<u8>,
    /// The line on which `content` starts; 0 while it is empty and no tag is open.
    started: usize,
    line: usize,
}

impl Scanner {
    fn code_line(&mut self, code: &[u8]) {
        self.flush();
        let content = crate::values::text::chomp(code).to_vec();
        self.pieces.push(Piece { kind: Kind::Line, content, line: self.line });
    }

    fn tokens(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            let (before, token) = next_token(rest);
            rest = &rest[before.len() + token.len()..];
            self.append(before);
            match self.tag {
                None => self.token_in_text(token),
                Some(kind) => self.token_in_tag(kind, token),
            }
        }
    }

    fn token_in_text(&mut self, token: &[u8]) {
        match token {
            b"<%" => self.open(Kind::Code),
            b"<%=" => self.open(Kind::Value),
            b"<%#" => self.open(Kind::Comment),
            b"<%%" => self.append(b"<%"),
            b"\n" => {
                self.append(token);
                self.flush();
            }
            _ => self.append(token),
        }
    }

    fn token_in_tag(&mut self, kind: Kind, token: &[u8]) {
        match token {
            b"%>" => {
                let content = std::mem::take(&mut self.content);
                self.pieces.push(Piece { kind, content, line: self.started });
                self.tag = None;
                self.started = 0;
            }
            b"%%>" => self.append(b"%>"),
            _ => self.append(token),
        }
    }

    fn open(&mut self, kind: Kind) {
        self.flush();
        self.tag = Some(kind);
        self.started = self.line;
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.started == 0 && !bytes.is_empty() {
            self.started = self.line;
        }
        self.content.extend_from_slice(bytes);
    }

    /// Ends a piece of text. At the end of the template this is also the text of an open tag.
    fn flush(&mut self) {
        let content = std::mem::take(&mut self.content);
        if !content.is_empty() {
            self.text(content);
        }
        self.started = 0;
    }

    /// Adds text. ERB makes a command of each line; what counts is that the first line is one of its
    /// own, because the code before it may be a comment, or unfinished. The others are put together.
    fn text(&mut self, content: Vec<u8>) {
        match self.pieces.as_mut_slice() {
            [.., Piece { kind: Kind::Text, .. }, last] if last.kind == Kind::Text => {
                last.content.extend(content);
            }
            _ => self.pieces.push(Piece { kind: Kind::Text, content, line: self.started }),
        }
    }
}

/// The bytes before the first token, and the token (empty at the end of the line).
fn next_token(rest: &[u8]) -> (&[u8], &[u8]) {
    const TOKENS: [&[u8]; 7] = [b"<%%", b"<%=", b"<%#", b"<%", b"%%>", b"%>", b"\n"];
    for start in 0..rest.len() {
        if let Some(token) = TOKENS.iter().find(|token| rest[start..].starts_with(token)) {
            return (&rest[..start], token);
        }
    }
    (rest, b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(source: &str) -> Vec<(Kind, String, usize)> {
        scan(source.as_bytes())
            .into_iter()
            .map(|piece| {
                (piece.kind, String::from_utf8_lossy(&piece.content).into_owned(), piece.line)
            })
            .collect()
    }

    fn text(source: &str) -> String {
        pieces(source)
            .into_iter()
            .map(|(kind, content, _)| {
                assert_eq!(kind, Kind::Text);
                content
            })
            .collect()
    }

    #[test]
    fn each_kind_of_tag_and_its_line() {
        assert_eq!(
            pieces("a\n<%= b %>c<% d\ne %>\n<%# f %>"),
            [
                (Kind::Text, "a\n".into(), 1),
                (Kind::Value, " b ".into(), 2),
                (Kind::Text, "c".into(), 2),
                (Kind::Code, " d\ne ".into(), 2),
                (Kind::Text, "\n".into(), 3),
                (Kind::Comment, " f ".into(), 4),
            ]
        );
    }

    #[test]
    fn percent_line_is_code_and_loses_its_newline() {
        assert_eq!(
            pieces("a\r\n% b\r\nc"),
            [
                (Kind::Text, "a\r\n".into(), 1),
                (Kind::Line, " b".into(), 2),
                (Kind::Text, "c".into(), 3),
            ]
        );
    }

    #[test]
    fn percent_line_inside_a_tag_is_part_of_the_tag() {
        assert_eq!(pieces("<% a\n% b\n%>"), [(Kind::Code, " a\n% b\n".into(), 1)]);
    }

    #[test]
    fn escapes_of_percent_signs() {
        assert_eq!(text("%% a\n"), "% a\n");
        assert_eq!(text("%%% a"), "%% a");
        assert_eq!(text("a <%% b %%> c %> d"), "a <% b %%> c %> d");
        assert_eq!(text("<%%>"), "<%>");
        assert_eq!(pieces("<% a %%> b %>"), [(Kind::Code, " a %> b ".into(), 1)]);
    }

    #[test]
    fn tag_ends_inside_a_string() {
        assert_eq!(pieces("<%= '%>' %>")[0], (Kind::Value, " '".into(), 1));
    }

    #[test]
    fn unterminated_tag_is_text_without_its_opener() {
        assert_eq!(text("a <%= b\nc %%>"), "a  b\nc %>");
        assert_eq!(text("<%"), "");
    }
}
