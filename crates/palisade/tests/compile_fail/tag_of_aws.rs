//! The tags that begin with `aws:` are AWS's own.

use palisade::prelude::*;

fn main() {
    println!("{:?}", tags! { "aws:owner" = "me" });
}
