//! Known secrets go in wherever one can, and nothing that comes out has them, in any spelling.
//!
//! Which fields take a secret is read from the list of operations, so that a new one is in the test from its first day: it
//! fails until the program in `programs/canary.rs` sends a secret there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use palisade_aws::{Backend, operations::GetSecretValue, operations::Response, types::SecretRef};
use palisade_emulator::Emulator;
use palisade_testing::ExposeSecret;

const OPERATIONS: &str = include_str!("../crates/palisade-aws/src/operations.rs");
const SHAPES: &str = include_str!("../crates/palisade-aws/src/shapes.rs");

/// They have signs that most encodings spell in their own way.
const TOKENS: [&str; 2] = ["CanaryToken1&must#not$be^seen<anywhere>", "CanaryToken2&must#not$be^seen<anywhere>"];
const PASSWORDS: [&str; 2] = ["CanaryWord1&must#not$be^seen<anywhere>", "CanaryWord2&must#not$be^seen<anywhere>"];
/// AWS refuses it as a token, for its signs.
const REFUSED: &str = "CanaryToken3@must/not\"be seen,anywhere";

/// A folder in which the program is run, and all that it has said so far.
struct Desk {
    folder: tempfile::TempDir,
    said: Vec<(String, Vec<u8>)>,
}

impl Desk {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command in a generation of the secrets, with more variables.
    fn run(&mut self, generation: usize, command: &str, more: &[(&str, &str)]) -> Output {
        let number = generation.to_string();
        let mut program = Command::new(env!("CARGO_BIN_EXE_canary"));
        program
            .args(command.split(' '))
            .current_dir(self.folder.path())
            .env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"))
            .env("RUST_BACKTRACE", "full")
            .env_remove("PALISADE_STATE_DIR")
            .env("GENERATION", number)
            .env("TOKEN", TOKENS[generation - 1])
            .env("PASSWORD", PASSWORDS[generation - 1])
            .env("CALLS", self.path("calls.log"))
            .envs(more.iter().copied());
        let output = program.output().unwrap();
        self.said.push((format!("the output of {command}"), output.stdout.clone()));
        self.said.push((format!("the errors of {command}"), output.stderr.clone()));
        output
    }

