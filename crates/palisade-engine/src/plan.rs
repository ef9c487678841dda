//! [`Plan`]: what an apply will do, as data.

use palisade_core::{AcceptedRisk, Address, Json, Reason, Value};
use serde::{Deserialize, Deserializer, Serialize};

use std::collections::BTreeSet;

use crate::{Blocked, Loss, State, contested::items, state::is_false};

/// What an apply will do, and why. It is data: it can be shown, serialised and compared.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Plan {
    /// The stack that the plan is for.
    pub stack: String,
    /// One step for each resource of the program or the state, those that do nothing included: first the resources of the
    /// program, each after all that it refers to, then the ones that go, each before all that it refers to.
    pub steps: Vec<Step>,
    /// What becomes of the outputs.
    pub outputs: Vec<OutputChange>,
    /// What was changed by others since the last apply.
    pub drift: Vec<Drift>,
    /// The risks that the program accepts, in the order of the program. They explain, and decide nothing. A saved plan gets those
    /// of the program that reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted_risks: Vec<PlannedRisk>,
    /// Whether it deletes objects, and leaves the stack without any. That is what a destroy is for: a program that declares
    /// nothing is more often a mistake.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deletes_everything: bool,
    /// The resources whose replacement was asked for, whether they differ from the program or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replace: BTreeSet<Address>,
}

/// A risk that the program accepted when the plan was made.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PlannedRisk {
    /// The resource.
    pub address: Address,
    /// The name of the rule that it breaks.
    pub rule: String,
    /// Why.
    pub reason: Reason,
    /// The file in which the program accepts it.
    pub file: String,
    /// The line in the file, from 1.
    pub line: u32,
    /// The column in the line, from 1.
    pub column: u32,
}

/// What happens to one resource.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Step {
    /// The resource.
    pub address: Address,
    /// The address that the resource had in the program at the last apply, where it has another one now.
    #[serde(default)]
    pub moved_from: Option<Address>,
    /// What is done.
    pub action: Action,
    /// The id of the object that exists now, if one does.
    pub id: Option<String>,
    /// Ids of other objects of the resource that an interrupted run left, and that are deleted now. An id is empty where the
    /// creation is unsettled, and no object is seen: the apply looks for one for as long as it may be hidden.
    pub deposed: Vec<String>,
    /// The fields that are set, changed or lost. Of an update and a replacement only those that differ; of a creation
    /// all that are not null or empty; of a deletion all that were not.
    pub changes: Vec<FieldChange>,
    /// How many fields of an update or a replacement stay as they are.
    pub unchanged: usize,
    /// Why, where the fields do not say it, as in "it was deleted outside of this program". It explains, and decides nothing.
    pub reason: Option<String>,
    /// What else there is to know, each in a sentence or two. They explain, and decide nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What becomes of the data of the object, where a finished object that holds data is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// Why nothing is done to the resource, where it is not what the program says. The changes are those that would be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Action {
    /// An object is created.
    Create,
    /// The object is changed in place.
    Update,
    /// The object is deleted, and another one is created in its place.
    Replace(ReplaceOrder),
    /// The object is deleted.
    Delete,
    /// The object is what it should be.
    Nothing,
}

/// In which order an object and its successor live.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum ReplaceOrder {
    /// The successor is created while the object exists.
    CreateFirst,
    /// The object is deleted before its successor is created, as the two cannot exist at a time.
    DeleteFirst,
}

/// A change of one field.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// The value that the object has; `None` where there is no object.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// The value that it will have. A reference in it stands for a value that is known only after the apply; `None`
    /// where there will be no object.
    pub after: Option<Value>,
    /// Whether this change is a reason for the replacement.
    pub forces_replacement: bool,
}

/// A change of an output.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct OutputChange {
    /// The output's name.
    pub name: String,
    /// The value that was kept at the last apply.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// The value after the apply, in which references stand for what is not yet known; `None` if the output goes.
    pub after: Option<Value>,
}

/// A change that was made outside of the program since the last apply.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Drift {
    /// The resource.
    pub address: Address,
    /// The field, or `None` if the object is gone.
    pub field: Option<String>,
    /// What the cloud answered after the last apply.
    pub before: Json,
    /// What it answers now.
    pub after: Json,
}

