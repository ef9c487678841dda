//! [`Rule`]: what a resource must be to be safe, who demands it, and what holds it.

use std::{borrow::Cow, fmt, marker::PhantomData, panic::Location};

use serde::{Deserialize, Serialize};

use crate::{Address, Finding, Node, Resource, Stack};

/// A rule of safety about resources of one kind. It stands in the module of its resource, beside what holds it.
#[derive(Debug)]
pub struct Rule {
    /// The name, as in `one-node`.
    pub id: &'static str,
    /// What is demanded, as a sentence without a final period.
    pub title: &'static str,
    /// Why it matters in the cloud.
    pub why: &'static str,
    /// The controls that demand it.
    pub controls: &'static [Control],
    /// What holds it.
    pub hold: Hold,
}

/// One control of a catalogue, as in `FSBP ElastiCache.4`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Control {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// The control's name in it.
    pub id: &'static str,
}

/// A catalogue of controls.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Catalogue {
    /// [AWS Foundational Security Best Practices](https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html).
    Fsbp,
    /// CIS AWS Foundations Benchmark 3.0.
    Cis3,
    /// [checkov](https://www.checkov.io/5.Policy%20Index/terraform.html).
    Checkov,
}

/// What holds a rule, from the earliest to the latest.
#[derive(Clone, Copy, Debug)]
pub enum Hold {
    /// No program that breaks it compiles; the sentence says what makes it so.
    Compile(&'static str),
    /// A stack that breaks it is refused by the checks of its resources; the sentence says which.
    Declare(&'static str),
    /// A stack that breaks it is refused by this check. There is no way around.
    Check(Check),
    /// A stack that breaks it is refused by this check, unless it accepts the risk with a reason.
    Risk {
        /// The check.
        check: Check,
        /// The path of the [`Risk`] that names the rule in a program, as in `Vpc::NO_FLOW_LOG`.
        path: &'static str,
    },
}

/// What is wrong with a resource by a rule, if anything is.
pub type Check = fn(&Node, &Stack) -> Option<Violation>;

/// How a resource breaks a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// What is wrong, as a sentence without a final period.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// A rule of `R` that a program may break for a reason: [`Stack::accept_risk`]. What has no honest exception has no such
/// constant, so that accepting it cannot be written.
pub struct Risk<R> {
    rule: &'static Rule,
    resource: PhantomData<fn() -> R>,
}

/// Why a risk is accepted: a sentence of 10 to 200 characters on one line. `reason!("...")` checks a literal when the program
/// is compiled, and [`Reason::new`] a text when it runs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String")]
pub struct Reason(Cow<'static, str>);

/// A text that is no [`Reason`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is not a reason: {rule}")]
pub struct ReasonError {
    text: String,
    rule: &'static str,
}

/// A risk that a program accepts.
#[derive(Clone, Debug)]
pub struct AcceptedRisk {
    /// The resource.
    pub address: Address,
    /// The rule that it breaks.
    pub rule: &'static Rule,
    /// Why.
    pub reason: Reason,
    /// Where the program accepts it.
    pub location: &'static Location<'static>,
}

/// How one resource stands to one rule.
#[derive(Clone, Debug)]
pub struct Assessment<'a> {
    /// The rule.
    pub rule: &'static Rule,
    /// The resource.
    pub node: &'a Node,
    /// How it stands.
    pub status: Status<'a>,
}

/// Whether a rule holds, and by what.
#[derive(Clone, Debug)]
pub enum Status<'a> {
    /// No program that breaks it compiles; the sentence says what makes it so.
    ByConstruction(&'static str),
    /// It was checked.
    ByCheck,
    /// It is broken, and the program says why.
    Accepted(&'a AcceptedRisk),
    /// It is broken.
    Violated(Violation),
}

impl Control {
    /// A control of AWS Foundational Security Best Practices.
    pub const fn fsbp(id: &'static str) -> Self {
        Self { catalogue: Catalogue::Fsbp, id }
    }

    /// A recommendation of the CIS AWS Foundations Benchmark 3.0.
    pub const fn cis(id: &'static str) -> Self {
        Self { catalogue: Catalogue::Cis3, id }
    }

    /// A check of checkov.
    pub const fn checkov(id: &'static str) -> Self {
        Self { catalogue: Catalogue::Checkov, id }
    }
}

impl Catalogue {
    /// The name, as in `CIS 3.0`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fsbp => "FSBP",
            Self::Cis3 => "CIS 3.0",
            Self::Checkov => "checkov",
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.catalogue.as_str(), self.id)
    }
}

impl Violation {
    /// A violation, and what to write instead.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl Rule {
    /// The path of the [`Risk`] that names the rule in a program; `None` where nobody may break it.
    pub const fn risk(&self) -> Option<&'static str> {
        match self.hold {
            Hold::Risk { path, .. } => Some(path),
            _ => None,
        }
    }
}

