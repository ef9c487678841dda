//! The grammar of access strings that ElastiCache accepts.

use super::{Category, commands};

const CATEGORY_RULE: &str = "there is no such category of commands; write one of keyspace, read, write, set, sortedset, list, \
                             hash, string, bitmap, hyperloglog, geo, stream, pubsub, admin, fast, slow, blocking, dangerous, \
                             connection, transaction, scripting, all";

/// What each rule of an access string may be.
const RULE: &str = "a rule is on, off, ~KEYS, %R~KEYS, %W~KEYS, %RW~KEYS, &CHANNELS, +@CATEGORY, -@CATEGORY, +COMMAND, \
                    -COMMAND, allkeys, resetkeys, allchannels, resetchannels, allcommands, nocommands, clearselectors, or \
                    rules in parentheses";

pub(super) const fn check(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let (mut start, mut in_selector, mut has_state) = (0, false, false);
    loop {
        let mut end = start;
        while end < bytes.len() && bytes[end] != b' ' {
            end += 1;
        }
        if start == end {
            return Some("separate the rules by single spaces, with none before the first and none after the last");
        }
        let (mut from, mut to, mut closes) = (start, end, false);
        if bytes[from] == b'(' {
            if in_selector {
                return Some("parentheses do not nest");
            }
            (in_selector, from) = (true, from + 1);
        }
        if to > from && bytes[to - 1] == b')' {
            if !in_selector {
                return Some("a parenthesis is closed that was not opened");
            }
            (closes, to) = (true, to - 1);
        }
        if is(bytes, from, to, "on") || is(bytes, from, to, "off") {
            if in_selector {
                return Some("`on` and `off` do not stand in parentheses");
            }
            has_state = true;
        } else if let Some(rule) = check_rule(bytes, from, to) {
            return Some(rule);
        }
        if closes {
            in_selector = false;
        }
        if end == bytes.len() {
            break;
        }
        start = end + 1;
    }
    if in_selector {
        return Some("a parenthesis is not closed");
    }
    if !has_state {
        return Some("begin with `on` or `off`: a user without either is off");
    }
    None
}

/// Checks the rule in `bytes[from..to]`, which is neither `on` nor `off`.
const fn check_rule(bytes: &[u8], from: usize, to: usize) -> Option<&'static str> {
    const WORDS: [&str; 7] =
        ["allkeys", "resetkeys", "allchannels", "resetchannels", "allcommands", "nocommands", "clearselectors"];
    if from == to {
        return Some(RULE);
    }
    let mut i = 0;
    while i < WORDS.len() {
        if is(bytes, from, to, WORDS[i]) {
            return None;
        }
        i += 1;
    }
    match bytes[from] {
        b'>' | b'<' | b'#' | b'!' => {
            Some("a password does not stand in an access string: give the user a password from a `Secret`, or use IAM")
        }
        b'~' | b'&' if to - from > 1 => None,
        b'%' => {
            let mut i = from + 1;
            while i < to && (bytes[i] == b'R' || bytes[i] == b'W') {
                i += 1;
            }
            let letters = i - from - 1;
            let named = letters == 1 || letters == 2 && bytes[from + 1] != bytes[from + 2];
            if named && i + 1 < to && bytes[i] == b'~' { None } else { Some(RULE) }
        }
        b'+' | b'-' if to - from > 2 && bytes[from + 1] == b'@' => check_category(bytes, from + 2, to),
        b'+' | b'-' if to - from > 1 => check_command(bytes, from + 1, to, bytes[from] == b'+'),
        _ if is(bytes, from, to, "nopass") || is(bytes, from, to, "resetpass") || is(bytes, from, to, "reset") => {
            Some("ElastiCache refuses nopass, resetpass and reset: how a user logs in is set beside the access string")
        }
        _ => Some(RULE),
    }
}

const fn check_category(bytes: &[u8], from: usize, to: usize) -> Option<&'static str> {
    let mut i = 0;
    while i < Category::ALL.len() {
        if is(bytes, from, to, Category::ALL[i].as_str()) {
            return None;
        }
        i += 1;
    }
    Some(CATEGORY_RULE)
}

/// Checks the name of a command, with its subcommand, that a rule allows or takes.
pub(super) const fn check_command(bytes: &[u8], from: usize, to: usize, allows: bool) -> Option<&'static str> {
    let (mut i, mut name) = (from, to);
    while i < to {
        match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {}
            b'|' if i > from && i + 1 < to && name == to => name = i,
            _ => return Some("a command is letters, digits, `.`, `_` and `-`, with one `|` before a subcommand"),
        }
        i += 1;
    }
    if allows && commands::is_withheld(bytes, from, to) {
        return Some(commands::WITHHELD_RULE);
    }
    commands::check(bytes, from, name)
}

pub(super) const fn is(bytes: &[u8], from: usize, to: usize, word: &str) -> bool {
    let word = word.as_bytes();
    if to - from != word.len() {
        return false;
    }
    let mut i = 0;
    while i < word.len() {
        if bytes[from + i] != word[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_elasticache() {
        for good in [
            "on ~* +@all",
            "off -@all",
            "on ~a:* ~b:* %R~c:* %RW~d:* &news +@read -@dangerous +client|setname -flushall -config",
            "on allkeys resetchannels nocommands +get",
            "on ~a:* +get (~b:* +set)",
            "on clearselectors ~* +@all",
        ] {
            assert_eq!(check(good), None, "{good}");
        }
        for bad in [
            "",
            " on ~*",
            "on ~* ",
            "on  ~*",
            "~* +@all",
            "on ~ +get",
            "on % +get",
            "on %R +get",
            "on %RR~a +get",
            "on + ~*",
            "on +@ ~*",
            "on +@everything",
            "on >hunter2",
            "on nopass",
            "reset",
            "on +config|",
            "on +a|b|c",
            "on +gett",
            "on +config|get",
            "on +shutdown",
            "on (~a +get",
            "on ~a) +get",
            "on ((~a))",
            "on (on ~a)",
            "on read",
            "On ~*",
        ] {
            assert!(check(bad).is_some(), "{bad}");
        }
    }
}