/// Reads a value that is there. By itself, serde takes a value that is null for none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl From<&AcceptedRisk> for PlannedRisk {
    fn from(risk: &AcceptedRisk) -> Self {
        let AcceptedRisk { address, rule, reason, location } = risk;
        Self {
            address: address.clone(),
            rule: rule.id.to_owned(),
            reason: reason.clone(),
            file: location.file().to_owned(),
            line: location.line(),
            column: location.column(),
        }
    }
}

impl Action {
    /// The sign that plans and graphs show, as Terraform's users know it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace(ReplaceOrder::CreateFirst) => "+/-",
            Self::Replace(ReplaceOrder::DeleteFirst) => "-/+",
            Self::Delete => "-",
            Self::Nothing => " ",
        }
    }

    /// Whether there is an object afterwards that is brought to what the program declares.
    pub(crate) fn makes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Replace(_))
    }
}

impl Step {
    /// Whether there is nothing to do for the resource: it is what the program says, and has its address.
    pub fn is_idle(&self) -> bool {
        self.action == Action::Nothing && self.deposed.is_empty() && self.moved_from.is_none() && self.blocked.is_none()
    }

    /// Whether an object is created.
    pub(crate) fn creates(&self) -> bool {
        matches!(self.action, Action::Create | Action::Replace(_))
    }

    /// Whether an object exists afterwards.
    pub(crate) fn keeps_object(&self) -> bool {
        self.action.makes() || self.action == Action::Nothing && self.id.is_some()
    }

    /// Whether an object is deleted.
    pub(crate) fn deletes(&self) -> bool {
        matches!(self.action, Action::Delete | Action::Replace(_)) || !self.deposed.is_empty()
    }
}

impl Plan {
    /// Whether an apply would change anything: an object, an output, or the address under which the state has a resource.
    ///
    /// A plan that only moves resources changes nothing in the cloud, and yet has changes: an apply records them, and until
    /// then each plan finds them again.
    pub fn has_changes(&self) -> bool {
        self.steps.iter().any(|step| !step.is_idle()) || self.outputs.iter().any(OutputChange::is_change)
    }

    /// Whether an apply does anything. It does nothing about what is blocked, which is a change all the same.
    pub fn does_anything(&self) -> bool {
        self.steps.iter().any(|step| !step.is_idle() && step.blocked.is_none())
            || self.outputs.iter().any(OutputChange::is_change)
    }

    /// How many objects are added, changed in place and destroyed; a replacement counts as one added and one destroyed.
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut counts = (0, 0, 0);
        for step in &self.steps {
            counts.2 += step.deposed.len();
            match step.action {
                Action::Create => counts.0 += 1,
                Action::Update => counts.1 += 1,
                Action::Replace(_) => {
                    counts.0 += 1;
                    counts.2 += 1;
                }
                Action::Delete => counts.2 += 1,
                Action::Nothing => {}
            }
        }
        counts
    }

    /// The kinds of the objects that are created, and of those that are deleted, if `state` may be older than the account: an apply
    /// searches for what it does not know before it begins. None in a stack that no run has used before.
    pub fn searched(&self, state: &State) -> (Vec<&str>, Vec<&str>) {
        let kinds = |is_meant: fn(&Step) -> bool| {
            let meant = self.steps.iter().filter(|step| state.serial > 0 && is_meant(step));
            meant.map(|step| step.address.kind()).collect()
        };
        (kinds(Step::creates), kinds(Step::deletes))
    }

    /// The losses of data, each with the resource.
    pub fn losses(&self) -> impl Iterator<Item = (&Address, &Loss)> {
        self.steps.iter().filter_map(|step| Some((&step.address, step.loss.as_ref()?)))
    }

    /// The step of `address`.
    pub fn step(&self, address: &Address) -> Option<&Step> {
        self.steps.iter().find(|step| step.address == *address)
    }
}

impl FieldChange {
    /// The items of the field that are taken out, as far as is known before the apply.
    pub fn dropped(&self) -> impl Iterator<Item = &Json> {
        let stays = |item: &Json| match &self.after {
            Some(Value::Json(after)) => items(after).contains(item),
            Some(Value::List(after) | Value::Set(after)) => after.iter().any(|after| after.as_json() == Some(item)),
            Some(Value::Map(_) | Value::Reference(_)) | None => false,
        };
        self.before.iter().flat_map(items).filter(move |item| !stays(item))
    }
}

impl OutputChange {
    /// Whether the value differs, or may.
    pub fn is_change(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => after.as_json() != Some(before),
            _ => true,
        }
    }
}
