//! [`refresh`]: what the account says of the objects in the state.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::future::try_join_all;
use palisade_core::{
    Address,
    provider::{ErrorKind, Look, Observation, Provider, ProviderError, Turn, Unlimited},
};

use crate::{Entry, ObjectState, Phase, PlanError, State};

/// What each current object is now; `None` for one that is gone.
pub(crate) type Observations = BTreeMap<Address, Option<Arc<Observation>>>;

/// The state, completed by what the account says.
pub(crate) struct Refreshed<'a> {
    /// The state, in which a creation that was interrupted has its id if it left an object, and in which finished objects
    /// have the attributes that an earlier version of the program did not read.
    pub(crate) state: Cow<'a, State>,
    pub(crate) observations: Observations,
    /// Those that were created and are not seen yet.
    pub(crate) unseen: BTreeSet<Address>,
    /// Those that have attributes which the state did not have.
    pub(crate) completed: BTreeSet<Address>,
}

/// Reads the current objects, each kind by one call, and all kinds at a time: the ids are known, so no read waits for
/// another. Objects that a replacement left are not read, as they are deleted whatever they are. Nothing is waited for.
pub(crate) async fn refresh<'a>(
    provider: &dyn Provider,
    mut state: Cow<'a, State>,
) -> Result<Refreshed<'a>, PlanError> {
    if let Some((address, _)) = state.objects().find(|(address, _)| provider.schema(address.kind()).is_none()) {
        return Err(PlanError::UnknownKind { address: address.clone() });
    }
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    let mut found = find_interrupted(provider, &turn, &state).await?;
    if !found.is_empty() {
        for object in state.to_mut().resources.values_mut().flat_map(Entry::objects_mut) {
            if let Some(id) = found.remove(&object.token.digest) {
                object.id = Some(id);
                object.phase = Phase::Created;
            }
        }
    }
    restore_missed(provider, &turn, &mut state).await?;
    let mut observations = read_all(provider, &turn, each(&state, State::current)).await?;
    let unseen = presume_new(&state, &mut observations);
    let completed = complete_attributes(&mut state, &observations);
    Ok(Refreshed { state, observations, unseen, completed })
}

/// The ids of the objects that interrupted creations left, by the digests of their tokens.
async fn find_interrupted(
    provider: &dyn Provider,
    turn: &Arc<dyn Turn>,
    state: &State,
) -> Result<BTreeMap<String, String>, PlanError> {
    let unsettled = state.objects().filter(|(_, object)| object.is_unsettled());
    let finds = unsettled.map(async |(address, object)| {
        let found = provider.find(turn, address.kind(), &object.inputs, &object.token, Look::Once).await;
        found.map(|id| Some((object.token.digest.clone(), id?))).map_err(|error| unreadable(address.kind(), error))
    });
    Ok(try_join_all(finds).await?.into_iter().flatten().collect())
}

/// Makes each object that an earlier plan has missed the current one again, if it is seen by now. What a creation in its place may have
/// left is then one of the others.
async fn restore_missed(
    provider: &dyn Provider,
    turn: &Arc<dyn Turn>,
    state: &mut Cow<'_, State>,
) -> Result<(), PlanError> {
    let seen = read_all(provider, turn, each(state, State::missed_apart)).await?;
    for (address, _) in seen.iter().filter(|(_, now)| now.is_some()) {
        state.to_mut().change_entry(address, Entry::restore_missed);
    }
    Ok(())
}

/// The object of each resource that `which` tells, with the address.
fn each<'s>(
    state: &'s State,
    which: fn(&'s State, &Address) -> Option<&'s ObjectState>,
) -> impl Iterator<Item = (&'s Address, &'s ObjectState)> {
    state.resources.keys().filter_map(move |address| Some((address, which(state, address)?)))
}

