//! The commands that an access string can name.

use super::grammar::is;

/// Why a command that ElastiCache withholds is not allowed.
pub(super) const WITHHELD_RULE: &str = "ElastiCache withholds this command from everybody, the administrator included, since \
                                        AWS itself configures, replicates and saves the cache: leave it out, and set what it \
                                        would set on the `ReplicationGroup` or on its `CacheParameterGroup`";

/// What ElastiCache withholds, with all subcommands where none is named.
///
/// AWS: [Supported and restricted commands](https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/SupportedCommands.html)
const WITHHELD: &[&str] = &[
    "acl|deluser",
    "acl|load",
    "acl|save",
    "acl|setuser",
    "bgrewriteaof",
    "bgsave",
    "cluster|addslots",
    "cluster|addslotsrange",
    "cluster|bumpepoch",
    "cluster|delslots",
    "cluster|delslotsrange",
    "cluster|failover",
    "cluster|flushslots",
    "cluster|forget",
    "cluster|meet",
    "cluster|replicate",
    "cluster|reset",
    "cluster|set-config-epoch",
    "cluster|setslot",
    "config",
    "debug",
    "migrate",
    "psync",
    "replicaof",
    "save",
    "shutdown",
    "slaveof",
    "sync",
];

/// The names, each with the sentence for whoever came near it.
macro_rules! commands {
    ($($name:literal)*) => {
        /// The commands of Redis OSS 7 and of Valkey up to 9, without those of modules.
        const COMMANDS: &[(&str, &str)] = &[$((
            $name,
            concat!("there is no such command, and AWS refuses the user that has it: did you mean `", $name, "`?"),
        )),*];
    };
}

commands! {
    "acl" "append" "asking" "auth" "bgrewriteaof" "bgsave" "bitcount" "bitfield" "bitfield_ro" "bitop" "bitpos" "blmove" "blmpop"
    "blpop" "brpop" "brpoplpush" "bzmpop" "bzpopmax" "bzpopmin" "client" "cluster" "command" "commandlog" "config" "copy" "dbsize"
    "debug" "decr" "decrby" "del" "delifeq" "discard" "dump" "echo" "eval" "eval_ro" "evalsha" "evalsha_ro" "exec" "exists"
    "expire" "expireat" "expiretime" "failover" "fcall" "fcall_ro" "flushall" "flushdb" "function" "geoadd" "geodist" "geohash"
    "geopos" "georadius" "georadius_ro" "georadiusbymember" "georadiusbymember_ro" "geosearch" "geosearchstore" "get" "getbit"
    "getdel" "getex" "getrange" "getset" "hdel" "hello" "hexists" "hexpire" "hexpireat" "hexpiretime" "hget" "hgetall" "hgetdel"
    "hgetex" "hincrby" "hincrbyfloat" "hkeys" "hlen" "hmget" "hmset" "hpersist" "hpexpire" "hpexpireat" "hpexpiretime" "hpttl"
    "hrandfield" "hscan" "hset" "hsetex" "hsetnx" "hstrlen" "httl" "hvals" "incr" "incrby" "incrbyfloat" "info" "keys" "lastsave"
    "latency" "lcs" "lindex" "linsert" "llen" "lmove" "lmpop" "lolwut" "lpop" "lpos" "lpush" "lpushx" "lrange" "lrem" "lset" "ltrim"
    "memory" "mget" "migrate" "module" "monitor" "move" "mset" "msetnx" "multi" "object" "persist" "pexpire" "pexpireat"
    "pexpiretime" "pfadd" "pfcount" "pfdebug" "pfmerge" "pfselftest" "ping" "psetex" "psubscribe" "psync" "pttl" "publish" "pubsub"
    "punsubscribe" "quit" "randomkey" "readonly" "readwrite" "rename" "renamenx" "replconf" "replicaof" "reset" "restore"
    "restore-asking" "role" "rpop" "rpoplpush" "rpush" "rpushx" "sadd" "save" "scan" "scard" "script" "sdiff" "sdiffstore" "select"
    "set" "setbit" "setex" "setnx" "setrange" "shutdown" "sinter" "sintercard" "sinterstore" "sismember" "slaveof" "slowlog"
    "smembers" "smismember" "smove" "sort" "sort_ro" "spop" "spublish" "srandmember" "srem" "sscan" "ssubscribe" "strlen"
    "subscribe" "substr" "sunion" "sunionstore" "sunsubscribe" "swapdb" "sync" "time" "touch" "ttl" "type" "unlink" "unsubscribe"
    "unwatch" "wait" "waitaof" "watch" "xack" "xadd" "xautoclaim" "xclaim" "xdel" "xgroup" "xinfo" "xlen" "xpending" "xrange"
    "xread" "xreadgroup" "xrevrange" "xsetid" "xtrim" "zadd" "zcard" "zcount" "zdiff" "zdiffstore" "zincrby" "zinter" "zintercard"
    "zinterstore" "zlexcount" "zmpop" "zmscore" "zpopmax" "zpopmin" "zrandmember" "zrange" "zrangebylex" "zrangebyscore"
    "zrangestore" "zrank" "zrem" "zremrangebylex" "zremrangebyrank" "zremrangebyscore" "zrevrange" "zrevrangebylex"
    "zrevrangebyscore" "zrevrank" "zscan" "zscore" "zunion" "zunionstore"
}

