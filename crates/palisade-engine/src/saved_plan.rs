//! [`SavedPlan`]: a plan that is kept, to be carried out later as it is.

use std::collections::{BTreeMap, HashSet};

use palisade_core::{Address, Graph, Value, provider::Provider};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Plan, PlanError, State, digest::sha256, planner::planned, rest::Rest};

/// What the text of a saved plan calls itself.
const DOCUMENT: &str = "palisade plan";

/// The format that this version writes, and the latest that it reads. The first had no accepted risks, and the second no region and no
/// losses of data: a program that does not know the third would apply such a plan in another region, and without showing them.
const FORMAT: u64 = 3;

/// A plan with what it was made of, as a text that can be kept. No secret is in it: a plan holds references to secrets.
///
/// It does not grow stale when the state is written, or when anything changes that it does not touch; see
/// [`SavedPlan::rest`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SavedPlan {
    /// Where the plan comes from.
    pub origin: Origin,
    /// The plan.
    pub plan: Plan,
    /// What the program declared of the resources that the plan creates, updates or replaces. The plan itself has of an
    /// update only what differs.
    declared: BTreeMap<Address, BTreeMap<String, Value>>,
}

/// Where a saved plan comes from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Origin {
    /// The lineage of the state; `None` if there was no state.
    pub lineage: Option<String>,
    /// The account that the plan is for, as the state has it.
    pub account: String,
    /// The region that the plan is for; `None` where the cloud has none, and in the first two formats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// When the plan was made, by the caller's clock: seconds since 1970, in UTC.
    pub made_at: u64,
    /// Whether it is the plan of a destroy, which is made of [`Graph::empty`], whatever the program declares.
    pub is_destroy: bool,
}

/// What is left to do of a saved plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Remaining {
    /// The plan to carry out. It holds only steps of the saved plan: what else differs by now has no step in it.
    pub plan: Plan,
    /// The resources whose step is done already, as by an apply of the same plan that was interrupted.
    pub done: Vec<Address>,
    /// The resources that a new plan would change, and that this one leaves alone.
    pub left_alone: Vec<Address>,
}

/// Why a text is no saved plan. The messages are fragments that fit "the file {text}".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PlanFormatError {
    /// There is no text.
    #[error("is empty")]
    Empty,
    /// The text is something else.
    #[error("is not a saved plan")]
    NotAPlan,
    /// The text is not what was written.
    #[error("is damaged: {0}")]
    Corrupt(String),
    /// A later version of Palisade wrote it.
    #[error("is a plan of the format {found}, and this program reads the formats up to {known}")]
    Newer {
        /// The format of the text.
        found: u64,
        /// The latest format that this version knows.
        known: u64,
    },
}

/// Why a saved plan cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// It is the plan of another stack.
    #[error("the plan is for the stack `{found}`, and this is the stack `{expected}`")]
    OtherStack {
        /// The stack of the plan.
        found: String,
        /// The stack of the program.
        expected: String,
    },
    /// It is the plan for another region.
    #[error("the plan is for the region {found}, and this command works in {expected}")]
    OtherRegion {
        /// The region of the plan.
        found: String,
        /// The region at hand.
        expected: String,
    },
    /// It is the plan of another account.
    #[error("the plan is for the account `{found}`, and this is `{expected}`")]
    OtherAccount {
        /// The account of the plan.
        found: String,
        /// The account at hand.
        expected: String,
    },
    /// It was made of a state of another lineage: the stack was made anew, or the state is of another folder.
    #[error("the plan was made of another state: that had the lineage {found}, and this one has {expected}")]
    OtherLineage {
        /// The lineage that the plan was made of.
        found: String,
        /// The lineage of the state.
        expected: String,
    },
    /// What the plan touches is not what it was.
    #[error("the plan is stale: what it touches has changed since it was made")]
    Stale(Vec<StaleItem>),
    /// There is no fresh plan to hold it against.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// Something that a saved plan touches, and that has changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what}{}: the plan saw {saw}, and now there is {now}", field.as_ref().map(|field| format!(", `{field}`")).unwrap_or_default())]
