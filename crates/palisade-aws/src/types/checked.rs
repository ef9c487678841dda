//! What the checked types have in common.

/// A value that its type does not accept.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{value}` is not {what}: {rule}")]
pub struct CheckError {
    /// The value that was given.
    pub value: String,
    /// What it should have been, as in "a name".
    pub what: &'static str,
    /// The rule that it breaks, with the cure.
    pub rule: &'static str,
}

impl CheckError {
    /// The error for `text`, in which what could be a password is not repeated.
    pub(crate) fn new(text: &str, what: &'static str, rule: &'static str) -> Self {
        // The password rules of an access string are the one place where people write a password as they know it from Redis.
        let shown = |word: &str| match word.chars().next() {
            Some(mark @ ('>' | '<')) => format!("{mark}(hidden)"),
            _ => word.to_owned(),
        };
        Self { value: text.split(' ').map(shown).collect::<Vec<_>>().join(" "), what, rule }
    }
}

/// Whether `text` begins with `prefix`, for the checks that run while a program is compiled.
pub(crate) const fn begins(text: &str, prefix: &str) -> bool {
    let (text, prefix) = (text.as_bytes(), prefix.as_bytes());
    let mut i = 0;
    while i < prefix.len() {
        if i >= text.len() || text[i] != prefix[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Defines a text type with one `const` check, which serves the literal macro and the run-time constructor alike.
///
/// What comes from AWS, and from state, is not checked: AWS may hold what a program could not have written.
macro_rules! checked_text {
    (
        $(#[$doc:meta])*
        $type:ident, $what:literal, $check:path, $macro:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
        #[serde(transparent)]
        pub struct $type(std::borrow::Cow<'static, str>);

        impl $type {
            /// The value `text`.
            ///
            /// # Errors
            /// [`CheckError`](crate::types::CheckError) with the rule that the text breaks; the type says which there are.
            pub fn new(text: impl Into<String>) -> Result<Self, crate::types::CheckError> {
                let text = text.into();
                match $check(&text) {
                    Some(rule) => Err(crate::types::CheckError::new(&text, $what, rule)),
                    None => Ok(Self(std::borrow::Cow::Owned(text))),
                }
            }

            #[doc = concat!("The literal `text`, checked when the program is compiled: write `", stringify!($macro), "!(..)`.")]
            ///
            /// # Panics
            /// Where the text breaks a rule; in a constant, that is a compile error.
            #[track_caller]
            pub const fn literal(text: &'static str) -> Self {
                match $check(text) {
                    Some(rule) => panic!("{}", rule),
                    None => Self(std::borrow::Cow::Borrowed(text)),
                }
            }

            /// The value as AWS reports it, unchecked. A stack that declares it is checked all the same.
            pub fn reported(text: impl Into<String>) -> Self {
                Self(std::borrow::Cow::Owned(text.into()))
            }

            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl palisade_core::Field for $type {
            fn problem(json: &palisade_core::Json) -> Option<String> {
                Self::new(json.as_str().unwrap_or_default()).err().map(|error| error.to_string())
            }
        }

        #[doc = concat!("A [`", stringify!($type), "`](crate::types::", stringify!($type), ") from a literal, checked when the program is compiled.")]
        #[macro_export]
        macro_rules! $macro {
            ($text:expr) => {{
                // A named constant, since `cargo check` does not evaluate a `const` block.
                const VALUE: $crate::types::$type = $crate::types::$type::literal($text);
                VALUE
            }};
        }
    };
}

/// Defines a number type with bounds that are checked when the program is compiled, or by `new`.
macro_rules! checked_number {
    (
        $(#[$doc:meta])*
        $type:ident($inner:ty), $what:literal, $check:path, $macro:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, serde::Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
        #[serde(transparent)]
        pub struct $type($inner);

        impl $type {
            /// The value `number`.
            ///
            /// # Errors
            /// [`CheckError`](crate::types::CheckError) if the number is out of the type's range.
            pub fn new(number: $inner) -> Result<Self, crate::types::CheckError> {
                match $check(number) {
                    Some(rule) => Err(crate::types::CheckError { value: number.to_string(), what: $what, rule }),
                    None => Ok(Self(number)),
                }
            }

            #[doc = concat!("The literal `number`, checked when the program is compiled: write `", stringify!($macro), "!(..)`.")]
            ///
            /// # Panics
            /// Where the number is out of range; in a constant, that is a compile error.
            #[track_caller]
            pub const fn literal(number: $inner) -> Self {
                match $check(number) {
                    Some(rule) => panic!("{}", rule),
                    None => Self(number),
                }
            }

            /// The value as AWS reports it, unchecked. A stack that declares it is checked all the same.
            pub const fn reported(number: $inner) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl palisade_core::Field for $type {
            fn problem(json: &palisade_core::Json) -> Option<String> {
                let number = json.as_u64().and_then(|number| <$inner>::try_from(number).ok());
                match number.map(Self::new) {
                    Some(Ok(_)) => None,
                    Some(Err(error)) => Some(error.to_string()),
                    None => Some(format!("`{json}` is not {}", $what)),
                }
            }
        }

        #[doc = concat!("A [`", stringify!($type), "`](crate::types::", stringify!($type), ") from a literal, checked when the program is compiled.")]
        #[macro_export]
        macro_rules! $macro {
            ($number:expr) => {{
                const VALUE: $crate::types::$type = $crate::types::$type::literal($number);
                VALUE
            }};
        }
    };
}

/// Defines an enum that is written as AWS writes it.
macro_rules! text_enum {
    (
        $(#[$doc:meta])*
        $type:ident { $( $(#[$variant_doc:meta])* $variant:ident = $text:literal ),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, serde::Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
        pub enum $type {
            $( $(#[$variant_doc])* #[serde(rename = $text)] $variant ),+
        }

        impl $type {
            /// The value as AWS writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text ),+ }
            }

            /// The value that AWS writes as `text`, or `None` for one that this version does not know.
            pub fn reported(text: &str) -> Option<Self> {
                match text { $( $text => Some(Self::$variant), )+ _ => None }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl palisade_core::Field for $type {}
    };
}