/// What the objects are that have an id; `None` for one that is gone.
async fn read_all<'s>(
    provider: &dyn Provider,
    turn: &Arc<dyn Turn>,
    all: impl Iterator<Item = (&'s Address, &'s ObjectState)>,
) -> Result<Observations, PlanError> {
    let mut kinds: BTreeMap<&str, Vec<(&Address, &ObjectState)>> = BTreeMap::new();
    for (address, object) in all.filter(|(_, object)| !object.is_unsettled()) {
        kinds.entry(address.kind()).or_default().push((address, object));
    }
    let reads = kinds.iter().map(async |(kind, known)| {
        let objects: Vec<_> = known.iter().filter_map(|(_, object)| object.object()).collect();
        let observations = provider.read(turn, kind, &objects).await.map_err(|error| unreadable(kind, error))?;
        if observations.len() != objects.len() {
            // To go on would take objects for deleted, and create them again.
            return Err(unreadable(kind, short_answer(objects.len(), observations.len())));
        }
        let each = known.iter().zip(observations);
        Ok(each
            .map(|((address, object), now)| ((*address).clone(), now.map(|now| shared(object, now))))
            .collect::<Vec<_>>())
    });
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}

/// What an object is now; the answer that is on record, if that is the same, so that it is in memory once.
fn shared(object: &ObjectState, now: Observation) -> Arc<Observation> {
    let recorded = object.observed.as_ref().filter(|recorded| ***recorded == now);
    recorded.map_or_else(|| Arc::new(now), Arc::clone)
}

/// Takes what was created by a run that was interrupted then, and is not seen, for what was asked for: it may be too new to be
/// seen, and to take it for deleted would create it twice. Nothing of it can be read, so its inputs stand for it.
fn presume_new(state: &State, observations: &mut Observations) -> BTreeSet<Address> {
    let is_new = |address: &Address| state.current(address).is_some_and(ObjectState::may_be_hidden);
    let unseen = observations.iter_mut().filter(|(address, now)| now.is_none() && is_new(address));
    unseen.map(|(address, now)| (address.clone(), *now = Some(Arc::default())).0).collect()
}

/// Adds the attributes that the state has never heard of: they came into the schema after the last apply. Returned are the resources
/// that have such.
fn complete_attributes(state: &mut Cow<'_, State>, observations: &Observations) -> BTreeSet<Address> {
    let mut completed = BTreeSet::new();
    for (address, now) in observations.iter().filter_map(|(address, now)| Some((address, now.as_ref()?))) {
        let known = state.current(address).and_then(|object| object.observed.as_deref());
        let is_new = |known: &Observation| now.attributes.keys().any(|name| !known.attributes.contains_key(name));
        if known.is_some_and(is_new)
            && let Some(known) = state.to_mut().current_mut(address).and_then(|object| object.observed.as_mut())
        {
            let known = Arc::make_mut(known);
            for (name, value) in &now.attributes {
                known.attributes.entry(name.clone()).or_insert_with(|| value.clone());
            }
            completed.insert(address.clone());
        }
    }
    completed
}

fn unreadable(kind: &str, error: ProviderError) -> PlanError {
    PlanError::Read { kind: kind.to_owned(), error: Box::new(error) }
}

fn short_answer(asked: usize, answered: usize) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Invalid,
        operation: String::new(),
        code: String::new(),
        message: format!("{asked} objects were asked for, and {answered} were answered"),
        help: "this is a mistake in the provider; report it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use palisade_core::{Json, JsonMap, provider::Token};

    use super::*;
    use crate::Change;

    #[test]
    fn an_answer_is_shared_with_the_record_if_it_is_the_same() {
        let address = Address::new("Net", "main");
        let observation = |range: &str| Observation {
            fields: JsonMap::from_iter([("range".to_owned(), Json::from(range))]),
            attributes: JsonMap::new(),
        };
        let token = Token { stack: "shop".to_owned(), resource: address.to_string(), digest: "0".repeat(64) };
        let (inputs, depends_on, released) = (JsonMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut state = State::new("shop", "00112233445566778899aabbccddeeff");
        state.apply(&Change::Begun {
            address: address.clone(),
            keep_old: false,
            token,
            inputs: inputs.clone(),
            depends_on: depends_on.clone(),
            released: released.clone(),
            at_deletion: JsonMap::new(),
        });
        let object = |state: &State| state.current(&address).unwrap().clone();
        assert_eq!(*shared(&object(&state), observation("10")), observation("10"), "nothing is on record");
        let observed = observation("10");
        state.apply(&Change::Ready { address: address.clone(), inputs, depends_on, released, observed, took: None });
        let object = object(&state);
        let recorded = object.observed.as_ref().unwrap();
        assert!(Arc::ptr_eq(&shared(&object, observation("10")), recorded));
        assert_eq!(*shared(&object, observation("20")), observation("20"));
    }
}
