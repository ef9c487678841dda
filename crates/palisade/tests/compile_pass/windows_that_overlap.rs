use palisade::prelude::*;

fn main() {
    let windows = windows!(snapshot: "03:00-04:00", maintenance: "sun:05:00-sun:06:00");
    println!("{windows:?}");
}
