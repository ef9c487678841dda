//! Engines and their versions.

use std::marker::PhantomData;

use palisade_core::{Json, JsonMap};

use super::CheckError;

text_enum! {
    /// The software that a cache runs.
    EngineKind {
        /// Redis OSS.
        Redis = "redis",
        /// Valkey, which follows Redis OSS 7.2.
        Valkey = "valkey",
    }
}

/// The engine Redis OSS, known when the program is compiled: a user or a group with `.engine(Redis)` is of that engine, and
/// what does not fit it does not compile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Redis;

/// The engine Valkey, known when the program is compiled, as [`Redis`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Valkey;

/// An engine: [`Redis`] or [`Valkey`], or an [`EngineKind`] that is only known when the program runs. What does not fit one
/// of the first two does not compile; what does not fit the last one is found before the plan.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an engine",
    label = "this is not an engine",
    note = "write `Redis` or `Valkey`, or an `EngineKind` that is only known when the program runs"
)]
pub trait IntoEngine {
    /// What is known of the engine when the program is compiled; `()` where nothing is.
    type Brand;

    /// The engine.
    fn into_engine(self) -> EngineKind;
}

impl IntoEngine for Redis {
    type Brand = Self;

    fn into_engine(self) -> EngineKind {
        EngineKind::Redis
    }
}

impl IntoEngine for Valkey {
    type Brand = Self;

    fn into_engine(self) -> EngineKind {
        EngineKind::Valkey
    }
}

impl IntoEngine for EngineKind {
    type Brand = ();

    fn into_engine(self) -> EngineKind {
        self
    }
}

text_enum! {
    /// The family of a parameter group; it must be that of the engine and version of the caches that use the group.
    ParameterGroupFamily {
        /// Redis OSS 7.0 and 7.1.
        Redis7 = "redis7",
        /// Valkey 7.2.
        Valkey7 = "valkey7",
        /// Valkey 8.
        Valkey8 = "valkey8",
        /// Valkey 9.
        Valkey9 = "valkey9",
    }
}

checked_text! {
    /// The version of an engine, as in `7.1`: a major and a minor number. AWS chooses the patch level.
    EngineVersion, "the version of an engine", check_version, engine_version
}

/// An engine and its version, of those that AWS supports and that can require TLS and role-based access.
///
/// `F` is the family, where it is known when the program is compiled: users and parameters that do not fit a cache of the
/// engine do not compile then. An engine that is chosen when the program runs is an `Engine<()>`: see [`Engine::supported`]
/// and [`Engine::erased`].
///
/// AWS: [Engine versions](https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/engine-versions.html)
#[derive(Debug)]
pub struct Engine<F = ()> {
    kind: EngineKind,
    version: &'static str,
    family: Family<F>,
}

/// The family of the parameter groups that fit an engine: see [`Engine::family`].
#[derive(Debug)]
pub struct Family<F> {
    family: ParameterGroupFamily,
    known: PhantomData<fn() -> F>,
}

/// The family of a parameter group: `Engine::REDIS_7_1.family()`, or a [`ParameterGroupFamily`] that is only known when the
/// program runs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the family of a parameter group",
    label = "this is not a family",
    note = "write the family of the engine of the caches that use the group, as in `Engine::REDIS_7_1.family()`"
)]
pub trait IntoFamily {
    /// What is known of the family when the program is compiled; `()` where nothing is.
    type Brand;

    /// The family.
    fn into_family(self) -> ParameterGroupFamily;
}

impl<F> IntoFamily for Family<F> {
    type Brand = F;

    fn into_family(self) -> ParameterGroupFamily {
        self.family
    }
}

impl IntoFamily for ParameterGroupFamily {
    type Brand = ();

    fn into_family(self) -> ParameterGroupFamily {
        self
    }
}

// Derived, these would ask the same of `F`.
impl<F> Clone for Engine<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Engine<F> {}

impl<F> Clone for Family<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Family<F> {}

