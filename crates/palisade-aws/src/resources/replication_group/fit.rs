//! What fits the engine of a cache, as far as the compiler can know.

use palisade_core::{Handle, Id, Input, IntoInput};

use crate::{
    resources::{CacheParameterGroup, Secret, UserGroup},
    types::{Redis, Redis7, SecretRef, Valkey, Valkey7, Valkey8, Valkey9},
};

/// Who the clients of a cache are whose engine is of the family `F`: `&user_group`, or `&secret` for an AUTH token. It is one
/// of the two, since AWS takes one. A group for Redis fits both engines, a group for Valkey fits Valkey alone; one whose
/// engine is only known when the program runs, or that is outside of the stack, is checked before the plan.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the authentication of a cache with the engine `{F}`",
    label = "this is no secret, and no user group that fits `{F}`",
    note = "write `&user_group` for users with rights of their own, or `&secret` for one AUTH token; a text is never accepted",
    note = "ElastiCache refuses a user group for Valkey on a Redis cache: begin the group with `UserGroup::redis(..)`, which fits both"
)]
pub trait AuthenticationFor<F> {
    /// The user group or the token.
    #[doc(hidden)]
    fn into_authentication(self) -> Authentication;
}

/// One of the two ways in which clients prove who they are.
#[doc(hidden)]
pub enum Authentication {
    UserGroup(Input<Id<UserGroup>>),
    Token(Input<SecretRef>),
}

/// A parameter group that fits a cache whose engine is of the family `F`. One whose family is only known when the program runs, or that is
/// outside of the stack, is checked before the plan.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the parameter group of a cache with the engine `{F}`",
    label = "this is no parameter group of the family `{F}`",
    note = "each major version of an engine has parameters of its own, and AWS refuses those of another",
    note = "declare the group with the family of the cache's engine, as in `.family(Engine::REDIS_7_1.family())`, and write `&parameters`"
)]
pub trait ParametersFor<F> {
    /// The group's name.
    #[doc(hidden)]
    fn into_parameters(self) -> Input<Id<CacheParameterGroup>>;
}

macro_rules! authentications {
    ($($family:ty: $($group:ty),+;)+) => {
        $($(#[diagnostic::do_not_recommend]
        impl AuthenticationFor<$family> for $group {
            fn into_authentication(self) -> Authentication {
                Authentication::UserGroup(self.into_input())
            }
        })+

        #[diagnostic::do_not_recommend]
        impl AuthenticationFor<$family> for &Handle<Secret> {
            fn into_authentication(self) -> Authentication {
                Authentication::Token(self.into_input())
            }
        })+
    };
}

authentications! {
    Redis7: &Handle<UserGroup, Redis>, &Handle<UserGroup>, Id<UserGroup>;
    Valkey7: &Handle<UserGroup, Redis>, &Handle<UserGroup, Valkey>, &Handle<UserGroup>, Id<UserGroup>;
    Valkey8: &Handle<UserGroup, Redis>, &Handle<UserGroup, Valkey>, &Handle<UserGroup>, Id<UserGroup>;
    Valkey9: &Handle<UserGroup, Redis>, &Handle<UserGroup, Valkey>, &Handle<UserGroup>, Id<UserGroup>;
    (): &Handle<UserGroup, Redis>, &Handle<UserGroup, Valkey>, &Handle<UserGroup>, Id<UserGroup>;
}

macro_rules! parameters {
    ($($family:ty: $($group:ty),+;)+) => {
        $($(#[diagnostic::do_not_recommend]
        impl ParametersFor<$family> for $group {
            fn into_parameters(self) -> Input<Id<CacheParameterGroup>> {
                self.into_input()
            }
        })+)+
    };
}

parameters! {
    Redis7: &Handle<CacheParameterGroup, Redis7>, &Handle<CacheParameterGroup>, Id<CacheParameterGroup>;
    Valkey7: &Handle<CacheParameterGroup, Valkey7>, &Handle<CacheParameterGroup>, Id<CacheParameterGroup>;
    Valkey8: &Handle<CacheParameterGroup, Valkey8>, &Handle<CacheParameterGroup>, Id<CacheParameterGroup>;
    Valkey9: &Handle<CacheParameterGroup, Valkey9>, &Handle<CacheParameterGroup>, Id<CacheParameterGroup>;
    (): &Handle<CacheParameterGroup, Redis7>, &Handle<CacheParameterGroup, Valkey7>, &Handle<CacheParameterGroup, Valkey8>,
        &Handle<CacheParameterGroup, Valkey9>, &Handle<CacheParameterGroup>, Id<CacheParameterGroup>;
}
