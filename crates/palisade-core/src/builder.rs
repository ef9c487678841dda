//! [`Given`]: how far a builder is, in one type.

/// The state of a builder: `REQUIREMENTS` has one bit for each requirement of the resource, in their order, which is 1 once
/// the program has met it.
///
/// It is one type however much a resource requires, so that a compile error names the builder in a few words.
#[derive(Debug)]
pub enum Given<const REQUIREMENTS: u8> {}

/// What a builder can be made of: [`Given`], with any of its numbers.
///
/// The derives and the methods that are written by hand use it through the aliases that the derive makes: `EngineGiven<S>`
/// for the state that follows once the requirement `engine` is met, and `EngineNow<S>` for [`Present`] or [`Missing`].
pub trait BuilderState: sealed::Sealed {
    palisade_derive::requirements!(declare);
}

palisade_derive::requirements!(implement);

/// A requirement that has been met.
#[derive(Debug)]
pub enum Present {}

/// A requirement that is still open.
#[derive(Debug)]
pub enum Missing {}

mod sealed {
    pub trait Sealed {}
    impl<const REQUIREMENTS: u8> Sealed for super::Given<REQUIREMENTS> {}
}
