//! A deleted secret can be restored for 7 to 30 days.

use palisade::prelude::*;

fn main() {
    println!("{}", recovery_days!(3));
}
