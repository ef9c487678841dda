//! The user `default` of the account is in no group.
//!
//! Rules: RedisUser/authenticated

use palisade::prelude::*;

fn main() {
    println!("{}", id!(RedisUser, "default"));
}
