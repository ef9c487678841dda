//! `cargo run --package many-objects -- plan`.

fn main() -> std::process::ExitCode {
    palisade::run("many-objects", many_objects::stack)
}