/// What is wrong with the command `bytes[from..to]`, which is written without a subcommand.
pub(super) const fn check(bytes: &[u8], from: usize, to: usize) -> Option<&'static str> {
    // The commands of modules, as in `json.set`, which come and go with the versions.
    let mut i = from;
    while i < to {
        if bytes[i] == b'.' {
            return None;
        }
        i += 1;
    }
    let mut i = 0;
    while i < COMMANDS.len() {
        if is_name(bytes, from, to, COMMANDS[i].0) {
            return None;
        }
        i += 1;
    }
    let (mut nearest, mut least, mut i) = (None, 3, 0);
    while i < COMMANDS.len() {
        let distance = distance(bytes, from, to, COMMANDS[i].0);
        if distance < least {
            (nearest, least) = (Some(COMMANDS[i].1), distance);
        }
        i += 1;
    }
    match nearest {
        Some(rule) => Some(rule),
        None => Some(
            "there is no such command in Redis OSS 7 or Valkey, and AWS refuses the user that has it: name a command as in \
             +get, or a category as in +@read",
        ),
    }
}

/// Whether ElastiCache withholds the command `bytes[from..to]`, which may have a subcommand.
pub(super) const fn is_withheld(bytes: &[u8], from: usize, to: usize) -> bool {
    let mut name = from;
    while name < to && bytes[name] != b'|' {
        name += 1;
    }
    let mut i = 0;
    while i < WITHHELD.len() {
        if is_name(bytes, from, to, WITHHELD[i]) || is_name(bytes, from, name, WITHHELD[i]) {
            return true;
        }
        i += 1;
    }
    false
}

/// Whether the bytes are `name`, in letters of either case, as the engine takes both.
const fn is_name(bytes: &[u8], from: usize, to: usize, name: &str) -> bool {
    if is(bytes, from, to, name) {
        return true;
    }
    let name = name.as_bytes();
    if to - from != name.len() {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        if bytes[from + i].to_ascii_lowercase() != name[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// How many letters must be put in, left out or changed to come from the bytes to `name`; 3 where it is that or more.
const fn distance(bytes: &[u8], from: usize, to: usize, name: &str) -> usize {
    const MOST: usize = 24;
    let (name, length) = (name.as_bytes(), to - from);
    if length >= MOST || name.len() >= MOST || length.abs_diff(name.len()) > 2 {
        return 3;
    }
    // The row of Levenshtein's table for the letters of the name that were read.
    let mut row = [0; MOST];
    let mut j = 0;
    while j <= length {
        row[j] = j;
        j += 1;
    }
    let mut i = 0;
    while i < name.len() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        let mut j = 0;
        while j < length {
            let same = bytes[from + j].to_ascii_lowercase() == name[i];
            let mut least = if same { diagonal } else { diagonal + 1 };
            if row[j] + 1 < least {
                least = row[j] + 1;
            }
            if row[j + 1] + 1 < least {
                least = row[j + 1] + 1;
            }
            (diagonal, row[j + 1]) = (row[j + 1], least);
            j += 1;
        }
        i += 1;
    }
    row[length]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(command: &str) -> &str {
        check(command.as_bytes(), 0, command.len()).unwrap_or("")
    }

    #[test]
    fn the_nearest_command_is_named() {
        assert_eq!(["get", "GET", "flushall", "json.set", "sort_ro"].map(wrong), [""; 5]);
        assert!(wrong("gett").contains("`get`"), "{}", wrong("gett"));
        assert!(wrong("flushal").contains("`flushall`"));
        assert!(wrong("hgetal").contains("`hgetall`"));
        assert!(wrong("everything").contains("or a category as in +@read"));
    }

    #[test]
    fn the_table_is_sorted_so_that_a_command_stands_in_it_once() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(WITHHELD.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_subcommand_is_withheld_with_its_command() {
        let withheld = |text: &str| is_withheld(text.as_bytes(), 0, text.len());
        assert_eq!(["config", "config|get", "CONFIG", "acl|setuser", "cluster|failover"].map(withheld), [true; 5]);
        assert_eq!(["cluster", "cluster|slots", "acl|whoami", "get"].map(withheld), [false; 4]);
    }
}
