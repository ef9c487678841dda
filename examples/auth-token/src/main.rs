//! `cargo run -- plan`, `cargo run -- apply`, `cargo run -- destroy`.

fn main() -> std::process::ExitCode {
    palisade::run("auth-token", auth_token::stack)
}
