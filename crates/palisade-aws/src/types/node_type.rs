//! [`NodeType`].

use super::checked::begins;

checked_text! {
    /// The type of a cache's nodes, as in `cache.t4g.small`: a family and one of its sizes. The previous generations (t1, m1, m2,
    /// m3, r3, c1) are refused, as they lack failover, snapshots or TLS. A family that is newer than those that this library
    /// knows, such as r8g, is taken with any of the usual sizes.
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

/// The families of the current generations, each with its sizes and what is said of another size.
macro_rules! families {
    ($($family:literal: $first:literal $($size:literal)*;)+) => {
        const FAMILIES: &[(&str, &[&str], &str)] = &[$((
            concat!("cache.", $family, "."),
            &[$first $(, $size)*],
            concat!("the family ", $family, " has the sizes ", $first $(, ", ", $size)*),
        )),+];
    };
}

families! {
    "t2": "micro" "small" "medium";
    "t3": "micro" "small" "medium";
    "t4g": "micro" "small" "medium";
    "m4": "large" "xlarge" "2xlarge" "4xlarge" "10xlarge";
    "m5": "large" "xlarge" "2xlarge" "4xlarge" "12xlarge" "24xlarge";
    "m6g": "large" "xlarge" "2xlarge" "4xlarge" "8xlarge" "12xlarge" "16xlarge";
    "m7g": "large" "xlarge" "2xlarge" "4xlarge" "8xlarge" "12xlarge" "16xlarge";
    "r4": "large" "xlarge" "2xlarge" "4xlarge" "8xlarge" "16xlarge";
    "r5": "large" "xlarge" "2xlarge" "4xlarge" "12xlarge" "24xlarge";
    "r6g": "large" "xlarge" "2xlarge" "4xlarge" "8xlarge" "12xlarge" "16xlarge";
    "r6gd": "xlarge" "2xlarge" "4xlarge" "8xlarge" "12xlarge" "16xlarge";
    "r7g": "large" "xlarge" "2xlarge" "4xlarge" "8xlarge" "12xlarge" "16xlarge";
    "c7gn": "large" "xlarge" "2xlarge" "4xlarge" "8xlarge" "12xlarge" "16xlarge";
}

const PREVIOUS: &[&str] = &["cache.t1.", "cache.m1.", "cache.m2.", "cache.m3.", "cache.r3.", "cache.c1."];

const SIZES: &[&str] = &[
    "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
];

const fn check(text: &str) -> Option<&'static str> {
    const FORM: &str = "write cache.FAMILY.SIZE, as in cache.t4g.small";
    let mut i = 0;
    while i < PREVIOUS.len() {
        if begins(text, PREVIOUS[i]) {
            return Some("this is a previous generation without failover, snapshots or TLS: take t4g, m7g or r7g");
        }
        i += 1;
    }
    let mut i = 0;
    while i < FAMILIES.len() {
        let (family, sizes, message) = FAMILIES[i];
        if begins(text, family) {
            return if is_one_of(text.as_bytes(), family.len(), sizes) { None } else { Some(message) };
        }
        i += 1;
    }
    if !begins(text, "cache.") {
        Some(FORM)
    } else if newer_family(text.as_bytes()) {
        None
    } else {
        Some(
            "AWS has no such family and size: the families are t2, t3, t4g, m4, m5, m6g, m7g, r4, r5, r6g, r6gd, r7g and c7gn, as in \
             cache.t4g.small",
        )
    }
}

/// Whether this is `cache.`, one of the letters m, r and c, a generation of 8 or 9, a few letters for the processor, and a usual size.
const fn newer_family(bytes: &[u8]) -> bool {
    if bytes.len() < 8 || !matches!(bytes[6], b'm' | b'r' | b'c') || !matches!(bytes[7], b'8' | b'9') {
        return false;
    }
    let mut dot = 8;
    while dot < bytes.len() && bytes[dot].is_ascii_lowercase() {
        dot += 1;
    }
    dot < bytes.len() && bytes[dot] == b'.' && dot <= 11 && is_one_of(bytes, dot + 1, SIZES)
}

/// Whether what begins at `at` is one of the words.
const fn is_one_of(bytes: &[u8], at: usize, words: &[&str]) -> bool {
    let mut word = 0;
    while word < words.len() {
        let expected = words[word].as_bytes();
        let mut same = bytes.len() - at == expected.len();
        let mut i = 0;
        while same && i < expected.len() {
            same = bytes[at + i] == expected[i];
            i += 1;
        }
        if same {
            return true;
        }
        word += 1;
    }
    false
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

    #[test]
    fn a_size_is_one_of_its_family() {
        assert_eq!(check("cache.t4g.large"), Some("the family t4g has the sizes micro, small, medium"));
        assert_eq!(check("cache.r6gd.xlarge"), None);
        assert!(check("cache.r6gd.large").is_some());
        for bad in ["cache.t3.mini", "cache.m7g.", "cache.m7g.xlargee", "cache.x1.large", "cache.r77g.large"] {
            assert!(check(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_family_that_is_newer_than_this_library_is_taken() {
        for newer in ["cache.r8g.large", "cache.m9gd.12xlarge", "cache.c8gn.xlarge"] {
            assert_eq!(check(newer), None, "{newer}");
        }
        for bad in [
            "cache.r8g.",
            "cache.r8g",
            "cache.r8",
            "cache.r8g.huge",
            "cache.8.large",
            "cache.t9g.micro",
            "cache.z9.large",
            "cache.r8gggggg.large",
        ] {
            assert!(check(bad).is_some(), "{bad}");
        }
    }
}
