//! [`Objects`]: all objects of an account with all their attributes, as our own live backend reads them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use palisade_core::{Json, JsonMap, provider::Observation};

use crate::{
    account::{Account, ministack},
    life::rehearsal_at,
};

/// The objects of an account by what tells them apart, which is the same in every account, unlike an id. Ids of objects are
/// such names too wherever one object has that of another. Our own tags, which say whose an object is, are none of it.
#[derive(Debug)]
pub(crate) struct Objects(pub(crate) BTreeMap<String, Json>);

impl Objects {
    /// Reads the account.
    pub(crate) fn of(account: &Account) -> Self {
        let rehearsal = rehearsal_at(ministack(), account, Duration::from_secs(30));
        let mut found = Vec::new();
        for (kind, ids) in account.ids() {
            let observations = rehearsal.read(kind, &ids);
            found.extend(ids.into_iter().zip(observations).filter_map(|(id, seen)| Some((kind, id, seen?))));
        }
        let mut names = names(&found);
        // Its number, which is a part of each ARN.
        names.push((account.access_key.clone(), "ACCOUNT".to_owned()));
        let mut objects = BTreeMap::new();
        for (kind, id, seen) in &found {
            let seen = serde_json::json!({ "fields": seen.fields, "attributes": seen.attributes });
            let name = format!("{kind} {}", named(id, &names));
            let object = serde_json::from_str(&named(&seen.to_string(), &names)).unwrap();
            assert_eq!(objects.insert(name.clone(), object), None, "two objects have the name {name}");
        }
        Self(objects)
    }

    /// Each difference: the object, the field, and both values.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let all: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        for name in all {
            match (self.0.get(name), other.0.get(name)) {
                (Some(one), Some(two)) => compare(name, one, two, &mut differences),
                (Some(_), None) => differences.push(format!("{name}: only there")),
                _ => differences.push(format!("{name}: only here")),
            }
        }
        differences
    }
}

fn compare(place: &str, one: &Json, two: &Json, differences: &mut Vec<String>) {
    match (one, two) {
        (Json::Object(one), Json::Object(two)) => {
            let keys: BTreeSet<_> = one.keys().chain(two.keys()).collect();
            let of = |object: &JsonMap, key: &str| object.get(key).cloned().unwrap_or_else(|| "not told".into());
            for key in keys {
                compare(&format!("{place}.{key}"), &of(one, key), &of(two, key), differences);
            }
        }
        // Names are in another order than ids. Nothing that is read here has an order of its own.
        (Json::Array(one), Json::Array(two)) if sorted(one) == sorted(two) => {}
        _ if one == two => {}
        _ => differences.push(format!("{place}: {one} there, {two} here")),
    }
}

fn sorted(items: &[Json]) -> Vec<String> {
    let mut texts: Vec<_> = items.iter().map(Json::to_string).collect();
    texts.sort();
    texts
}

/// A name for each id. It may have the ids of other objects in it.
fn names(found: &[(&str, String, Observation)]) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for (kind, id, seen) in found {
        let text = |field: &str| seen.fields.get(field).and_then(Json::as_str).unwrap_or_default();
        let name = match *kind {
            "Vpc" | "Subnet" => text("cidr_block").to_owned(),
            "RouteTable" => {
                let is_main = |(_, _, vpc): &&(&str, String, Observation)| {
                    vpc.attributes.get("main_route_table_id") == Some(&Json::from(id.as_str()))
                };
                let which = if found.iter().any(|vpc| is_main(&vpc)) { "main" } else { "other" };
                format!("{which} of {}", text("vpc_id"))
            }
            "SecurityGroup" => format!("{} of {}", text("group_name"), text("vpc_id")),
            "SecurityGroupRule" => {
                format!("{} of {}: {}", text("direction"), text("security_group_id"), text("description"))
            }
            "Secret" => text("name").to_owned(),
            "KmsKey" => {
                // It is the end of the ARN, which is the id here.
                let key_id = id.rsplit('/').next().unwrap_or(id);
                names.push((key_id.to_owned(), format!("key of {}", text("alias"))));
                text("alias").to_owned()
            }
            "FlowLog" => text("vpc_id").to_owned(),
            "NetworkAcl" => {
                // Only the one that comes with the VPC lets everything pass.
                let is_own = seen.fields["other_entries"] == Json::Array(Vec::new());
                format!("{} of {}", if is_own { "own" } else { "default" }, text("vpc_id"))
            }
            // The user chooses the id, or it is that of another object.
            _ => continue,
        };
        names.push((id.clone(), format!("{kind}({name})")));
    }
    // An id can begin another.
    names.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
    names
}

/// The text with names for ids. Names have ids of objects that contain them, which are three levels at most.
fn named(text: &str, names: &[(String, String)]) -> String {
    let once = |text: String| names.iter().fold(text, |text, (id, name)| text.replace(id.as_str(), name));
    (0..3).fold(text.to_owned(), |text, _| once(text))
}
