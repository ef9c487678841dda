//! [`AccessString`]: what a user of a cache may do.

checked_text! {
    /// What a user of a cache may do, in the grammar that ElastiCache accepts: rules separated by single spaces, read from
    /// left to right.
    ///
    /// | rule | meaning |
    /// |---|---|
    /// | `on`, `off` | the user can log in, or not; one of them must be written |
    /// | `~pattern`, `%R~pattern`, `%W~pattern`, `%RW~pattern`, `allkeys`, `resetkeys` | the keys |
    /// | `&pattern`, `allchannels`, `resetchannels` | the channels |
    /// | `+@category`, `-@category`, `+command`, `-command`, `+command\|subcommand`, `allcommands`, `nocommands` | the commands |
    /// | `(rules)`, `clearselectors` | a second set of rules |
    ///
    /// Passwords (`>`, `<`, `#`, `!`, `nopass`, `resetpass`) and `reset` are refused by ElastiCache; a password comes from
    /// a [`Secret`](crate::resources::Secret).
    ///
    /// AWS: [Role-based access control](https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html)
    ///
    /// ```
    /// use palisade_aws::{access, types::AccessString};
    /// let reports = access!("on ~report:* -@all +@read +@connection -@dangerous");
    /// assert!(AccessString::new("on ~* +@all >secret").is_err());
    /// assert_eq!(
    ///     AccessString::new("on ~* +@reed").unwrap_err().to_string(),
    ///     "`on ~* +@reed` is not an access string: there is no such category of commands; write one of keyspace, read, write, \
    ///      set, sortedset, list, hash, string, bitmap, hyperloglog, geo, stream, pubsub, admin, fast, slow, blocking, \
    ///      dangerous, connection, transaction, scripting, all",
    /// );
    /// # let _ = reports;
    /// ```
    AccessString, "an access string", check, access
}

impl AccessString {
    /// Everything: all keys, all channels, all commands. For people who operate the cache.
    pub const fn administrator() -> Self {
        // The word for the channels, and not `&*`: ministack answers with that as it is, which is no XML.
        Self::literal("on ~* allchannels +@all")
    }

    /// Reads all keys, and nothing that is dangerous to others (`KEYS`, `DEBUG`, `MONITOR`).
    pub const fn read_only() -> Self {
        Self::literal("on ~* -@all +@connection +@read -@dangerous")
    }

    /// Reads and writes all keys, without `FLUSHALL`, `CONFIG`, `SHUTDOWN` and whatever else is dangerous.
    ///
    /// Give an application its own keys where you can: `access!("on ~app:* -@all +@connection +@read +@write -@dangerous")`.
    pub const fn service() -> Self {
        Self::literal("on ~* -@all +@connection +@read +@write -@dangerous")
    }

    /// Whether `observed`, which AWS has put into its own order, says the same: the same states, keys and channels in any
    /// order, and the same commands in the same order. AWS writes `-@all` before commands that do not begin with all.
    pub fn agrees_with(&self, observed: &str) -> bool {
        let split = |text: &str| {
            let rules = text.split(' ').map(spelt_out).filter(|rule| *rule != "-@all").map(str::to_owned);
            let (commands, mut others): (Vec<_>, Vec<_>) = rules.partition(|rule| rule.starts_with(['+', '-']));
            others.sort();
            (commands, others)
        };
        split(self.as_str()) == split(observed)
    }

    /// Whether a user with it can run what endangers others: a command of `@dangerous` that was not taken away again.
    pub fn is_dangerous(&self) -> bool {
        let mut allowed = std::collections::BTreeSet::new();
        // Rules are read from left to right, and those in parentheses add to the others.
        for rule in self.as_str().split([' ', '(', ')']).map(spelt_out) {
            let (is_added, what) = match (rule.strip_prefix('+'), rule.strip_prefix('-')) {
                (Some(what), _) => (true, what),
                (_, Some(what)) => (false, what),
                _ => continue,
            };
            match (what, is_added) {
                ("@all" | "@dangerous" | "@admin", true) => allowed.extend(DANGEROUS),
                ("@all" | "@dangerous", false) => allowed.clear(),
                (command, true) => allowed.extend(DANGEROUS.iter().find(|known| **known == command_of(command))),
                (command, false) => {
                    allowed.remove(command);
                }
            }
        }
        !allowed.is_empty()
    }

    /// Nothing: the user cannot log in.
    pub const fn disabled() -> Self {
        Self::literal("off -@all")
    }
}

