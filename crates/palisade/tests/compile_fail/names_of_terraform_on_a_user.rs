//! How a user logs in is said where it begins.

use palisade::prelude::*;

fn main() {
    let _ = RedisUser::iam(name!("app"))
        .user_name("application")
        .passwords(["correct-horse-battery-staple"])
        .no_password_required(true)
        .authentication_mode("password");
}