impl<R: Resource> Risk<R> {
    /// The name of `rule` in a program.
    ///
    /// # Panics
    /// Where the rule is none of those that a program may break; in a constant, that is a compile error.
    pub const fn new(rule: &'static Rule) -> Self {
        assert!(rule.risk().is_some(), "a rule that nobody may break has no risk to accept");
        Self { rule, resource: PhantomData }
    }

    /// The name of the rule `id` of `rules` in a program.
    ///
    /// # Panics
    /// Where there is no such rule, or none that a program may break; in a constant, that is a compile error.
    pub const fn named(rules: &'static [Rule], id: &str) -> Self {
        let mut i = 0;
        while i < rules.len() {
            if is_same(rules[i].id.as_bytes(), id.as_bytes()) {
                return Self::new(&rules[i]);
            }
            i += 1;
        }
        panic!("there is no rule of this id")
    }

    /// The rule that is broken where the risk is accepted.
    pub const fn rule(self) -> &'static Rule {
        self.rule
    }
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

impl<R> Clone for Risk<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Risk<R> {}

impl<R> fmt::Debug for Risk<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Risk").field(&self.rule.id).finish()
    }
}

impl Reason {
    /// The reason `text`, as it is read from a file.
    ///
    /// ```
    /// use palisade_core::Reason;
    /// assert_eq!(Reason::new("the cache holds copies only")?.as_str(), "the cache holds copies only");
    /// let error = Reason::new("why not").unwrap_err().to_string();
    /// assert!(error.starts_with("\"why not\" is not a reason: say in 10 to 200 characters"));
    /// # Ok::<(), palisade_core::ReasonError>(())
    /// ```
    ///
    /// # Errors
    /// [`ReasonError`] where the text has less than 10 or more than 200 characters, or a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, ReasonError> {
        let text = text.into();
        match check(&text) {
            Some(rule) => Err(ReasonError { text, rule }),
            None => Ok(Self(Cow::Owned(text))),
        }
    }

    /// The reason `text`: write `reason!("...")`.
    ///
    /// # Panics
    /// On the conditions of [`Reason::new`]; in a constant, that is a compile error.
    #[track_caller]
    pub const fn literal(text: &'static str) -> Self {
        match check(text) {
            Some(rule) => panic!("{}", rule),
            None => Self(Cow::Borrowed(text)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the rule that the text of a reason breaks.
const fn check(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let (mut i, mut characters) = (0, 0);
    while i < bytes.len() {
        // Those of one byte, and those of two from U+0080 to U+009F.
        if bytes[i] < b' ' || bytes[i] == 0x7f || bytes[i] == 0xc2 && bytes[i + 1] < 0xa0 {
            return Some("write the reason on one line: it stands in the plan and in the export");
        }
        // All but the first byte of a character begin with the bits 10.
        if bytes[i] & 0xc0 != 0x80 {
            characters += 1;
        }
        i += 1;
    }
    if characters < 10 || characters > 200 {
        return Some("say in 10 to 200 characters why the risk is taken, for whoever reads the plan");
    }
    None
}

impl TryFrom<String> for Reason {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Self, ReasonError> {
        Self::new(text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A [`Reason`] from a literal, checked when the program is compiled.
#[macro_export]
macro_rules! reason {
    ($text:expr) => {{
        const VALUE: $crate::Reason = $crate::Reason::literal($text);
        VALUE
    }};
}

/// What a policy finds in a stack.
type PolicyCheck = dyn Fn(&Stack) -> Vec<Finding> + Send + Sync;

/// A policy of the program's own: a function over its stack.
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) check: Box<PolicyCheck>,
    pub(crate) location: &'static Location<'static>,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policy").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_sentence_on_one_line_whoever_checks_it() {
        for good in ["ten of the", "zehn wär's", &"x".repeat(200), &"ß".repeat(200)] {
            assert_eq!(Reason::new(good).unwrap().as_str(), good);
        }
        assert_eq!(Reason::new("it is a test").unwrap(), Reason::literal("it is a test"));
        let why = |text: &str| Reason::new(text).unwrap_err().to_string();
        for short in ["", "why not", "ßßßßßßßßß", &"x".repeat(201), &"ß".repeat(201)] {
            assert!(why(short).ends_with("why the risk is taken, for whoever reads the plan"), "{short}");
        }
        for broken in
            ["on two\nlines, or more", "a colour \u{1b}[31m or two", "another \u{9b}31m colour", "a \u{7f} in a text"]
        {
            assert!(why(broken).ends_with("it stands in the plan and in the export"), "{broken:?}");
            assert!(!why(broken).contains(char::is_control), "{broken:?}");
        }
    }
}