/// Commands of `@dangerous` that delete what is everybody's, stop or change the server, or show what others send.
const DANGEROUS: [&str; 15] = [
    "acl",
    "bgrewriteaof",
    "bgsave",
    "config",
    "debug",
    "failover",
    "flushall",
    "flushdb",
    "migrate",
    "module",
    "monitor",
    "replicaof",
    "shutdown",
    "slaveof",
    "swapdb",
];

/// The command of `command|subcommand`.
fn command_of(rule: &str) -> &str {
    rule.split('|').next().unwrap_or(rule)
}

/// A rule without the words that stand for another.
fn spelt_out(rule: &str) -> &str {
    match rule {
        "allkeys" => "~*",
        "allchannels" => "&*",
        "allcommands" => "+@all",
        "nocommands" => "-@all",
        other => other,
    }
}

const CATEGORIES: [&str; 22] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
    "all",
];

const CATEGORY_RULE: &str = "there is no such category of commands; write one of keyspace, read, write, set, sortedset, list, \
                             hash, string, bitmap, hyperloglog, geo, stream, pubsub, admin, fast, slow, blocking, dangerous, \
                             connection, transaction, scripting, all";

/// What each rule of an access string may be.
const RULE: &str = "a rule is on, off, ~KEYS, %R~KEYS, %W~KEYS, %RW~KEYS, &CHANNELS, +@CATEGORY, -@CATEGORY, +COMMAND, \
                    -COMMAND, allkeys, resetkeys, allchannels, resetchannels, allcommands, nocommands, clearselectors, or \
                    rules in parentheses";

const fn check(text: &str) -> Option<&'static str> {
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
        b'+' | b'-' if to - from > 1 => check_command(bytes, from + 1, to),
        _ if is(bytes, from, to, "nopass") || is(bytes, from, to, "resetpass") || is(bytes, from, to, "reset") => {
            Some("ElastiCache refuses nopass, resetpass and reset: how a user logs in is set beside the access string")
        }
        _ => Some(RULE),
    }
}

const fn check_category(bytes: &[u8], from: usize, to: usize) -> Option<&'static str> {
    let mut i = 0;
    while i < CATEGORIES.len() {
        if is(bytes, from, to, CATEGORIES[i]) {
            return None;
        }
        i += 1;
    }
    Some(CATEGORY_RULE)
}

const fn check_command(bytes: &[u8], from: usize, to: usize) -> Option<&'static str> {
    let (mut i, mut bars) = (from, 0);
    while i < to {
        match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {}
            b'|' if i > from && i + 1 < to && bars == 0 => bars = 1,
            _ => return Some("a command is letters, digits, `.`, `_` and `-`, with one `|` before a subcommand"),
        }
        i += 1;
    }
    None
}

const fn is(bytes: &[u8], from: usize, to: usize, word: &str) -> bool {
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
            "on ~a:* ~b:* %R~c:* %RW~d:* &news +@read -@dangerous +config|get -flushall",
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

    #[test]
    fn the_order_of_aws_is_no_difference() {
        let wanted = AccessString::literal("on +get ~b:* ~a:*");
        assert!(wanted.agrees_with("on ~a:* ~b:* -@all +get"));
        assert!(AccessString::administrator().agrees_with("on ~* &* +@all"), "AWS spells the words out");
        assert!(!wanted.agrees_with("on ~a:* ~b:* -@all +get +set"));
        assert!(!wanted.agrees_with("off ~a:* ~b:* -@all +get"));
    }

    #[test]
    fn what_endangers_others_is_known_however_it_is_allowed() {
        for dangerous in [
            "on ~* +@all",
            "on ~* allcommands",
            "on ~a:* -@all +@admin",
            "on ~* -@all +flushall",
            "on ~* -@all +config|get",
            "on ~* +@all -flushall",
            "on ~* -@dangerous +@all",
            "on ~a:* -@all +get (~* +@dangerous)",
        ] {
            assert!(AccessString::literal(dangerous).is_dangerous(), "{dangerous}");
        }
        for harmless in
            ["on ~* +@all -@dangerous", "on ~* -@all +@read +get", "off -@all", "on ~* -@all +flushall -flushall"]
        {
            assert!(!AccessString::literal(harmless).is_dangerous(), "{harmless}");
        }
        assert!(AccessString::administrator().is_dangerous());
        assert!(!AccessString::service().is_dangerous() && !AccessString::read_only().is_dangerous());
    }

    /// The tutorial wants FLUSHALL, CONFIG and SHUTDOWN blocked for all but the administrator; all are `@dangerous`.
    #[test]
    fn the_presets_end_by_taking_what_is_dangerous() {
        for preset in [AccessString::read_only(), AccessString::service()] {
            assert!(preset.as_str().ends_with(" -@dangerous"), "{preset}");
        }
        assert!(!AccessString::disabled().as_str().contains("on "));
    }
}
