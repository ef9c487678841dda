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

/// Commands of `@dangerous` that delete what is everybody's, change the server, or show what others send. What ElastiCache
/// withholds is none of them, as nobody can be allowed it.
const DANGEROUS: [&str; 7] = ["acl", "failover", "flushall", "flushdb", "module", "monitor", "swapdb"];

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
    fn what_endangers_others_is_known_however_it_is_allowed() {
        for dangerous in [
            "on ~* +@all",
            "on ~* allcommands",
            "on ~a:* -@all +@admin",
            "on ~* -@all +flushall",
            "on ~* -@all +monitor",
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

    /// The commands by which one client can harm the others, with their categories as the engine has them (`ACL CAT`).
    const HARMFUL: [(&str, &[&str]); 32] = [
        ("acl|setuser", &["admin", "slow", "dangerous"]),
        ("bgrewriteaof", &["admin", "slow", "dangerous"]),
        ("bgsave", &["admin", "slow", "dangerous"]),
        ("client|kill", &["admin", "slow", "dangerous", "connection"]),
        ("client|pause", &["admin", "slow", "dangerous", "connection"]),
        ("cluster|failover", &["admin", "slow", "dangerous"]),
        ("config|get", &["admin", "slow", "dangerous"]),
        ("config|set", &["admin", "slow", "dangerous"]),
        ("debug", &["admin", "slow", "dangerous"]),
        ("failover", &["admin", "slow", "dangerous"]),
        ("flushall", &["keyspace", "write", "slow", "dangerous"]),
        ("flushdb", &["keyspace", "write", "slow", "dangerous"]),
        ("info", &["slow", "dangerous"]),
        ("keys", &["keyspace", "read", "slow", "dangerous"]),
        ("lastsave", &["admin", "fast", "dangerous"]),
        ("latency|reset", &["admin", "slow", "dangerous"]),
        ("migrate", &["keyspace", "write", "slow", "dangerous"]),
        ("module|load", &["admin", "slow", "dangerous"]),
        ("monitor", &["admin", "slow", "dangerous"]),
        ("pfselftest", &["hyperloglog", "admin", "slow", "dangerous"]),
        ("psync", &["admin", "slow", "dangerous"]),
        ("replconf", &["admin", "slow", "dangerous"]),
        ("replicaof", &["admin", "slow", "dangerous"]),
        ("restore", &["keyspace", "write", "slow", "dangerous"]),
        ("role", &["admin", "fast", "dangerous"]),
        ("save", &["admin", "slow", "dangerous"]),
        ("shutdown", &["admin", "slow", "dangerous"]),
        ("slaveof", &["admin", "slow", "dangerous"]),
        ("slowlog|reset", &["admin", "slow", "dangerous"]),
        ("sort", &["write", "set", "sortedset", "list", "slow", "dangerous"]),
        ("swapdb", &["keyspace", "write", "fast", "dangerous"]),
        ("sync", &["admin", "slow", "dangerous"]),
    ];

    /// Reads `access` as the engine does: the last rule that speaks of the command counts.
    fn allows(access: &AccessString, command: &str, categories: &[&str]) -> bool {
        let (name, is) =
            (command.split('|').next(), |category: &str| category == "all" || categories.contains(&category));
        access.as_str().split(' ').fold(false, |allowed, rule| {
            let Some(word) = spelt_out(rule).strip_prefix(['+', '-']) else { return allowed };
            let speaks = match word.strip_prefix('@') {
                Some(category) => is(category),
                None => word == command || Some(word) == name,
            };
            if speaks { spelt_out(rule).starts_with('+') } else { allowed }
        })
    }

    /// The tutorial wants FLUSHALL, CONFIG and SHUTDOWN blocked for all but the administrator.
    #[test]
    fn only_the_administrator_can_harm_the_others() {
        let application = AccessString::application("app:*").to_access_string();
        for (command, categories) in HARMFUL {
            for access in
                [AccessString::read_only(), AccessString::service(), AccessString::disabled(), application.clone()]
            {
                assert!(!allows(&access, command, categories), "{command} with {access}");
            }
            assert!(allows(&AccessString::administrator(), command, categories), "{command}");
        }
        let get: &[&str] = &["read", "string", "fast"];
        assert!(allows(&application, "get", get) && allows(&AccessString::read_only(), "get", get));
        assert!(!allows(&AccessString::read_only(), "set", &["write", "string", "slow"]));
        assert!(!AccessString::disabled().as_str().contains("on "));
    }
}
