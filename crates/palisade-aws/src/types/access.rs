//! [`AccessString`]: what a user of a cache may do.

mod commands;
mod grammar;
mod rules;

pub use rules::{AccessRules, Category};

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
    /// [`AccessRules`] puts one together from blocks.
    ///
    /// Commands and categories are known ones; of those that ElastiCache withholds (`CONFIG`, `SHUTDOWN`, `BGSAVE`) none can be
    /// allowed. Passwords (`>`, `<`, `#`, `!`, `nopass`, `resetpass`) and `reset` are refused by ElastiCache; a password comes from
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
    AccessString, "an access string", grammar::check, access
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
    /// Give an application its own keys where you can: [`AccessString::application`].
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

    /// The commands by which a user with it can harm the others: they delete what is everybody's, change the server, stop
    /// other clients or show what these send. There are none of a user that cannot log in.
    pub fn harmful_commands(&self) -> Vec<&'static str> {
        let harmful = HARMFUL.iter().filter(|(command, categories)| self.allows(command, categories));
        harmful.map(|(command, _)| *command).collect()
    }

    /// Whether a user with it cannot log in: the last `on` or `off` counts, and without one it is off.
    pub fn is_off(&self) -> bool {
        self.as_str().split(' ').rfind(|rule| matches!(*rule, "on" | "off")) != Some("on")
    }

    /// Whether a user with it can change what the keys hold.
    pub fn writes(&self) -> bool {
        let by_category = WRITING.iter().any(|(command, categories)| self.allows(command, categories));
        by_category || WRITING_BY_NAME.iter().any(|command| self.allows(command, &["write"]))
    }

    /// Reads the rules as the engine does, from left to right: the last one that speaks of the command counts. Those in
    /// parentheses are read by themselves, and allow what the others do not.
    fn allows(&self, command: &str, categories: &[&str]) -> bool {
        let text = self.as_str();
        if self.is_off() {
            return false;
        }
        let name = command.split('|').next();
        let is_of = |category: &str| category == "all" || categories.contains(&category);
        let allow = |rules: &str| {
            rules.split(' ').map(spelt_out).fold(false, |allowed, rule| {
                let Some(word) = rule.strip_prefix(['+', '-']).map(str::to_ascii_lowercase) else { return allowed };
                let speaks = match word.strip_prefix('@') {
                    Some(category) => is_of(category),
                    None => word == command || Some(word.as_str()) == name,
                };
                if speaks { rule.starts_with('+') } else { allowed }
            })
        };
        // What is outside of parentheses is one set of rules, wherever it stands.
        let (mut sets, mut outside) = (Vec::new(), String::new());
        for part in text.split('(') {
            let (inside, after) = part.split_once(')').unwrap_or(("", part));
            sets.push(inside);
            outside += after;
        }
        allow(&outside) || sets.into_iter().any(allow)
    }

    /// Nothing: the user cannot log in.
    pub const fn disabled() -> Self {
        Self::literal("off -@all")
    }
}