pub struct StaleItem {
    /// The address of the resource, or "the output `name`".
    pub what: String,
    /// The field, where it is one that differs.
    pub field: Option<String>,
    /// What was there when the plan was made.
    pub saw: String,
    /// What is there now.
    pub now: String,
}

/// The text, once its format is known.
#[derive(Deserialize)]
struct Document<'a> {
    checksum: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// All that every format says at the same place.
#[derive(Deserialize)]
struct Head {
    document: String,
    format: u64,
}

impl SavedPlan {
    /// Keeps `plan`, which was made of `graph`.
    pub fn new(plan: Plan, graph: &Graph, origin: Origin) -> Self {
        let made = plan.steps.iter().filter(|step| step.action.makes());
        let declared = made.filter_map(|step| {
            let fields = &graph.node(&step.address)?.fields;
            Some((
                step.address.clone(),
                fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            ))
        });
        Self { origin, declared: declared.collect(), plan }
    }

    /// The plan as the text that [`SavedPlan::decode`] reads.
    pub fn encode(&self) -> String {
        let content = serde_json::to_string(self).expect("a plan has text keys only, so there is JSON for it");
        let checksum = sha256(&content);
        format!(
            "{{\"document\":\"{DOCUMENT}\",\"format\":{FORMAT},\"checksum\":\"{checksum}\",\"content\":{content}}}\n"
        )
    }

