//! The JSON schema of the state and its journal, which is a document of its own: what is written is held against it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use boon::{Compiler, SchemaIndex, Schemas};
use palisade_core::{
    Address, Json, JsonMap,
    provider::{Observation, Token},
};
use palisade_engine::{Change, Record, StepKind, Took, format};
use serde_json::json;

static SCHEMA: LazyLock<(Schemas, SchemaIndex)> = LazyLock::new(|| {
    let text = include_str!("../../../../docs/state.schema.json");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("state.schema.json", serde_json::from_str(text).unwrap()).unwrap();
    let index = compiler.compile("state.schema.json", &mut schemas).unwrap();
    (schemas, index)
});

/// What the schema has against a line.
fn objection(line: &str) -> Option<String> {
    let (schemas, index) = &*SCHEMA;
    let value: Json = serde_json::from_str(line).unwrap();
    schemas.validate(&value, *index).err().map(|error| format!("{error:#}"))
}

/// Asserts that each line of a snapshot or a journal is what the schema says.
pub(crate) fn assert_valid(text: &str) {
    for line in text.lines() {
        assert_eq!(objection(line), None, "{line}");
    }
}

/// One change of each kind.
fn changes() -> Vec<Change> {
    let address: Address = "Net.main".parse().unwrap();
    let (depends_on, released) = (BTreeSet::from(["User.a".parse().unwrap()]), BTreeSet::new());
    let token = Token { stack: "test".to_owned(), resource: address.to_string(), digest: "0a".repeat(32) };
    let (inputs, took) = (JsonMap::new(), Some(Took { step: StepKind::Update, millis: 1 }));
    let begun = Change::Begun {
        address: address.clone(),
        keep_old: true,
        token: token.clone(),
        inputs: inputs.clone(),
        depends_on: depends_on.clone(),
        released: released.clone(),
        at_deletion: JsonMap::from_iter([("farewell".to_owned(), "later".into())]),
    };
    let mut changes = vec![begun];
    // What comes after each; so a new kind of change does not compile until it is here.
    while let Some(next) = match &changes[changes.len() - 1] {
        Change::Begun { .. } => Some(Change::Created { address: address.clone(), id: "net-1".to_owned() }),
        Change::Created { .. } => Some(Change::Abandoned { address: address.clone() }),
        Change::Abandoned { .. } => Some(Change::Attempted {
            address: address.clone(),
            inputs: inputs.clone(),
            depends_on: depends_on.clone(),
            released: released.clone(),
        }),
        Change::Attempted { .. } => Some(Change::Related {
            address: address.clone(),
            depends_on: depends_on.clone(),
            released: released.clone(),
        }),
        Change::Related { .. } => Some(Change::Ready {
            address: address.clone(),
            inputs: inputs.clone(),
            depends_on: depends_on.clone(),
            released: released.clone(),
            observed: Observation::default(),
            took,
        }),
        Change::Ready { .. } => Some(Change::Deleting {
            address: address.clone(),
            deposed: Some(token.digest.clone()),
            at_deletion: JsonMap::from_iter([("farewell".to_owned(), "later".into())]),
        }),
        Change::Deleting { .. } => {
            Some(Change::Deleted { address: address.clone(), deposed: Some(token.digest.clone()), took })
        }
        Change::Deleted { .. } => {
            Some(Change::Consented { consents: BTreeMap::from([(address.clone(), token.digest.clone())]) })
        }
        Change::Consented { .. } => Some(Change::Outputs { outputs: JsonMap::new() }),
        Change::Outputs { .. } => None,
    } {
        changes.push(next);
    }
    changes
}

#[test]
fn every_change_is_in_the_schema() {
    for (serial, change) in (1..).zip(changes()) {
        assert_valid(&format::entry(&[Record { serial, change }]));
    }
}

#[test]
fn the_schema_knows_all_that_there_is_and_nothing_else() {
    for change in changes() {
        let line = format::entry(&[Record { serial: 1, change }]);
        let entry: Json = serde_json::from_str(&line).unwrap();
        let change = entry["records"][0]["change"].as_object().unwrap();
        let (kind, fields) = change.iter().next().unwrap();
        let with = |kind: &str, fields: &JsonMap| {
            let mut entry = entry.clone();
            entry["records"][0]["change"] = json!({ kind: fields });
            objection(&entry.to_string())
        };
        let fields = fields.as_object().unwrap();
        assert_eq!(with(kind, fields), None);
        assert!(with("Other", fields).is_some());
        let mut more = fields.clone();
        more.insert("other".to_owned(), Json::Null);
        assert!(with(kind, &more).is_some(), "{kind}");
        for field in fields.keys().filter(|field| !matches!(field.as_str(), "took" | "deposed" | "at_deletion")) {
            let mut less = fields.clone();
            less.remove(field);
            assert!(with(kind, &less).is_some(), "{kind} without {field}");
        }
    }
    for line in ["{}", r#"{"format":1,"checksum":"","state":{}}"#, "[]"] {
        assert!(objection(line).is_some(), "{line}");
    }
}
