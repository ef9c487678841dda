//! [`AccessRules`]: what a user may do, put together from blocks.

use std::fmt;

use palisade_core::{Input, IntoInput};

use super::{AccessString, grammar};

text_enum! {
    /// A category of commands. A command is of several.
    ///
    /// Redis: [ACL categories](https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/#command-categories)
    Category {
        /// All commands.
        All = "all",
        /// What the administrator of a server needs: `CONFIG`, `DEBUG`, `MONITOR`, `SHUTDOWN`.
        Admin = "admin",
        /// Bits of texts: `SETBIT`, `BITCOUNT`.
        Bitmap = "bitmap",
        /// What may wait for another client: `BLPOP`.
        Blocking = "blocking",
        /// What belongs to the connection: `AUTH`, `PING`, `CLIENT`.
        Connection = "connection",
        /// What can lose data, stop others or show what is theirs: `FLUSHALL`, `KEYS`, `CONFIG`, `SHUTDOWN`.
        Dangerous = "dangerous",
        /// What takes the same time for every key.
        Fast = "fast",
        /// Places: `GEOADD`.
        Geo = "geo",
        /// Hashes: `HGET`.
        Hash = "hash",
        /// Estimated counts: `PFADD`.
        HyperLogLog = "hyperloglog",
        /// Keys whatever they hold: `DEL`, `EXPIRE`, `TYPE`.
        Keyspace = "keyspace",
        /// Lists: `LPUSH`.
        List = "list",
        /// Messages: `PUBLISH`, `SUBSCRIBE`.
        PubSub = "pubsub",
        /// What reads keys.
        Read = "read",
        /// Scripts and functions: `EVAL`, `FCALL`.
        Scripting = "scripting",
        /// Sets: `SADD`.
        Set = "set",
        /// What is not fast.
        Slow = "slow",
        /// Sorted sets: `ZADD`.
        SortedSet = "sortedset",
        /// Streams: `XADD`.
        Stream = "stream",
        /// What holds one text, which Redis calls a string: `GET`, `SET`.
        Text = "string",
        /// Transactions: `MULTI`, `EXEC`.
        Transaction = "transaction",
        /// What writes keys, `FLUSHALL` among them: deny [`Category::Dangerous`] beside it.
        Write = "write",
    }
}

