//! [`Given`]: how far a builder is, in one type.

use std::{fmt, marker::PhantomData};

/// The state of a builder: `REQUIREMENTS` has one bit for each requirement of the resource, in their order, which is 1 once
/// the program has met it.
///
/// It is one type however much a resource requires, so that a compile error names the builder in a few words.
///
/// `Brand` is what is known of the object beyond its kind, such as the engine of a user; `()` says that nothing is.
pub struct Given<const REQUIREMENTS: u8, Brand = ()>(PhantomData<fn() -> Brand>);

impl<const REQUIREMENTS: u8, Brand> fmt::Debug for Given<REQUIREMENTS, Brand> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Given<{REQUIREMENTS}>")
    }
}

/// What a builder can be made of: [`Given`], with any of its numbers.
///
/// The derives and the methods that are written by hand use it through the aliases that the derive makes: `EngineGiven<S>`
/// for the state that follows once the requirement `engine` is met, and `EngineNow<S>` for [`Present`] or [`Missing`].
pub trait BuilderState: sealed::Sealed {
    /// What is known of the object beyond its kind.
    type Brand;
    /// The same state of an object of which `NewBrand` is known.
    type Branded<NewBrand>: BuilderState<Brand = NewBrand>;
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
    impl<const REQUIREMENTS: u8, Brand> Sealed for super::Given<REQUIREMENTS, Brand> {}
}
