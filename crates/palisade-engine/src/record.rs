//! [`Record`]: a change of the state, and [`State::apply`]: what it does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use palisade_core::{
    Address, JsonMap,
    provider::{Observation, Token},
};
use serde::{Deserialize, Serialize};

use crate::{Entry, ObjectState, Phase, State, Took};

/// A change, with its place among all changes of the stack.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The serial of the state that the change leads to.
    pub serial: u64,
    /// The change.
    pub change: Change,
}

/// All that a step changes of a state. The journal holds nothing else.
///
/// A field that this version does not know is an error: a change that is made without it leads to another state.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Change {
    /// A creation begins: the object may exist from now on.
    Begun {
        /// The resource.
        address: Address,
        /// Whether the earlier object is deposed by it. If not, the plan did not see that one, and it becomes `missed`. An unsettled
        /// creation is deposed, unless this is another attempt at it.
        keep_old: bool,
        /// What the creation is recognised by.
        token: Token,
        /// The inputs of the object.
        inputs: JsonMap,
        /// The resources that the object will refer to.
        depends_on: BTreeSet<Address>,
        /// Those of `depends_on` that may be deleted first.
        released: BTreeSet<Address>,
        /// The values by which the object is deleted that is deposed by it: see [`Change::Deleting`].
        #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
        at_deletion: JsonMap,
    },
    /// The object of a creation that had begun exists.
    Created {
        /// The resource.
        address: Address,
        /// The id of the object.
        id: String,
    },
    /// A creation that has deposed an object has had no effect, and that object is the current one again.
    Abandoned {
        /// The resource.
        address: Address,
    },
    /// An update begins: the object may get these inputs from now on.
    Attempted {
        /// The resource.
        address: Address,
        /// The inputs.
        inputs: JsonMap,
        /// The resources that it may refer to from now on.
        depends_on: BTreeSet<Address>,
        /// Those of `depends_on` that may be deleted first.
        released: BTreeSet<Address>,
    },
    /// A deletion begins: from now on, the object may lose what it has.
    Deleting {
        /// The resource.
        address: Address,
        /// The digest of the object's token, if it is not the current one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deposed: Option<String>,
        /// The values of the fields that count only at the deletion, where the program says them of an object that it replaces.
        #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
        at_deletion: JsonMap,
    },
    /// The object refers to other resources than before, by the same values.
    Related {
        /// The resource.
        address: Address,
        /// The resources that it may refer to from now on.
        depends_on: BTreeSet<Address>,
        /// Those of `depends_on` that may be deleted first.
        released: BTreeSet<Address>,
    },
    /// The object has been brought to its inputs.
    Ready {
        /// The resource.
        address: Address,
        /// The inputs.
        inputs: JsonMap,
        /// The resources that the object refers to.
        depends_on: BTreeSet<Address>,
        /// Those of `depends_on` that may be deleted first.
        released: BTreeSet<Address>,
        /// What the object is then.
        observed: Observation,
        /// How long the step took; absent where it only went on with an interrupted one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        took: Option<Took>,
    },
    /// An object does not exist any more. If it was never made, the one that was missed is the current one again.
    Deleted {
        /// The resource.
        address: Address,
        /// The digest of the object's token, if it is not the current one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deposed: Option<String>,
        /// How long the step took; absent where there turned out to be nothing to delete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        took: Option<Took>,
    },
    /// The losses of data that somebody has consented to are these, and no others.
    Consented {
        /// By resource, the digest of the token of the object.
        consents: BTreeMap<Address, String>,
    },
    /// The outputs of the stack are known.
    Outputs {
        /// All of them.
        outputs: JsonMap,
    },
}

