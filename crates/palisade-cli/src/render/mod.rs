//! What the commands show, as text. Nothing here prints: a renderer takes data and returns a text, which may have colors.

pub(crate) mod calls;
pub(crate) mod findings;
pub(crate) mod graph;
pub(crate) mod plan;
pub(crate) mod posture;
pub(crate) mod progress;
pub(crate) mod risks;
pub(crate) mod style;
pub(crate) mod value;
