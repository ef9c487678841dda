//! What becomes of an object when its program leaves out a field that it had set: each optional field of each resource, generated from
//! the schemas and judged by the account.

use std::collections::BTreeMap;

use palisade_core::{Address, FieldSchema, Graph, Json, Schema, Value};
use palisade_testing::Rehearsal;

use crate::schema_changes::cases::{declare, fields, named};

#[test]
fn a_field_that_is_left_out_keeps_its_value_where_aws_chooses_one_and_gets_its_default_otherwise() {
    let (mut kept, mut failures) = (Vec::new(), Vec::new());
    for (schema, name) in fields() {
        let field = schema.field(name).unwrap();
        let Some(default) = field.default else { continue };
        let left_out = LeftOut { schema, field, default: default() };
        if let Err(failure) = left_out.try_it() {
            failures.push(format!("{}.{name}: {failure}", schema.kind));
        }
        if field.chosen.is_some() {
            kept.push(format!("{}.{name}", schema.kind));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(kept, ["ReplicationGroup.snapshot_window", "ReplicationGroup.maintenance_window"]);
}

/// A field that is to be left out.
struct LeftOut {
    schema: &'static Schema,
    field: &'static FieldSchema,
    default: Json,
}

impl LeftOut {
    fn try_it(&self) -> Result<(), String> {
        let [set, left_out] = self.programs()?;
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.try_apply(&set).unwrap();
        let before = self.account(&rehearsal);

        let plan = rehearsal.try_plan(&left_out).unwrap();
        let step = plan.step(&self.it()).unwrap();
        let planned = step.changes.iter().find(|change| change.field == self.field.name);
        match (self.field.chosen, planned) {
            (Some(_), None) if step.is_idle() => {}
            (None, Some(change)) if change.after == Some(Value::Json(self.default.clone())) => {}
            _ => return Err(format!("the plan says {step:?}")),
        }

        let report = rehearsal.try_apply(&left_out).unwrap();
        let again = rehearsal.try_plan(&left_out).unwrap();
        if !report.is_complete() || again.has_changes() || !again.drift.is_empty() {
            return Err(format!("after the apply: {:?} {:?} {:?}", report.failures, again.steps, again.drift));
        }
        let after = self.account(&rehearsal);
        let expected = match self.field.chosen {
            Some(_) => before,
            None => {
                let mut fresh = Rehearsal::new().without_rules();
                fresh.try_apply(&left_out).unwrap();
                self.account(&fresh)
            }
        };
        if after == expected { Ok(()) } else { Err(format!("it becomes {after}, not {expected}")) }
    }

    /// A program that sets the field, and the same one without it.
    fn programs(&self) -> Result<[Graph; 2], String> {
        let program = |field: &str| palisade_testing::graph(|stack| declare(stack, self.schema.kind, field));
        let sets = |program: &Graph| {
            let value = &program.node(&self.it()).unwrap().fields[self.field.name];
            *value != Value::Json(self.default.clone())
        };
        let name = self.field.name;
        let programs = match sets(&program("")) {
            true => [program(""), program(&format!("-{name}"))],
            false => [program(name), program("")],
        };
        let [set, left_out] = programs.each_ref().map(sets);
        if set && !left_out { Ok(programs) } else { Err("there is no case for it".to_owned()) }
    }

    fn it(&self) -> Address {
        Address::new(self.schema.kind, "it")
    }

    /// What the account has of the object, with the addresses of other objects for their ids. Where no description has the tags, it is
    /// whether the account has those of the base program anywhere.
    fn account(&self, rehearsal: &Rehearsal) -> Json {
        let mut names = BTreeMap::new();
        for (address, entry) in rehearsal.state().resources {
            names.insert(entry.current.unwrap().id.unwrap(), address.to_string());
        }
        let id = names.iter().find(|(_, address)| **address == self.it().to_string()).map(|(id, _)| id.clone());
        let read = rehearsal.read(self.schema.kind, &id.map(|id| vec![id]).unwrap()).pop().flatten().unwrap();
        let mut fields = read.fields;
        if !fields.contains_key("tags") {
            let are_of_base = rehearsal.emulator().contents().to_string().contains("platform");
            fields.insert("tags".to_owned(), are_of_base.into());
        }
        named(fields.into(), &names)
    }
}
