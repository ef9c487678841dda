//! Rust's text, told apart: code, string literals, comments. Just enough of a lexer for looking up words.

use std::ops::Range;

/// A source file in two views of the same length as the text, so that an offset means the same line in both.
#[derive(Debug)]
pub(crate) struct Source {
    /// The text with blanks for comments and for what literals contain.
    pub(crate) code: String,
    /// The text with blanks for all but what string literals contain.
    pub(crate) strings: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Class {
    Code,
    Text,
    Other,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let mut lexer = Lexer { text, at: 0, classes: vec![Class::Code; text.len()] };
        while lexer.at < text.len() {
            lexer.step();
        }
        let view = |wanted: Class| -> String {
            let mut at = 0;
            let keep = |c: char| {
                let class = lexer.classes[at];
                at += c.len_utf8();
                // One blank for each byte keeps the offsets.
                if c == '\n' || class == wanted { c.to_string() } else { " ".repeat(c.len_utf8()) }
            };
            text.chars().map(keep).collect()
        };
        Self { code: view(Class::Code), strings: view(Class::Text) }
    }

    /// The items that only tests have, from `#[cfg(test)]` to the end of the item.
    pub(crate) fn test_items(&self) -> Vec<Range<usize>> {
        let mut items: Vec<Range<usize>> = Vec::new();
        for (begin, _) in self.code.match_indices("#[cfg(test)]") {
            if items.last().is_none_or(|last| last.end <= begin) {
                items.push(begin..item_end(&self.code, begin));
            }
        }
        items
    }
}

/// An item ends with its `;`, or with the brace that closes its body.
fn item_end(code: &str, begin: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, c) in code[begin..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(c, ';' | '}') {
            return begin + offset + 1;
        }
    }
    code.len()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    classes: Vec<Class>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = &self.text[self.at..];
        if rest.starts_with("//") {
            self.mark(rest.find('\n').unwrap_or(rest.len()), Class::Other);
        } else if rest.starts_with("/*") {
            self.mark(block_comment(rest), Class::Other);
        } else if let Some(hashes) = self.raw_string(rest) {
            let open = 2 + hashes;
            let close = format!("\"{}", "#".repeat(hashes));
            let length = rest[open..].find(&close).unwrap_or(rest.len() - open);
            self.at += open;
            self.mark(length, Class::Text);
            self.at = (self.at + close.len()).min(self.text.len());
        } else if let Some(inside) = rest.strip_prefix('"') {
            self.at += 1;
            self.mark(string(inside), Class::Text);
            self.at = (self.at + 1).min(self.text.len());
        } else if let Some(length) = character(rest) {
            self.mark(length, Class::Other);
        } else {
            self.at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }

    fn mark(&mut self, length: usize, class: Class) {
        self.classes[self.at..self.at + length].fill(class);
        self.at += length;
    }

    /// The number of `#` of a raw string that begins here with its `r`; `br` and `cr` come here at their second letter.
    fn raw_string(&self, rest: &str) -> Option<usize> {
        let after = rest.strip_prefix('r')?;
        let mut before = self.text[..self.at].bytes().rev();
        let starts = match before.next() {
            Some(b'b' | b'c') => before.next().is_none_or(|b| !is_word(b)),
            Some(byte) => !is_word(byte),
            None => true,
        };
        let hashes = after.len() - after.trim_start_matches('#').len();
        (starts && after[hashes..].starts_with('"')).then_some(hashes)
    }
}

/// Whether a byte can be part of an identifier.
pub(super) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// The length of a comment, with those inside it.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of what stands before the quote that closes.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (offset, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal, which a lifetime is not.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        // The character after the backslash may be a quote itself.
        let close = inside.get(2..)?.find('\'')?;
        Some(1 + 2 + close + 1)
    } else {
        inside[first.len_utf8()..].starts_with('\'').then(|| 1 + first.len_utf8() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let source = Source::new(text);
        assert_eq!((source.code.len(), source.strings.len()), (text.len(), text.len()));
        source.code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn strings(text: &str) -> Vec<String> {
        Source::new(text).strings.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(code("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(code("a /// say \"x\nb"), "a b");
    }

    #[test]
    fn strings_are_told_from_code() {
        assert_eq!(strings(r#"f("one\" // two", x)"#), ["one\\\"", "//", "two"]);
        assert_eq!(
            strings("r#\"one \"two\"\"# + br\"three\" + r#type + c\"four\""),
            ["one", "\"two\"", "three", "four"]
        );
        assert_eq!(code("f(\"one\", x)"), "f(\" \", x)");
    }

    #[test]
    fn a_lifetime_is_not_a_character() {
        assert_eq!(code("fn f<'a>(x: &'a str) { '\"'; '\\''; 'é'; y }"), "fn f<'a>(x: &'a str) { ; ; ; y }");
    }

    #[test]
    fn test_items_end_with_their_body_or_their_semicolon() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { c(); }\n}\nfn d() {}\n#[cfg(test)] mod e;\nfn g() {}";
        let items: Vec<_> = Source::new(text).test_items().into_iter().map(|item| &text[item]).collect();
        assert_eq!(items, ["#[cfg(test)]\nmod tests {\n fn b() { c(); }\n}", "#[cfg(test)] mod e;"]);
    }
}