/// What a user may do, put together from blocks: nothing at first, and each block adds or takes.
///
/// A denied category stays denied in whatever order the blocks are called, and a command that is named counts more than its
/// category. In a constant the blocks are checked when the program is compiled. A user takes the rules as they are:
///
/// ```
/// use palisade_aws::types::{AccessRules, AccessString, Category};
/// const REPORTS: AccessRules = AccessString::on()
///     .read_keys("report:*")
///     .keys("report-cache:*")
///     .allow(Category::Connection)
///     .allow(Category::Read)
///     .allow_command("set")
///     .deny(Category::Dangerous);
/// assert_eq!(
///     REPORTS.to_access_string().as_str(),
///     "on %R~report:* ~report-cache:* -@all +@connection +@read -@dangerous +set",
/// );
/// ```
///
/// What is read when the program runs is no `&'static str`: for that there is [`AccessString::new`].
#[derive(Clone, Copy, Debug)]
pub struct AccessRules {
    rules: [Rule; AccessRules::MOST],
    count: usize,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Keys(&'static str),
    ReadKeys(&'static str),
    WriteKeys(&'static str),
    Channels(&'static str),
    Allow(Category),
    Deny(Category),
    AllowCommand(&'static str),
    DenyCommand(&'static str),
}

impl Category {
    /// All categories.
    pub(super) const ALL: [Self; 22] = [
        Self::All,
        Self::Admin,
        Self::Bitmap,
        Self::Blocking,
        Self::Connection,
        Self::Dangerous,
        Self::Fast,
        Self::Geo,
        Self::Hash,
        Self::HyperLogLog,
        Self::Keyspace,
        Self::List,
        Self::PubSub,
        Self::Read,
        Self::Scripting,
        Self::Set,
        Self::Slow,
        Self::SortedSet,
        Self::Stream,
        Self::Text,
        Self::Transaction,
        Self::Write,
    ];
}

impl AccessString {
    /// A user that can log in and may do nothing: the beginning of [`AccessRules`].
    pub const fn on() -> AccessRules {
        AccessRules { rules: [Rule::Deny(Category::All); AccessRules::MOST], count: 0 }
    }

    /// What an application needs on its own keys, those that match `keys`, and on no other: it reads and writes them,
    /// without `FLUSHALL`, `CONFIG`, `SHUTDOWN` and whatever else is dangerous to others.
    ///
    /// ```
    /// use palisade_aws::types::{AccessRules, AccessString, Category};
    /// const ORDERS: AccessRules = AccessString::application("orders:*");
    /// const WITH_MESSAGES: AccessRules = ORDERS.channels("orders:*").allow(Category::PubSub);
    /// assert_eq!(
    ///     WITH_MESSAGES.to_access_string().as_str(),
    ///     "on ~orders:* &orders:* -@all +@connection +@read +@write +@pubsub -@dangerous",
    /// );
    /// ```
    ///
    /// # Panics
    /// If `keys` is no pattern, or matches every key; in a constant, that is a compile error.
    #[track_caller]
    pub const fn application(keys: &'static str) -> AccessRules {
        let mut i = 0;
        while i < keys.len() && keys.as_bytes()[i] == b'*' {
            i += 1;
        }
        assert!(
            i < keys.len() || keys.is_empty(),
            "these are the keys of everybody, so that one application could read and delete what is another's: give it keys \
             of its own, as in \"orders:*\", or take `AccessString::service()`"
        );
        Self::on()
            .keys(keys)
            .allow(Category::Connection)
            .allow(Category::Read)
            .allow(Category::Write)
            .deny(Category::Dangerous)
    }
}

impl AccessRules {
    /// More than any user of a cache needs.
    const MOST: usize = 48;

    /// Adds the keys that match `pattern`, as in `orders:*`, to read and to write.
    ///
    /// # Panics
    /// If the pattern is empty, or has a space or a parenthesis; in a constant, that is a compile error. So for the other
    /// blocks.
    #[track_caller]
    pub const fn keys(self, pattern: &'static str) -> Self {
        self.with(Rule::Keys(check_pattern(pattern)))
    }

    /// Adds the keys that match `pattern`, only to read.
    ///
    /// # Panics
    /// On the conditions of [`AccessRules::keys`].
    #[track_caller]
    pub const fn read_keys(self, pattern: &'static str) -> Self {
        self.with(Rule::ReadKeys(check_pattern(pattern)))
    }

    /// Adds the keys that match `pattern`, only to write.
    ///
    /// # Panics
    /// On the conditions of [`AccessRules::keys`].
    #[track_caller]
    pub const fn write_keys(self, pattern: &'static str) -> Self {
        self.with(Rule::WriteKeys(check_pattern(pattern)))
    }

    /// Adds the channels that match `pattern`. Without this, a user publishes and hears nothing.
    ///
    /// # Panics
    /// On the conditions of [`AccessRules::keys`].
    #[track_caller]
    pub const fn channels(self, pattern: &'static str) -> Self {
        self.with(Rule::Channels(check_pattern(pattern)))
    }

    /// Allows the commands of a category, but for what is denied.
    #[track_caller]
    pub const fn allow(self, category: Category) -> Self {
        self.with(Rule::Allow(category))
    }

    /// Denies the commands of a category, but for those that are allowed by their names.
    #[track_caller]
    pub const fn deny(self, category: Category) -> Self {
        self.with(Rule::Deny(category))
    }

    /// Allows one command, as in `get`, or one subcommand, as in `client|setname`, whatever its category.
    ///
    /// # Panics
    /// If there is no such command, or if ElastiCache withholds it; in a constant, that is a compile error.
    #[track_caller]
    pub const fn allow_command(self, command: &'static str) -> Self {
        self.with(Rule::AllowCommand(check_command(command, true)))
    }

    /// Denies one command, as in `del`, whatever else allows it.
    ///
    /// # Panics
    /// If there is no such command; in a constant, that is a compile error.
    #[track_caller]
    pub const fn deny_command(self, command: &'static str) -> Self {
        self.with(Rule::DenyCommand(check_command(command, false)))
    }

    /// The rules as ElastiCache reads them: keys and channels, then categories, then commands; of each, what is denied comes
    /// after what is allowed, as the last rule counts.
    pub fn to_access_string(&self) -> AccessString {
        let mut rules = self.rules[..self.count].to_vec();
        rules.sort_by_key(Rule::rank);
        let (reach, commands) = rules.split_at(rules.partition_point(|rule| rule.rank() == 0));
        let nothing = [Rule::Deny(Category::All)];
        let text =
            reach.iter().chain(&nothing).chain(commands).fold("on".to_owned(), |text, rule| format!("{text} {rule}"));
        AccessString::reported(text)
    }

    #[track_caller]
    const fn with(mut self, rule: Rule) -> Self {
        assert!(self.count < Self::MOST, "a user has at most 48 rules: allow categories in place of commands");
        self.rules[self.count] = rule;
        self.count += 1;
        self
    }
}

impl Rule {
    /// The place among the rules. Of two that speak of the same command the later one counts.
    fn rank(&self) -> u8 {
        match self {
            Self::Keys(_) | Self::ReadKeys(_) | Self::WriteKeys(_) | Self::Channels(_) => 0,
            Self::Allow(_) => 1,
            Self::Deny(_) => 2,
            Self::AllowCommand(_) => 3,
            Self::DenyCommand(_) => 4,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(pattern) => write!(f, "~{pattern}"),
            Self::ReadKeys(pattern) => write!(f, "%R~{pattern}"),
            Self::WriteKeys(pattern) => write!(f, "%W~{pattern}"),
            Self::Channels(pattern) => write!(f, "&{pattern}"),
            Self::Allow(category) => write!(f, "+@{category}"),
            Self::Deny(category) => write!(f, "-@{category}"),
            Self::AllowCommand(command) => write!(f, "+{command}"),
            Self::DenyCommand(command) => write!(f, "-{command}"),
        }
    }
}

impl From<AccessRules> for AccessString {
    fn from(rules: AccessRules) -> Self {
        rules.to_access_string()
    }
}

impl IntoInput<AccessString> for AccessRules {
    fn into_input(self) -> Input<AccessString> {
        self.to_access_string().into_input()
    }
}

#[track_caller]
const fn check_pattern(pattern: &'static str) -> &'static str {
    let bytes = pattern.as_bytes();
    assert!(!bytes.is_empty(), "an empty pattern matches no key: write one as in \"orders:*\"");
    let mut i = 0;
    while i < bytes.len() {
        assert!(
            !matches!(bytes[i], b' ' | b'(' | b')'),
            "a pattern with a space or a parenthesis would be read as several rules: call the block once for each pattern, \
             and write `?` for such a character"
        );
        i += 1;
    }
    pattern
}

#[track_caller]
const fn check_command(command: &'static str, allows: bool) -> &'static str {
    match grammar::check_command(command.as_bytes(), 0, command.len(), allows) {
        Some(rule) => panic!("{}", rule),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_blocks_say_is_what_elasticache_accepts() {
        const RULES: AccessRules = AccessString::on()
            .deny_command("del")
            .deny(Category::Dangerous)
            .allow_command("client|setname")
            .allow(Category::Read)
            .write_keys("b:?")
            .channels("news");
        let text = RULES.to_access_string();
        assert_eq!(text.as_str(), "on %W~b:? &news -@all +@read -@dangerous +client|setname -del");
        assert_eq!(AccessString::new(text.as_str()), Ok(text));
    }

    #[test]
    fn a_denied_category_stays_denied_in_any_order() {
        let first = AccessString::on().deny(Category::Dangerous).allow(Category::All);
        let last = AccessString::on().allow(Category::All).deny(Category::Dangerous);
        assert_eq!(first.to_access_string(), last.to_access_string());
    }

    #[test]
    fn every_category_is_known_to_the_grammar() {
        for category in Category::ALL {
            assert_eq!(grammar::check(&format!("on +@{category}")), None);
            assert_eq!(Category::reported(category.as_str()), Some(category));
        }
    }
}