/// A command, with its categories as the engine has them (`ACL CAT`).
type Command = (&'static str, &'static [&'static str]);

/// The commands by which one client can harm the others. Those that ElastiCache withholds are none of them, as nobody can be
/// allowed them. `INFO`, `ROLE`, `SORT` and `RESTORE` are of `@dangerous` too, and harm nobody.
const HARMFUL: &[Command] = &[
    ("acl|setuser", &["admin", "slow", "dangerous"]),
    ("client|kill", &["admin", "slow", "dangerous", "connection"]),
    ("client|pause", &["admin", "slow", "dangerous", "connection"]),
    ("failover", &["admin", "slow", "dangerous"]),
    ("flushall", &["keyspace", "write", "slow", "dangerous"]),
    ("flushdb", &["keyspace", "write", "slow", "dangerous"]),
    ("keys", &["keyspace", "read", "slow", "dangerous"]),
    ("latency|reset", &["admin", "slow", "dangerous"]),
    ("module|load", &["admin", "slow", "dangerous"]),
    ("monitor", &["admin", "slow", "dangerous"]),
    ("script|flush", &["slow", "scripting"]),
    ("slowlog|reset", &["admin", "slow", "dangerous"]),
    ("swapdb", &["keyspace", "write", "fast", "dangerous"]),
];

/// More commands that write, which a user may be given by their names.
const WRITING_BY_NAME: &[&str] = &[
    "append",
    "bitfield",
    "bitop",
    "copy",
    "decr",
    "decrby",
    "eval",
    "evalsha",
    "expire",
    "expireat",
    "fcall",
    "geoadd",
    "getdel",
    "getex",
    "getset",
    "hdel",
    "hincrby",
    "hincrbyfloat",
    "hmset",
    "hsetnx",
    "incr",
    "incrby",
    "incrbyfloat",
    "linsert",
    "lmove",
    "lpop",
    "lrem",
    "lset",
    "ltrim",
    "move",
    "mset",
    "msetnx",
    "persist",
    "pexpire",
    "pexpireat",
    "pfadd",
    "pfmerge",
    "psetex",
    "rename",
    "renamenx",
    "restore",
    "rpop",
    "rpush",
    "setbit",
    "setex",
    "setnx",
    "setrange",
    "sinterstore",
    "smove",
    "spop",
    "srem",
    "sunionstore",
    "unlink",
    "xadd",
    "xdel",
    "xtrim",
    "zincrby",
    "zpopmax",
    "zpopmin",
    "zrem",
];

/// A command that writes, for each kind of value.
const WRITING: &[Command] = &[
    ("del", &["keyspace", "write", "slow"]),
    ("hset", &["write", "hash", "fast"]),
    ("lpush", &["write", "list", "fast"]),
    ("sadd", &["write", "set", "fast"]),
    ("set", &["write", "string", "slow"]),
    ("xadd", &["write", "stream", "fast"]),
    ("zadd", &["write", "sortedset", "fast"]),
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_aws_is_no_difference() {
        let wanted = AccessString::literal("on +get ~b:* ~a:*");
        assert!(wanted.agrees_with("on ~a:* ~b:* -@all +get"));
        assert!(AccessString::administrator().agrees_with("on ~* &* +@all"), "AWS spells the words out");
        assert!(!wanted.agrees_with("on ~a:* ~b:* -@all +get +set"));
        assert!(!wanted.agrees_with("off ~a:* ~b:* -@all +get"));
    }

    #[test]
    fn what_harms_others_is_known_however_it_is_allowed() {
        for harmful in [
            "on ~* +@all",
            "on ~* allcommands",
            "on ~a:* -@all +@admin",
            "on ~* -@all +flushall",
            "on ~* -@all +monitor",
            "on ~* +@all -flushall",
            "on ~* +@all -@dangerous",
            "on ~* -@dangerous +@all",
            "on ~* -@all +client|kill",
            "on ~* -@all +client",
            "on ~* -@all +keys",
            "on ~* -@all +FLUSHALL",
            "off on ~* +@all",
            "on ~a:* -@all +get (~* +@dangerous)",
            "on ~a:* (~* +flushall) -@all +get",
        ] {
            assert_ne!(AccessString::literal(harmful).harmful_commands(), [""; 0], "{harmful}");
        }
        for harmless in [
            "on ~* -@all +@read +get -@dangerous",
            "off -@all",
            "off ~* +@all",
            "on ~* +@all off",
            "on ~* -@all +flushall -flushall",
            "on ~* -@all +info +client|setname",
            "on ~a:* -@all (~b:* +get) +set",
        ] {
            assert_eq!(AccessString::literal(harmless).harmful_commands(), [""; 0], "{harmless}");
        }
        assert_eq!(AccessString::literal("on ~* -@all +keys +client|kill").harmful_commands(), ["client|kill", "keys"]);
        assert_eq!(AccessString::administrator().harmful_commands().len(), HARMFUL.len());
    }

    #[test]
    fn who_writes_is_known() {
        let application = AccessString::application("app:*").to_access_string();
        for writes in [
            AccessString::administrator(),
            AccessString::service(),
            application,
            access("on ~* -@all +hset"),
            access("on ~* -@all +INCR"),
        ] {
            assert!(writes.writes(), "{writes}");
        }
        for reads in [AccessString::read_only(), AccessString::disabled(), access("on ~* -@all +@fast -@write")] {
            assert!(!reads.writes(), "{reads}");
        }
    }

    fn access(text: &'static str) -> AccessString {
        AccessString::literal(text)
    }

    /// The tutorial wants FLUSHALL, CONFIG and SHUTDOWN blocked for all but the administrator. What ElastiCache withholds
    /// is denied too, in case that it is given out one day.
    #[test]
    fn only_the_administrator_can_harm_the_others() {
        const WITHHELD: [Command; 12] = [
            ("bgrewriteaof", &["admin", "slow", "dangerous"]),
            ("bgsave", &["admin", "slow", "dangerous"]),
            ("cluster|failover", &["admin", "slow", "dangerous"]),
            ("config|get", &["admin", "slow", "dangerous"]),
            ("config|set", &["admin", "slow", "dangerous"]),
            ("debug", &["admin", "slow", "dangerous"]),
            ("migrate", &["keyspace", "write", "slow", "dangerous"]),
            ("psync", &["admin", "slow", "dangerous"]),
            ("replicaof", &["admin", "slow", "dangerous"]),
            ("save", &["admin", "slow", "dangerous"]),
            ("shutdown", &["admin", "slow", "dangerous"]),
            ("sync", &["admin", "slow", "dangerous"]),
        ];
        let application = AccessString::application("app:*").to_access_string();
        for access in [AccessString::read_only(), AccessString::service(), AccessString::disabled(), application] {
            assert_eq!(access.harmful_commands(), [""; 0], "{access}");
            for (command, categories) in WITHHELD {
                assert!(!access.allows(command, categories), "{command} with {access}");
                assert!(AccessString::administrator().allows(command, categories), "{command}");
            }
        }
        assert!(AccessString::read_only().allows("get", &["read", "string", "fast"]));
        assert!(!AccessString::disabled().as_str().contains("on "));
    }
}
