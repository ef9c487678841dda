use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let window = maintenance_window!("sun:05:00-sun:05:30");
    println!("{window} {stack:?}");
}