    #[track_caller]
    fn done(&mut self, generation: usize, command: &str) -> String {
        let output = self.run(generation, command, &[]);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The value of a secret, from the account itself.
    fn value(&mut self, generation: usize, output: &str) -> String {
        let reference: SecretRef =
            serde_json::from_str(&self.done(generation, &format!("output {output} --json"))).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let emulator = Emulator::open(&self.path(".palisade"), "us-east-1").unwrap();
        let request = GetSecretValue { secret_id: reference.secret, version_id: reference.version };
        match runtime.block_on(emulator.answer(request.into())).unwrap() {
            Response::GetSecretValue(answer) => answer.value.expose_secret().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// Runs every command that reads.
    fn look_around(&mut self, generation: usize) {
        let commands = [
            "plan",
            "plan --json",
            "plan --out next.plan",
            "show next.plan",
            "show next.plan --json",
            "plan --destroy --out end.plan",
            "output",
            "output --json",
            "graph",
            "graph --format dot",
            "iam-policy",
            "export terraform --out infra",
        ];
        for command in commands {
            self.done(generation, command);
        }
        for address in self.done(generation, "state list").lines().map(str::to_owned).collect::<Vec<_>>() {
            if !address.starts_with("Cloud:") {
                self.done(generation, &format!("state show {address}"));
            }
        }
    }

    /// All that was said and written, each with where.
    fn traces(&self) -> Vec<(String, Vec<u8>)> {
        let mut traces = self.said.clone();
        collect(self.folder.path(), &mut traces);
        traces
    }
}

/// Adds the files in a folder, at any depth.
fn collect(folder: &Path, traces: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, traces);
        } else {
            traces.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn no_secret_is_in_anything_that_is_said_or_written() {
    let mut desk = Desk { folder: tempfile::tempdir().unwrap(), said: Vec::new() };
    // A value that AWS would refuse, and none.
    for (token, refusal) in [(REFUSED, "cannot be the AUTH token"), ("", "the environment variable TOKEN")] {
        let refused = desk.run(1, "apply -y", &[("TOKEN", token)]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains(refusal), "{said}");
        assert!(!desk.path(".palisade/account.json").exists(), "something was made");
    }
    // A mistake at the worst moment.
    for action in ["PutSecretValue", "CreateUser", "CreateReplicationGroup"] {
        let panicked = desk.run(1, "apply -y", &[("PANIC", action)]);
        let said = String::from_utf8_lossy(&panicked.stderr);
        assert!(said.contains(&format!("a mistake in {action}")), "{action}: {said}");
        assert!(said.contains("stack backtrace"), "{said}");
    }
    desk.look_around(1);
    desk.done(1, "apply next.plan");
    let mut secrets = vec![desk.value(1, "generated")];
    assert_eq!(desk.value(1, "token"), TOKENS[0]);
    desk.look_around(2);
    desk.done(2, "apply -y");
    desk.look_around(2);
    secrets.push(desk.value(2, "generated"));
    assert_eq!(desk.value(2, "token"), TOKENS[1]);
    desk.done(2, "apply end.plan --auto-approve");
    assert_ne!(secrets[0], secrets[1]);

    secrets.extend(TOKENS.into_iter().chain(PASSWORDS).chain([REFUSED]).map(str::to_owned));
    let traces = desk.traces();
    assert!(traces.len() > 60, "{}", traces.len());
    for secret in &secrets {
        for (place, bytes) in &traces {
            for (encoding, spelling) in spellings(secret) {
                let found = bytes.windows(spelling.len()).any(|window| window == spelling.as_bytes());
                assert!(!found, "a secret is in {place}, as {encoding}");
            }
        }
    }

    let calls = fs::read_to_string(desk.path("calls.log")).unwrap();
    assert!(takers().contains(&("CreateUser".to_owned(), "credentials".to_owned())), "{:?}", takers());
    assert_eq!(sent(&calls), takers(), "each field that takes a secret is sent one, and hides it");
}

/// The secret in the ways in which programs spell a text.
fn spellings(secret: &str) -> Vec<(&'static str, String)> {
    let each = |spell: &dyn Fn(u8) -> String| secret.bytes().map(spell).collect::<String>();
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let percent = each(&|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    let escaped = each(&|byte| if plain(byte) { char::from(byte).to_string() } else { format!("\\u{byte:04x}") });
    let json = serde_json::to_string(secret).unwrap();
    let twice = serde_json::to_string(&json).unwrap();
    let numbers: Vec<_> = secret.bytes().map(|byte| byte.to_string()).collect();
    let mut spellings = vec![
        ("text", secret.to_owned()),
        ("JSON", json.trim_matches('"').to_owned()),
        ("JSON in JSON", twice.trim_matches(['"', '\\']).to_owned()),
        ("JSON with escapes", escaped),
        ("hexadecimal digits", each(&|byte| format!("{byte:02x}"))),
        ("hexadecimal digits", each(&|byte| format!("{byte:02X}"))),
        ("a URL", percent.to_lowercase().replace(&secret.to_lowercase(), secret)),
        ("a URL", percent),
        ("numbers", numbers.join(", ")),
        ("numbers", numbers.join(",")),
    ];
    // Where it stands in a longer text decides how base64 spells it; the signs at its ends depend on its neighbours.
    for before in 0..3 {
        let text = [vec![0; before], secret.as_bytes().to_vec()].concat();
        let spelt = base64(&text);
        let inner = spelt[(before * 8).div_ceil(6)..text.len() * 8 / 6].to_owned();
        spellings.push(("base64 for URLs", inner.replace('+', "-").replace('/', "_")));
        spellings.push(("base64", inner));
    }
    spellings
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let sign = |bits: &[u8]| {
        let index = (0..6).fold(0, |index, bit| index << 1 | bits.get(bit).copied().unwrap_or(0));
        char::from(SIGNS[usize::from(index)])
    };
    bits.chunks(6).map(sign).collect()
}

#[test]
fn the_spellings_are_those_of_other_programs() {
    assert_eq!(base64(b"Canary&1"), "Q2FuYXJ5JjE");
    let spellings = spellings("Canary&1");
    for expected in
        ["Q2FuYXJ5Jj", "43616e6172792631", "Canary%261", "Canary\\u00261", "67, 97, 110, 97, 114, 121, 38, 49"]
    {
        assert!(spellings.iter().any(|(_, spelling)| spelling == expected), "{expected}: {spellings:?}");
    }
    for (before, whole) in ["Q2FuYXJ5JjEh", "LkNhbmFyeSYxIQ==", "Li5DYW5hcnkmMSE="].into_iter().enumerate() {
        let found = spellings.iter().any(|(encoding, spelling)| *encoding == "base64" && whole.contains(spelling));
        assert!(found, "{before}: {spellings:?}");
    }
}

/// The fields of calls that change something and that take a secret, by the list of operations.
fn takers() -> BTreeSet<(String, String)> {
    // A type that holds a secret hides it as the type of a field.
    let mut types = BTreeSet::from(["SecretString".to_owned()]);
    for (name, body) in items(SHAPES, &["pub struct ", "pub enum "]) {
        if body.contains("SecretString") {
            types.insert(name);
        }
    }
    assert!(types.len() > 1, "{types:?}");
    let mut takers = BTreeSet::new();
    for (operation, body) in items(OPERATIONS, &["Write "]) {
        for (field, kind) in fields(&body) {
            let mut words = kind.split(|c: char| !c.is_ascii_alphanumeric());
            if words.any(|word| types.contains(word)) {
                takers.insert((operation.clone(), field));
            }
        }
    }
    takers
}

/// The fields in which the calls were sent a secret: what shows one shows that it is hidden.
fn sent(calls: &str) -> BTreeSet<(String, String)> {
    let mut sent = BTreeSet::new();
    for (operation, body) in calls.lines().filter_map(|line| line.split_once('(')) {
        let body = body.split_once('{').map(|(_, body)| body.trim_end_matches([')', '}', ' '])).unwrap_or_default();
        let hidden = fields(body).into_iter().filter(|(_, value)| value.contains("REDACTED"));
        sent.extend(hidden.map(|(field, _)| (operation.to_owned(), field)));
    }
    // The answers are those of calls that read.
    sent.retain(|(operation, _)| operation != "Ok");
    sent
}

/// The items that begin with one of the keywords, each with its name and what is between its braces.
fn items(source: &str, keywords: &[&str]) -> BTreeMap<String, String> {
    let starts = keywords.iter().flat_map(|keyword| source.match_indices(keyword).map(|(at, _)| at + keyword.len()));
    let item = |start: usize| {
        let text = &source[start..];
        let name: String = text.chars().take_while(char::is_ascii_alphanumeric).collect();
        let body = text[name.len()..].trim_start().strip_prefix('{')?;
        let mut depth = 1;
        let end = body.find(|sign: char| {
            depth += i32::from(sign == '{') - i32::from(sign == '}');
            depth == 0
        })?;
        Some((name, body[..end].to_owned()))
    };
    starts.filter_map(item).collect()
}

/// The parts `name: text` of a list, in which a text may hold lists in brackets.
fn fields(list: &str) -> Vec<(String, String)> {
    let mut depth = 0;
    let parts = list.split(|sign: char| {
        depth += i32::from("([{<".contains(sign)) - i32::from(")]}>".contains(sign));
        sign == ',' && depth == 0
    });
    let pairs = parts.filter_map(|part| part.split_once(':'));
    pairs.map(|(name, text)| (name.trim().to_owned(), text.trim().to_owned())).collect()
}
