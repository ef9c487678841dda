//! `cargo run -- plan`, `cargo run -- apply`, `cargo run -- destroy`.

fn main() -> std::process::ExitCode {
    palisade::run("secured-redis", secured_redis::stack)
}
