//! The rules, as data: who may depend on whom, which words belong where, and how large a file gets.
//!
//! A path in these tables is a beginning: `crates/palisade-cli/src/` is a folder, `crates/palisade-emulator/src/store`
//! is `store.rs` and `store/`.

/// The packages of the workspace, and those of them that each may depend on. Tests (dev-dependencies) are free.
pub(super) const ARROWS: &[(&str, May)] = &[
    ("palisade-derive", May::Use(&[])),
    ("palisade-core", May::Use(&["palisade-derive"])),
    ("palisade-aws", May::Use(&["palisade-core", "palisade-derive"])),
    ("palisade-engine", May::Use(&["palisade-core"])),
    ("palisade-terraform", May::Use(&["palisade-core"])),
    ("palisade-emulator", May::Use(&["palisade-aws", "palisade-core"])),
    ("palisade-live", May::Use(&["palisade-aws", "palisade-core", "palisade-engine"])),
    ("palisade-cli", May::Use(&["palisade-core", "palisade-engine", "palisade-terraform"])),
    ("palisade", May::UseAll),
    ("palisade-testing", May::UseAll),
    ("palisade-tests", May::UseAll),
    ("palisade-live-tests", May::UseAll),
    ("many-objects", EXAMPLES_MAY),
    ("xtask", May::Use(&[])),
];

/// What a program of a user, and so an example, may depend on.
pub(super) const EXAMPLES_MAY: May = May::Use(&["palisade"]);

/// The packages of the workspace that a package may depend on.
#[derive(Clone, Copy, Debug)]
pub(super) enum May {
    Use(&'static [&'static str]),
    UseAll,
}

/// The crates that take minutes to compile, by the beginning of their names, and the one package that may.
pub(super) const SDK: &[&str] = &["aws-sdk-", "aws-config"];
pub(super) const SDK_OWNER: &str = "palisade-live";

/// Lines of a source file without its tests.
pub(super) const SOFT_LINES: usize = 500;
pub(super) const HARD_LINES: usize = 900;

/// Names that say nothing about what is in the file.
pub(super) const EMPTY_NAMES: &[&str] = &["imp.rs", "util.rs", "helpers.rs", "common.rs"];

/// Where a word is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// In code, and in the paths that `use` brings in: not in comments, not in strings.
    Code,
    /// In string literals.
    Strings,
    /// In all of a text, of any kind of file.
    Text,
}

/// Words that belong in some places only.
#[derive(Clone, Copy, Debug)]
pub(super) struct WordRule {
    pub(super) words: &'static [&'static str],
    pub(super) look: Look,
    /// The paths that the rule is about.
    pub(super) within: &'static [&'static str],
    /// The paths where the words are at home.
    pub(super) home: &'static [&'static str],
    /// Whether tests may use the words too.
    pub(super) tests_may: bool,
    pub(super) instead: &'static str,
}

const EVERYWHERE: &[&str] = &[""];
const OURS: &[&str] = &["crates/", "examples/"];
/// The words of these rules have to be written somewhere.
const THE_RULES: &[&str] = &["xtask/src/tidy/"];

pub(super) const WORDS: &[WordRule] = &[
    WordRule {
        words: &["aws_sdk_", "aws_config::"],
        look: Look::Code,
        within: EVERYWHERE,
        home: &["crates/palisade-live/"],
        tests_may: false,
        instead: "call the typed operations of palisade-aws",
    },
    WordRule {
        words: &["std::fs", "tokio::fs"],
        look: Look::Code,
        within: OURS,
        home: &[
            "crates/palisade-cli/src/",
            "crates/palisade-emulator/src/store",
            "crates/palisade-emulator/src/vault",
            "crates/palisade-engine/src/store/local.rs",
        ],
        tests_may: true,
        instead: "take or return bytes; files are touched by the engine's and the emulator's store and by the CLI",
    },
    WordRule {
        words: &["println!", "eprintln!", "print!", "eprint!"],
        look: Look::Code,
        within: &["crates/"],
        home: &["crates/palisade-cli/src/terminal"],
        tests_may: true,
        instead: "return the value or an event; the CLI's terminal shows it",
    },
    WordRule {
        words: &["std::env"],
        look: Look::Code,
        within: OURS,
        home: &["crates/palisade-cli/", "crates/palisade-live/", "crates/palisade/"],
        tests_may: true,
        instead: "take the value as an argument; the CLI's arguments read the environment",
    },
    WordRule {
        words: &["SystemTime", "std::time::Instant", "rand::"],
        look: Look::Code,
        within: OURS,
        home: &["crates/palisade-cli/", "crates/palisade-engine/src/store/clock.rs", "crates/palisade-live/"],
        tests_may: true,
        instead: "take the time, the randomness or the id as an argument, so that plans and snapshots repeat",
    },
    WordRule {
        words: &["aws_", "${"],
        look: Look::Strings,
        within: OURS,
        home: &["crates/palisade-aws/src/resources/", "crates/palisade-live/", "crates/palisade-terraform/"],
        tests_may: true,
        instead: "Terraform's words belong in palisade-terraform or in the resource's own declaration",
    },
    WordRule {
        words: &["todo!", "unimplemented!", "dbg!"],
        look: Look::Code,
        within: EVERYWHERE,
        home: &[],
        tests_may: false,
        instead: "finish it, or leave it out",
    },
    WordRule {
        words: &["TODO", "FIXME"],
        look: Look::Text,
        within: EVERYWHERE,
        home: THE_RULES,
        tests_may: false,
        instead: "do it, or file an issue",
    },
    WordRule {
        words: &["#[ignore", "#![ignore"],
        look: Look::Code,
        within: EVERYWHERE,
        home: &[],
        tests_may: false,
        instead: "make the test pass, or delete it",
    },
    WordRule {
        words: &["#[allow(", "#![allow("],
        look: Look::Code,
        within: EVERYWHERE,
        home: &[],
        tests_may: false,
        instead: "cure the warning, or write `#[expect(..., reason = \"...\")]`",
    },
    WordRule {
        words: &["/home/", "/root/", "/usr/local/"],
        look: Look::Text,
        within: EVERYWHERE,
        home: THE_RULES,
        tests_may: false,
        instead: "name the file from the root of the repository, or find it by searching: this path is of one machine",
    },
];
