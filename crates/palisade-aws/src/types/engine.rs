//! Engines and their versions.

use palisade_core::Json;

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
/// AWS: [Engine versions](https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/engine-versions.html)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Engine {
    kind: EngineKind,
    version: &'static str,
    family: ParameterGroupFamily,
}

impl Engine {
    /// Redis OSS 7.0.
    pub const REDIS_7_0: Self = Self::new(EngineKind::Redis, "7.0", ParameterGroupFamily::Redis7);
    /// Redis OSS 7.1, the last one.
    pub const REDIS_7_1: Self = Self::new(EngineKind::Redis, "7.1", ParameterGroupFamily::Redis7);
    /// Valkey 7.2.
    pub const VALKEY_7_2: Self = Self::new(EngineKind::Valkey, "7.2", ParameterGroupFamily::Valkey7);
    /// Valkey 8.0.
    pub const VALKEY_8_0: Self = Self::new(EngineKind::Valkey, "8.0", ParameterGroupFamily::Valkey8);
    /// Valkey 8.1.
    pub const VALKEY_8_1: Self = Self::new(EngineKind::Valkey, "8.1", ParameterGroupFamily::Valkey8);
    /// Valkey 8.2.
    pub const VALKEY_8_2: Self = Self::new(EngineKind::Valkey, "8.2", ParameterGroupFamily::Valkey8);
    /// Valkey 9.0.
    pub const VALKEY_9_0: Self = Self::new(EngineKind::Valkey, "9.0", ParameterGroupFamily::Valkey9);

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

    const fn new(kind: EngineKind, version: &'static str, family: ParameterGroupFamily) -> Self {
        Self { kind, version, family }
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
    pub const fn family(self) -> ParameterGroupFamily {
        self.family
    }
}

/// Whether a change of the version is a downgrade, which ElastiCache makes only by a new cache.
pub(crate) fn is_downgrade(old: &Json, new: &Json) -> bool {
    match (numbers(old), numbers(new)) {
        (Some(old), Some(new)) => new < old,
        _ => false,
    }
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

fn numbers(version: &Json) -> Option<(u32, u32)> {
    let (major, minor) = version.as_str()?.split_once('.')?;
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

    #[test]
    fn a_version_has_two_numbers() {
        assert_eq!(check_version("7.1"), None);
        for bad in ["7", "7.0.7", "7.x", ".1", "7.", ""] {
            assert!(check_version(bad).is_some(), "{bad}");
        }
    }
}
