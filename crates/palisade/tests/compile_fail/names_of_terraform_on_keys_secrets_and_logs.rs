//! What is encrypted stays readable for those who may read it, and for nobody else.

use palisade::prelude::*;

fn main() {
    let _ = KmsKey::builder().enable_key_rotation(false).is_enabled(false).multi_region(true);
    let _ = Secret::builder().secret_string("correct-horse-battery-staple").recovery_window_in_days(0).rotation("30 days");
    let _ = LogGroup::builder().retention_in_days(30);
}