/// The engines that AWS supports, and their families.
macro_rules! engines {
    ($($(#[$doc:meta])* $family:ident: $($(#[$constant_doc:meta])* $constant:ident = $kind:ident $version:literal),+;)+) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $family {}

        impl Engine<$family> {
            $($(#[$constant_doc])*
            pub const $constant: Self = Self {
                kind: EngineKind::$kind,
                version: $version,
                family: Family { family: ParameterGroupFamily::$family, known: PhantomData },
            };)+
        })+

        /// All of them, in the order of their versions.
        const SUPPORTED: &[Engine] = &[$($(Engine::<$family>::$constant.erased()),+),+];
    };
}

engines! {
    /// Redis OSS 7.0 and 7.1, known when the program is compiled.
    Redis7:
        /// Redis OSS 7.0.
        REDIS_7_0 = Redis "7.0",
        /// Redis OSS 7.1, the last one.
        REDIS_7_1 = Redis "7.1";
    /// Valkey 7.2, known when the program is compiled.
    Valkey7:
        /// Valkey 7.2.
        VALKEY_7_2 = Valkey "7.2";
    /// Valkey 8, known when the program is compiled.
    Valkey8:
        /// Valkey 8.0.
        VALKEY_8_0 = Valkey "8.0",
        /// Valkey 8.1.
        VALKEY_8_1 = Valkey "8.1",
        /// Valkey 8.2.
        VALKEY_8_2 = Valkey "8.2";
    /// Valkey 9, known when the program is compiled.
    Valkey9:
        /// Valkey 9.0.
        VALKEY_9_0 = Valkey "9.0";
}

impl Engine {
    /// The engine of a `kind` and a `version`, as in `7.1`, that are only known when the program runs.
    ///
    /// # Errors
    /// [`CheckError`] with the versions that there are, if AWS has no such engine or supports it no longer.
    ///
    /// ```
    /// use palisade_aws::types::{Engine, EngineKind};
    /// assert_eq!(Engine::supported(EngineKind::Valkey, "8.1").unwrap().version().as_str(), "8.1");
    /// assert!(Engine::supported(EngineKind::Redis, "6.2").is_err());
    /// ```
    pub fn supported(kind: EngineKind, version: &str) -> Result<Self, CheckError> {
        let found = SUPPORTED.iter().find(|engine| engine.kind == kind && engine.version == version);
        found.copied().ok_or_else(|| CheckError {
            value: format!("{kind} {version}"),
            what: "an engine that AWS supports",
            rule: "write redis 7.0 or 7.1, or valkey 7.2, 8.0, 8.1, 8.2 or 9.0",
        })
    }

    /// The family of an engine and version, for versions that this program does not know too.
    pub(crate) fn family_of(kind: EngineKind, version: &EngineVersion) -> String {
        let major = version.as_str().split('.').next().unwrap_or_default();
        format!("{kind}{major}")
    }

    /// The parameter group that AWS owns for caches without shards.
    pub(crate) fn default_parameter_group(kind: EngineKind, version: &EngineVersion) -> String {
        format!("default.{}", Self::family_of(kind, version))
    }

    /// The parameter group that AWS owns for caches with shards. It must be named, as AWS's own default is the other one.
    pub(crate) fn default_cluster_parameter_group(kind: EngineKind, version: &EngineVersion) -> String {
        format!("default.{}.cluster.on", Self::family_of(kind, version))
    }
}

impl<F> Engine<F> {
    /// The same engine, of which nothing is known when the program is compiled: for a program that chooses between engines
    /// when it runs. What does not fit it is found before the plan.
    pub const fn erased(self) -> Engine {
        let family = Family { family: self.family.family, known: PhantomData };
        Engine { kind: self.kind, version: self.version, family }
    }

    /// Redis OSS or Valkey.
    pub const fn kind(self) -> EngineKind {
        self.kind
    }

    /// The version.
    pub const fn version(self) -> EngineVersion {
        EngineVersion::literal(self.version)
    }

    /// The family of the parameter groups that fit.
    pub const fn family(self) -> Family<F> {
        self.family
    }
}

/// Whether a change of the version is a downgrade, which ElastiCache makes only by a new cache.
pub(crate) fn is_downgrade(old: &Json, new: &Json) -> bool {
    let numbers = |version: &Json| numbers(version.as_str()?);
    match (numbers(old), numbers(new)) {
        (Some(old), Some(new)) => new < old,
        _ => false,
    }
}

/// Whether ElastiCache comes from the version `wanted` to the version `now` by itself, where it may: within a major version.
pub(crate) fn is_minor_upgrade(wanted: &str, now: &str) -> bool {
    let versions = numbers(wanted).zip(numbers(now));
    versions.is_some_and(|((major, minor), (now_major, now_minor))| major == now_major && minor < now_minor)
}

/// What to tell of a version that ElastiCache came to by itself, as `auto_minor_version_upgrade` lets it.
pub(crate) fn upgraded(wanted: &JsonMap, now: &Json) -> Option<String> {
    let (version, now) = (wanted.get("engine_version")?.as_str()?, now.as_str()?);
    let may_be = wanted.get("auto_minor_version_upgrade") == Some(&Json::Bool(true)) && is_minor_upgrade(version, now);
    may_be.then(|| {
        let kind = wanted.get("engine").and_then(Json::as_str).unwrap_or_default();
        let constant = format!("{kind}_{now}").replace('.', "_").to_uppercase();
        format!(
            "AWS has upgraded it from {version} to {now}, as `auto_minor_version_upgrade` lets it; nothing is changed. \
             Write `.engine(Engine::{constant})` to say so"
        )
    })
}

/// Whether a change of the engine leads back from Valkey to Redis OSS, which takes a new cache.
pub(crate) fn leaves_valkey(old: &Json, new: &Json) -> bool {
    old == EngineKind::Valkey.as_str() && new != old
}

/// Whether a change of the engine leads to Valkey. What is of Redis goes with both engines, and what is of Valkey with that
/// alone, so whoever uses it changes first.
pub(crate) fn becomes_valkey(old: &Json, new: &Json) -> bool {
    new == EngineKind::Valkey.as_str() && new != old
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

const fn check_version(text: &str) -> Option<&'static str> {
    const RULE: &str = "write a major and a minor number, as in 7.1: AWS chooses the patch level";
    let bytes = text.as_bytes();
    let (mut i, mut dots) = (0, 0);
    while i < bytes.len() {
        match bytes[i] {
            b'0'..=b'9' => {}
            b'.' if dots == 0 && i > 0 && i + 1 < bytes.len() => dots = 1,
            _ => return Some(RULE),
        }
        i += 1;
    }
    if dots == 1 { None } else { Some(RULE) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_downgrade(&json!("7.1"), &json!("7.0")));
        assert!(!is_downgrade(&json!("7.2"), &json!("7.10")));
        assert!(!is_downgrade(&json!("7.1"), &json!("8.0")));
        assert!(leaves_valkey(&json!("valkey"), &json!("redis")) && !leaves_valkey(&json!("redis"), &json!("valkey")));
    }

    /// The message of `Engine::supported` names every engine.
    #[test]
    fn an_engine_that_is_not_supported_is_told_which_are() {
        let error = Engine::supported(EngineKind::Redis, "6.2").unwrap_err().to_string();
        assert!(error.starts_with("`redis 6.2` is not an engine that AWS supports: "), "{error}");
        for engine in SUPPORTED {
            assert!(error.contains(engine.version) && error.contains(engine.kind.as_str()), "{engine:?}: {error}");
            let found = Engine::supported(engine.kind, engine.version).unwrap();
            assert_eq!((found.kind, found.version), (engine.kind, engine.version));
            assert_eq!(found.family.family.as_str(), Engine::family_of(engine.kind, &engine.version()));
        }
    }

    #[test]
    fn a_version_has_two_numbers() {
        assert_eq!(check_version("7.1"), None);
        for bad in ["7", "7.0.7", "7.x", ".1", "7.", ""] {
            assert!(check_version(bad).is_some(), "{bad}");
        }
    }
}
