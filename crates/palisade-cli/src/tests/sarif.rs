//! `posture --format sarif`, held to what SARIF 2.1.0 demands of each object, section by section:
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::collections::BTreeSet;

use palisade_core::{Json, Stack};

use super::{
    fake::thing,
    harness::Desk,
    stacks::{accepted, loud},
};

/// What the standard says of one kind of object, as far as this program writes it: no other property is allowed.
struct Object {
    section: &'static str,
    required: &'static [&'static str],
    properties: &'static [(&'static str, Kind)],
}

/// What the value of a property must be.
enum Kind {
    /// A text that is not empty.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An absolute URI, or one that is relative to the root of the sources.
    Uri,
    /// A number from 1.
    Position,
    /// Texts, each once.
    Tags,
    One(&'static Object),
    Many(&'static Object),
}

const LOG: Object = Object {
    section: "3.13 sarifLog",
    required: &["version", "runs"],
    properties: &[("$schema", Kind::Uri), ("version", Kind::OneOf(&["2.1.0"])), ("runs", Kind::Many(&RUN))],
};

// The results may be absent only where nothing was scanned (3.14.23), so that they are required here.
const RUN: Object = Object {
    section: "3.14 run",
    required: &["tool", "results"],
    properties: &[
        ("tool", Kind::One(&TOOL)),
        ("columnKind", Kind::OneOf(&["utf16CodeUnits", "unicodeCodePoints"])),
        ("results", Kind::Many(&RESULT)),
    ],
};

const TOOL: Object =
    Object { section: "3.18 tool", required: &["driver"], properties: &[("driver", Kind::One(&COMPONENT))] };

const COMPONENT: Object = Object {
    section: "3.19 toolComponent",
    required: &["name"],
    properties: &[("name", Kind::Text), ("rules", Kind::Many(&DESCRIPTOR))],
};

const DESCRIPTOR: Object = Object {
    section: "3.49 reportingDescriptor",
    required: &["id"],
    properties: &[
        ("id", Kind::Text),
        ("shortDescription", Kind::One(&MESSAGE)),
        ("fullDescription", Kind::One(&MESSAGE)),
        ("properties", Kind::One(&BAG)),
    ],
};

const BAG: Object = Object { section: "3.8 property bag", required: &[], properties: &[("tags", Kind::Tags)] };

/// A message may have an id instead of a text, which this program never uses; of a multiformatMessageString, the text is
/// required.
const MESSAGE: Object =
    Object { section: "3.11 message, 3.12", required: &["text"], properties: &[("text", Kind::Text)] };

const RESULT: Object = Object {
    section: "3.27 result",
    required: &["message", "ruleId"],
    properties: &[
        ("ruleId", Kind::Text),
        ("level", Kind::OneOf(&["none", "note", "warning", "error"])),
        ("message", Kind::One(&MESSAGE)),
        ("locations", Kind::Many(&LOCATION)),
        ("suppressions", Kind::Many(&SUPPRESSION)),
    ],
};

const LOCATION: Object = Object {
    section: "3.28 location",
    required: &["physicalLocation"],
    properties: &[("physicalLocation", Kind::One(&PHYSICAL))],
};

const PHYSICAL: Object = Object {
    section: "3.29 physicalLocation",
    required: &["artifactLocation"],
    properties: &[("artifactLocation", Kind::One(&ARTIFACT)), ("region", Kind::One(&REGION))],
};

const ARTIFACT: Object =
    Object { section: "3.4 artifactLocation", required: &["uri"], properties: &[("uri", Kind::Uri)] };

const REGION: Object = Object {
    section: "3.30 region",
    required: &["startLine"],
    properties: &[("startLine", Kind::Position), ("startColumn", Kind::Position)],
};

const SUPPRESSION: Object = Object {
    section: "3.35 suppression",
    required: &["kind"],
    properties: &[
        ("kind", Kind::OneOf(&["inSource", "external"])),
        ("status", Kind::OneOf(&["accepted", "underReview", "rejected"])),
        ("justification", Kind::Text),
    ],
};

/// Where `json` is not what the standard says; empty if it is.
fn problems(json: &Json, object: &Object) -> Vec<String> {
    let Some(fields) = json.as_object() else { return vec![format!("{}: {json} is no object", object.section)] };
    let missing = object.required.iter().filter(|name| !fields.contains_key(**name));
    let mut found: Vec<_> = missing.map(|name| format!("{}: `{name}` is missing", object.section)).collect();
    for (name, value) in fields {
        let Some((_, kind)) = object.properties.iter().find(|(known, _)| known == name) else {
            found.push(format!("{}: `{name}` is not known", object.section));
            continue;
        };
        let wrong = match kind {
            Kind::Text => value.as_str().is_none_or(str::is_empty),
            Kind::OneOf(words) => value.as_str().is_none_or(|text| !words.contains(&text)),
            Kind::Uri => value.as_str().is_none_or(|text| text.is_empty() || text.contains([' ', '\\'])),
            Kind::Position => value.as_u64().is_none_or(|number| number == 0),
            Kind::Tags => value
                .as_array()
                .is_none_or(|tags| tags.iter().filter_map(Json::as_str).collect::<BTreeSet<_>>().len() != tags.len()),
            Kind::One(inner) => {
                found.extend(problems(value, inner));
                false
            }
            Kind::Many(inner) => {
                found.extend(value.as_array().into_iter().flatten().flat_map(|item| problems(item, inner)));
                !value.is_array()
            }
        };
        if wrong {
            found.push(format!("{}: `{name}` cannot be {value}", object.section));
        }
    }
    found
}

fn sarif(declare: fn(&mut Stack)) -> Json {
    let outcome = Desk::new().run_with("posture --format sarif", "", declare);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// An accepted risk, and two findings of a policy, of which one has no place in the program.
fn all_kinds(stack: &mut Stack) {
    accepted(stack);
    stack.add("whistle", thing());
    stack.policy("quiet", |stack| {
        let mut found: Vec<_> = stack.nodes().iter().map(|node| node.finding("a sound", "use a light")).collect();
        found[0].spans.clear();
        found
    });
}

#[test]
fn what_is_written_is_what_the_standard_demands() {
    for declare in [accepted, loud, all_kinds, |_: &mut Stack| {}] {
        let document = sarif(declare);
        assert_eq!(problems(&document, &LOG), [""; 0], "{document:#}");
        let run = &document["runs"][0];
        let rules: Vec<_> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
        for result in run["results"].as_array().unwrap() {
            assert_eq!(rules.iter().filter(|id| ***id == result["ruleId"]).count(), 1, "{result:#}");
        }
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let broken = |pointer: &str, value: Json| {
        let mut document = sarif(accepted);
        *document.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}")) = value;
        problems(&document, &LOG).join("; ")
    };
    let result = "/runs/0/results/0";
    assert_eq!(broken("/version", "2.2".into()), "3.13 sarifLog: `version` cannot be \"2.2\"");
    assert_eq!(broken(&format!("{result}/level"), "fatal".into()), "3.27 result: `level` cannot be \"fatal\"");
    assert_eq!(
        broken(&format!("{result}/message"), Json::Object(Default::default())),
        "3.11 message, 3.12: `text` is missing"
    );
    let place = format!("{result}/locations/0/physicalLocation");
    assert_eq!(broken(&format!("{place}/region/startLine"), 0.into()), "3.30 region: `startLine` cannot be 0");
    assert_eq!(
        broken(&format!("{place}/artifactLocation/uri"), "my stack.rs".into()),
        "3.4 artifactLocation: `uri` cannot be \"my stack.rs\""
    );
    let tags = serde_json::json!(["CIS 3.0 1.2", "CIS 3.0 1.2"]);
    assert!(broken("/runs/0/tool/driver/rules/0/properties/tags", tags).starts_with("3.8 property bag: `tags`"));
    let odd = serde_json::json!({ "kind": "inSource", "why": "" });
    assert_eq!(broken(&format!("{result}/suppressions/0"), odd), "3.35 suppression: `why` is not known");
}