    /// The plan that a text holds. The risks in it are dropped: only the program says which risks are accepted.
    ///
    /// # Errors
    /// [`PlanFormatError`] if [`SavedPlan::encode`] of this or an earlier version did not write the text, or if it was
    /// changed since.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlanFormatError> {
        if bytes.is_empty() {
            return Err(PlanFormatError::Empty);
        }
        let corrupt = |error: serde_json::Error| PlanFormatError::Corrupt(error.to_string());
        // What begins as a plan, and is not whole, is a plan that was cut off.
        let begins_as_plan = bytes.starts_with(format!("{{\"document\":\"{DOCUMENT}\"").as_bytes());
        let head: Head = serde_json::from_slice(bytes)
            .map_err(|error| if begins_as_plan { corrupt(error) } else { PlanFormatError::NotAPlan })?;
        if head.document != DOCUMENT {
            return Err(PlanFormatError::NotAPlan);
        }
        match head.format {
            0 => return Err(PlanFormatError::Corrupt("it does not say which format it has".to_owned())),
            1..=FORMAT => {}
            found => return Err(PlanFormatError::Newer { found, known: FORMAT }),
        }
        let document: Document<'_> = serde_json::from_slice(bytes).map_err(corrupt)?;
        if document.checksum != sha256(document.content.get()) {
            let detail = "its checksum is wrong, so it was edited by hand, or damaged";
            return Err(PlanFormatError::Corrupt(detail.to_owned()));
        }
        let mut saved: Self = serde_json::from_str(document.content.get()).map_err(corrupt)?;
        saved.plan.accepted_risks.clear();
        Ok(saved)
    }

    /// What the program declared of a resource that the plan creates, updates or replaces.
    pub(crate) fn declared(&self, address: &Address) -> Option<&BTreeMap<String, Value>> {
        self.declared.get(address)
    }

    /// Reads the account, and finds out what is left to do of the plan. `graph` is the program's as it is now, or
    /// [`Graph::empty`] for the plan of a destroy. Nothing is changed, and nothing is written.
    ///
    /// A step is carried out only if it is the one that a new plan would have: the same object, the same values before and
    /// after, the same declaration. A step is left out as done if there is already what it would lead to. So a plan whose
    /// apply was interrupted can be applied again, and it does not matter whether this apply or another one did the part
    /// that is done. A resource that the saved plan does not change is left alone, whatever became of it, except that one
    /// with another name in the program gets its new address in the state, as at every apply.
    ///
    /// # Errors
    /// [`SavedPlanError`] if the plan is of another stack, region, account or lineage; if what it touches is not what it was, each
    /// such thing with what the plan saw and what is there now; if no new plan can be made; or if a value that what is left to do needs
    /// is missing, or does not fit.
    pub async fn rest(
        &self,
        provider: &dyn Provider,
        graph: &Graph,
        state: &State,
    ) -> Result<Remaining, SavedPlanError> {
        self.check_origin(provider.region(), graph, state)?;
        // What the plan has replaced, it does not replace again.
        let id = |address| self.plan.step(address).and_then(|step| step.id.clone());
        let replace = self.plan.replace.iter().filter_map(|address| Some((address.clone(), Some(id(address)?))));
        let mut fresh = planned(provider, graph, state, replace.collect()).await?;
        let rest = Rest::new(self, graph, &fresh.plan, &fresh.state).find().map_err(SavedPlanError::Stale)?;
        let is_left_alone = |address: &&Address| !rest.steps.contains(*address);
        let changed = fresh.plan.steps.iter().filter(|step| !step.is_idle()).map(|step| &step.address);
        let left_alone = changed.filter(is_left_alone).cloned().collect();
        let done = rest.done.into_iter().cloned().collect();
        let steps: HashSet<Address> = rest.steps.into_iter().cloned().collect();
        let outputs: HashSet<String> = rest.outputs.into_iter().map(str::to_owned).collect();
        let plan = &mut fresh.plan;
        plan.steps.retain(|step| steps.contains(&step.address));
        plan.outputs.retain(|output| outputs.contains(&output.name));
        plan.drift.retain(|drift| steps.contains(&drift.address));
        fresh.check_supplied(provider, graph)?;
        Ok(Remaining { plan: fresh.plan, done, left_alone })
    }

    fn check_origin(&self, region: Option<&str>, graph: &Graph, state: &State) -> Result<(), SavedPlanError> {
        if self.plan.stack != graph.name() {
            let (found, expected) = (self.plan.stack.clone(), graph.name().to_owned());
            return Err(SavedPlanError::OtherStack { found, expected });
        }
        if let Some((found, expected)) = self.origin.region.as_deref().zip(region)
            && found != expected
        {
            let (found, expected) = (found.to_owned(), expected.to_owned());
            return Err(SavedPlanError::OtherRegion { found, expected });
        }
        match &state.account {
            Some(account) if *account != self.origin.account => {
                let (found, expected) = (self.origin.account.clone(), account.clone());
                return Err(SavedPlanError::OtherAccount { found, expected });
            }
            _ => {}
        }
        match &self.origin.lineage {
            Some(lineage) if *lineage != state.lineage => {
                let (found, expected) = (lineage.clone(), state.lineage.clone());
                Err(SavedPlanError::OtherLineage { found, expected })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use palisade_core::Reason;

    use super::*;
    use crate::PlannedRisk;

    fn saved() -> SavedPlan {
        let risk = PlannedRisk {
            address: "Cache.main".parse().unwrap(),
            rule: "replica".to_owned(),
            reason: Reason::literal("it holds copies only"),
            file: "src/lib.rs".to_owned(),
            line: 7,
            column: 5,
        };
        let plan = Plan { stack: "shop".to_owned(), accepted_risks: vec![risk], ..Plan::default() };
        let (lineage, account, region) = (Some("00ff".to_owned()), "emulated".to_owned(), Some("moon-1".to_owned()));
        SavedPlan::new(plan, &Graph::empty("shop"), Origin { lineage, account, region, made_at: 1, is_destroy: true })
    }

    fn without_risks(mut saved: SavedPlan) -> SavedPlan {
        saved.plan.accepted_risks.clear();
        saved
    }

    #[test]
    fn what_is_encoded_is_decoded_but_for_the_risks() {
        assert_eq!(SavedPlan::decode(saved().encode().as_bytes()), Ok(without_risks(saved())));
        insta::assert_snapshot!(saved().encode(), @r#"{"document":"palisade plan","format":3,"checksum":"3715973179b961e26a69ce05f39d32f5d69120f6ef64d291f6e2d65afc2027bf","content":{"origin":{"lineage":"00ff","account":"emulated","region":"moon-1","made_at":1,"is_destroy":true},"plan":{"stack":"shop","steps":[],"outputs":[],"drift":[],"accepted_risks":[{"address":"Cache.main","rule":"replica","reason":"it holds copies only","file":"src/lib.rs","line":7,"column":5}]},"declared":{}}}"#);
    }

    #[test]
    fn the_first_format_is_read_and_has_no_region() {
        let first = r#"{"document":"palisade plan","format":1,"checksum":"9b947878e530494610e71b01378deb8a3b9e1ea51ecde5d93123cdca183c2e0f","content":{"origin":{"lineage":"00ff","account":"emulated","made_at":1,"is_destroy":true},"plan":{"stack":"shop","steps":[],"outputs":[],"drift":[]},"declared":{}}}"#;
        let mut expected = without_risks(saved());
        expected.origin.region = None;
        assert_eq!(SavedPlan::decode(first.as_bytes()), Ok(expected));
    }

    #[test]
    fn a_reason_in_a_file_is_held_to_what_a_reason_in_a_program_is() {
        let (content, broken) = (serde_json::to_string(&saved()).unwrap(), r"it holds\u001b[31m copies");
        let content = content.replace("it holds copies only", broken);
        let checksum = sha256(&content);
        let text = format!(
            "{{\"document\":\"{DOCUMENT}\",\"format\":{FORMAT},\"checksum\":\"{checksum}\",\"content\":{content}}}\n"
        );
        let Err(PlanFormatError::Corrupt(detail)) = SavedPlan::decode(text.as_bytes()) else { panic!("accepted") };
        assert!(detail.contains("write the reason on one line"), "{detail}");
    }

    #[test]
    fn a_torn_text_is_refused_at_every_length() {
        let whole = saved().encode();
        assert_eq!(SavedPlan::decode(b""), Err(PlanFormatError::Empty));
        for length in 1..whole.trim_end().len() {
            let refused = SavedPlan::decode(&whole.as_bytes()[..length]);
            assert!(
                matches!(refused, Err(PlanFormatError::Corrupt(_) | PlanFormatError::NotAPlan)),
                "{length}: {refused:?}"
            );
        }
    }

    #[test]
    fn an_edit_by_hand_is_noticed() {
        let edited = saved().encode().replace("emulated", "elsewhere");
        let Err(PlanFormatError::Corrupt(detail)) = SavedPlan::decode(edited.as_bytes()) else { panic!("accepted") };
        assert!(detail.contains("edited by hand, or damaged"), "{detail}");
    }

    #[test]
    fn a_later_format_is_refused_before_anything_else_is_looked_at() {
        let later = SavedPlan::decode(br#"{"document": "palisade plan", "format": 4, "content": []}"#);
        assert_eq!(later, Err(PlanFormatError::Newer { found: 4, known: 3 }));
        let none = SavedPlan::decode(br#"{"document": "palisade plan", "format": 0}"#);
        assert!(matches!(none, Err(PlanFormatError::Corrupt(_))), "{none:?}");
    }

    #[test]
    fn another_document_is_no_plan() {
        let others: [&[u8]; 5] = [
            b"PK\x03\x04",
            b"{}",
            b"[1]",
            br#"{"format":1,"checksum":"","state":{}}"#,
            br#"{"stack":"shop","steps":[]}"#,
        ];
        for other in others {
            assert_eq!(SavedPlan::decode(other), Err(PlanFormatError::NotAPlan));
        }
    }
}
