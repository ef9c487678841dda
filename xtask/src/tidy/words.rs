//! Looks up the words of the rules in a file.

use std::ops::Range;

use super::{
    Finding,
    lexer::{Source, is_word},
    rules::{Look, WORDS, WordRule},
};

/// What a file has that belongs elsewhere.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let rules: Vec<&WordRule> = WORDS.iter().filter(|rule| rule.covers(path)).collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let source = path.ends_with(".rs").then(|| Source::new(text));
    let tests = source.as_ref().map(Source::test_items).unwrap_or_default();
    let mut findings = Vec::new();
    for rule in rules {
        for &word in rule.words {
            let mut offsets = match (&source, rule.look) {
                (_, Look::Text) => occurrences(text, word),
                (Some(source), Look::Strings) => occurrences(&source.strings, word),
                (Some(source), Look::Code) => in_code(&source.code, word),
                (None, _) => Vec::new(),
            };
            if rule.tests_may {
                offsets.retain(|offset| !tests.iter().any(|item: &Range<usize>| item.contains(offset)));
            }
            let mut lines: Vec<usize> = offsets.into_iter().map(|offset| line_of(text, offset)).collect();
            lines.sort_unstable();
            lines.dedup();
            let finding = |line| Finding::error(path, line, format!("`{word}` does not belong here"), rule.instead);
            findings.extend(lines.into_iter().map(finding));
        }
    }
    findings
}

impl WordRule {
    fn covers(&self, path: &str) -> bool {
        let begins = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
        begins(self.within) && !begins(self.home) && !(self.tests_may && is_test(path))
    }
}

/// Whether a file is compiled for tests only.
pub(super) fn is_test(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
}

pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Where a word stands on its own. The beginning of a path of the file system stands on its own after anything that
/// cannot be a part of a longer path or of an address.
fn occurrences(text: &str, word: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let (first, last) = (word.as_bytes()[0], word.as_bytes()[word.len() - 1]);
    let apart = |offset: usize| {
        let before = offset.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(offset + word.len()).copied();
        let longer = match first {
            b'/' => before.is_some_and(|byte| is_word(byte) || b"./-~}*".contains(&byte)),
            first => is_word(first) && before.is_some_and(is_word),
        };
        // A word that ends in `_` is the beginning of names.
        let goes_on = last != b'_' && is_word(last) && after.is_some_and(is_word);
        !longer && !goes_on
    };
    text.match_indices(word).map(|(offset, _)| offset).filter(|&offset| apart(offset)).collect()
}

/// Where code has a word, or `use` brings it in as a part of a group.
fn in_code(code: &str, word: &str) -> Vec<usize> {
    let mut offsets = occurrences(code, word);
    for (path, offset) in imports(code) {
        // `use rand;` brings in what is then written `rand::`.
        if occurrences(&format!("{path}::"), word).first() == Some(&0) {
            offsets.push(offset);
        }
    }
    offsets
}

/// The paths that `use` brings in, groups written out, each with the offset of its last name.
fn imports(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for offset in occurrences(code, "use") {
        Tree { code, found: &mut found }.read("", offset + "use".len());
    }
    found
}

struct Tree<'a> {
    code: &'a str,
    found: &'a mut Vec<(String, usize)>,
}

impl Tree<'_> {
    /// Reads a path or a group, and returns where it ends.
    fn read(&mut self, prefix: &str, at: usize) -> usize {
        let at = self.skip(at, "::");
        if self.code[at..].starts_with('{') {
            return self.group(prefix, at + 1);
        }
        let name: &str = &self.code[at..];
        let length = name.bytes().position(|byte| !is_word(byte) && byte != b'*').unwrap_or(name.len());
        if length == 0 {
            return at;
        }
        let path = if prefix.is_empty() { name[..length].to_owned() } else { format!("{prefix}::{}", &name[..length]) };
        let end = self.skip(at + length, "");
        if self.code[end..].starts_with("::") {
            return self.read(&path, end);
        }
        self.found.push((path.strip_suffix("::self").unwrap_or(&path).to_owned(), at));
        // What is left is `as name`.
        end + self.code[end..].find([',', '}', ';']).unwrap_or(0)
    }

    fn group(&mut self, prefix: &str, mut at: usize) -> usize {
        loop {
            let end = self.read(prefix, at);
            let end = self.skip(end, "");
            match self.code[end..].chars().next() {
                Some(',') => at = end + 1,
                Some('}') => return end + 1,
                _ => return end,
            }
        }
    }

    /// Skips blanks, then `separator`, then blanks.
    fn skip(&self, at: usize, separator: &str) -> usize {
        let rest = self.code[at..].trim_start();
        let rest = rest.strip_prefix(separator).unwrap_or(rest).trim_start();
        self.code.len() - rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(path, text).into_iter().map(|finding| format!("{}: {}", finding.line, finding.wrong)).collect()
    }

    #[test]
    fn a_word_is_found_on_its_own_only() {
        assert_eq!(occurrences("println!(); eprintln!()", "println!"), [0]);
        assert_eq!(occurrences("std::fs, std::fsx, xstd::fs", "std::fs"), [0]);
        assert_eq!(occurrences("aws_vpc, xaws_vpc", "aws_"), [0]);
        assert_eq!(occurrences("\"/home/me\", https://host/home/, ~/code/, ../code/", "/home/"), [1]);
    }

    #[test]
    fn imports_are_written_out() {
        let code =
            "use a;\nuse ::b::c as d;\npub(crate) use std::{fs::{self, File}, io, path::*};\nfn f() -> impl use<'_> {}";
        let paths: Vec<_> = imports(code).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a", "b::c", "std::fs", "std::fs::File", "std::io", "std::path::*"]);
    }

    #[test]
    fn an_import_in_a_group_counts_in_its_own_line() {
        let text = "use std::{\n    fmt,\n    fs::{self, File},\n    time::Instant,\n};";
        let instead = ["3: `std::fs` does not belong here", "4: `std::time::Instant` does not belong here"];
        assert_eq!(found("crates/palisade-core/src/graph.rs", text), instead);
        assert_eq!(found("crates/palisade-core/src/graph.rs", "use tokio::time::Instant;"), [""; 0]);
    }

    #[test]
    fn words_are_free_at_home_and_in_tests() {
        let text = "fn f() { std::fs::read(p) }";
        assert_eq!(found("crates/palisade-core/src/graph.rs", text).len(), 1);
        assert_eq!(found("crates/palisade-engine/src/store/local.rs", text), [""; 0]);
        assert_eq!(found("crates/palisade-core/tests/derive.rs", text), [""; 0]);
        assert_eq!(
            found("crates/palisade-core/src/graph.rs", &format!("#[cfg(test)]\nmod tests {{ {text} }}")),
            [""; 0]
        );
    }

    #[test]
    fn comments_may_name_what_code_may_not() {
        assert_eq!(found("crates/palisade-core/src/graph.rs", "//! Not `std::env`, nor `\"${x}\"`."), [""; 0]);
        assert_eq!(found("crates/palisade-core/src/graph.rs", "f(\"${x}\", \"aws_vpc\")").len(), 2);
    }

    #[test]
    fn unfinished_work_is_found_in_any_file() {
        assert_eq!(found("README.md", "one\nTODO: two"), ["2: `TODO` does not belong here"]);
        assert_eq!(found("tests/tests/all.rs", "#[ignore = \"slow\"]\nfn f() { todo!() }").len(), 2);
        assert_eq!(found(".ci/run", "cd /home/me"), ["1: `/home/` does not belong here"]);
    }
}
