//! [`NodeType`].

use super::checked::begins;

checked_text! {
    /// The type of a cache's nodes, as in `cache.t4g.small`. The previous generations (t1, m1, m2, m3, r3, c1) are refused,
    /// as they lack failover, snapshots or TLS.
    ///
    /// AWS: [Supported node types](https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html)
    NodeType, "a node type", check, node_type
}

impl NodeType {
    /// Whether the nodes keep what is seldom read on disk, which the r6gd family always does and no other can.
    pub fn has_data_tiering(&self) -> bool {
        self.as_str().starts_with("cache.r6gd.")
    }
}

const fn check(text: &str) -> Option<&'static str> {
    const FORM: &str = "write cache.FAMILY.SIZE, as in cache.t4g.small";
    const PREVIOUS: [&str; 6] = ["cache.t1.", "cache.m1.", "cache.m2.", "cache.m3.", "cache.r3.", "cache.c1."];
    if !begins(text, "cache.") {
        return Some(FORM);
    }
    let bytes = text.as_bytes();
    let (mut dots, mut i, mut previous) = (0, 0, b'.');
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'.' if previous != b'.' => dots += 1,
            _ => return Some(FORM),
        }
        previous = bytes[i];
        i += 1;
    }
    if dots != 2 || previous == b'.' {
        return Some(FORM);
    }
    let mut i = 0;
    while i < PREVIOUS.len() {
        if begins(text, PREVIOUS[i]) {
            return Some("this is a previous generation without failover, snapshots or TLS: take t4g, m7g or r7g");
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_type_is_of_a_current_generation() {
        assert_eq!(check("cache.t4g.small"), None);
        assert_eq!(check("cache.r6gd.16xlarge"), None);
        for bad in
            ["t3.micro", "cache.t3", "cache.t3.", "cache..micro", "cache.t1.micro", "cache.m3.large", "cache.T3.micro"]
        {
            assert!(check(bad).is_some(), "{bad}");
        }
    }
}
