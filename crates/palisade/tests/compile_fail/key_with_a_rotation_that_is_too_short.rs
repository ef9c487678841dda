//! A key is rotated every 90 to 2560 days.
//!
//! Rules: KmsKey/rotation

use palisade::prelude::*;

fn main() {
    println!("{}", rotation_days!(30));
}