impl State {
    /// Makes a change. This is the one way by which a run changes its state, and by which the journal is read, so what is
    /// read back is what was in memory.
    ///
    /// A change of an object that is not there changes nothing but the serial.
    pub fn apply(&mut self, change: &Change) {
        self.serial += 1;
        match change {
            Change::Begun { address, keep_old, token, inputs, depends_on, released, at_deletion } => {
                let entry = self.resources.entry(address.clone()).or_default();
                let old = entry.current.take();
                let missed = match &old {
                    Some(old) if old.is_unsettled() => old.missed.clone(),
                    Some(old) if !keep_old => Some(Box::new(old.clone())),
                    _ => None,
                };
                let object = ObjectState {
                    id: None,
                    phase: Phase::Creating,
                    token: token.clone(),
                    inputs: inputs.clone(),
                    attempted: None,
                    is_being_deleted: false,
                    observed: None,
                    depends_on: depends_on.clone(),
                    released: released.clone(),
                    missed,
                };
                entry.current = Some(object);
                if let Some(mut old) = old.filter(|_| *keep_old) {
                    old.settle_deletion(at_deletion);
                    entry.deposed.push(old);
                }
            }
            Change::Created { address, id } => {
                if let Some(object) = self.current_mut(address) {
                    object.id = Some(id.clone());
                    object.phase = Phase::Created;
                    object.missed = None;
                }
            }
            Change::Abandoned { address } => self.change_entry(address, |entry| entry.current = entry.deposed.pop()),
            Change::Attempted { address, inputs, depends_on, released } => {
                if let Some(object) = self.current_mut(address) {
                    object.attempted = Some(inputs.clone());
                    object.depends_on.clone_from(depends_on);
                    object.released.clone_from(released);
                }
            }
            Change::Deleting { address, deposed, at_deletion } => {
                if let Some(object) = self.object_mut(address, deposed.as_deref()) {
                    object.settle_deletion(at_deletion);
                    object.is_being_deleted = true;
                }
            }
            Change::Related { address, depends_on, released } => {
                if let Some(object) = self.current_mut(address) {
                    object.depends_on.clone_from(depends_on);
                    object.released.clone_from(released);
                }
            }
            Change::Ready { address, inputs, depends_on, released, observed, took } => {
                if let Some(object) = self.current_mut(address) {
                    object.phase = Phase::Ready;
                    object.inputs.clone_from(inputs);
                    object.attempted = None;
                    object.is_being_deleted = false;
                    object.depends_on.clone_from(depends_on);
                    object.released.clone_from(released);
                    object.observed = Some(Arc::new(observed.clone()));
                }
                self.learn(address, *took);
            }
            Change::Deleted { address, deposed, took } => {
                let missed = self.missed(address).cloned();
                self.change_entry(address, |entry| match deposed {
                    None => entry.current = missed,
                    Some(token) => entry.deposed.retain(|object| object.token.digest != *token),
                });
                self.learn(address, *took);
            }
            Change::Consented { consents } => self.consents.clone_from(consents),
            Change::Outputs { outputs } => self.outputs.clone_from(outputs),
        }
    }

    pub(crate) fn current_mut(&mut self, address: &Address) -> Option<&mut ObjectState> {
        self.resources.get_mut(address)?.current.as_mut()
    }

    /// The object of the resource that has this token, or the current one if none is named.
    fn object_mut(&mut self, address: &Address, deposed: Option<&str>) -> Option<&mut ObjectState> {
        let Some(token) = deposed else { return self.current_mut(address) };
        self.resources.get_mut(address)?.deposed.iter_mut().find(|object| object.token.digest == token)
    }

    /// Changes the objects of a resource, and forgets it if none is left.
    pub(crate) fn change_entry(&mut self, address: &Address, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.resources.get_mut(address) else { return };
        change(entry);
        if entry.objects().next().is_none() {
            self.resources.remove(address);
        }
    }

    fn learn(&mut self, address: &Address, took: Option<Took>) {
        if let Some(took) = took {
            self.durations.entry(address.kind().to_owned()).or_default().learn(took);
        }
    }
}
