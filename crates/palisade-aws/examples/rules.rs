//! Prints the rules of safety of all resources as JSON, for `cargo xtask rules`.

use std::io;

use palisade_aws::schemas;
use palisade_core::{Hold, Json, Rule, Schema};
use serde_json::json;

fn main() -> io::Result<()> {
    let rules: Vec<_> = schemas().flat_map(|schema| schema.rules.iter().map(|rule| described(schema, rule))).collect();
    Ok(serde_json::to_writer(io::stdout(), &rules)?)
}

fn described(schema: &Schema, rule: &Rule) -> Json {
    let (level, by) = match rule.hold {
        Hold::Compile(how) => ("compile", how),
        Hold::Declare(how) => ("declare", how),
        Hold::Check(_) => ("check", ""),
        Hold::Risk { path, .. } => ("risk", path),
    };
    let controls: Vec<_> = rule.controls.iter().map(ToString::to_string).collect();
    let Rule { id, title, why, .. } = rule;
    json!({
        "kind": schema.kind, "id": id, "title": title, "why": why, "controls": controls, "level": level, "by": by,
    })
}
