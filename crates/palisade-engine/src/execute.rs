//! [`Executor`]: one step of a plan, from its intent to its record.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use palisade_core::{
    Address, Graph, Json, JsonMap, Node,
    provider::{CreateError, ErrorKind, Look, Object, Observation, Provider, ProviderError, Repeated},
};

use crate::{
    Event, ObjectState, Phase, State, StepKind, Took,
    align::can_become,
    deletion,
    dependencies::Dependencies,
    gate::Gate,
    ledger::{Ledger, Unsaved},
    loss::lacks_consent,
    slots::StepTurn,
    steps::{Target, Task, Work},
};

/// Carries out steps. All that run at a time share one.
pub(crate) struct Executor<'a> {
    provider: &'a dyn Provider,
    graph: &'a Graph,
    ledger: Ledger<'a>,
    gate: Arc<Gate>,
    /// The resources from which an interrupted step of another one may have taken something.
    contested: BTreeSet<Address>,
    is_closed: AtomicBool,
}

/// Why a step did not come to its end.
#[derive(Debug)]
pub(crate) enum StepError {
    /// The step failed, and the state says how far it has come.
    Failed(ProviderError),
    /// The run stopped before the step had done anything.
    NotBegun,
    /// The state could not be saved, so that nothing more may be done.
    Unsaved,
}

impl From<ProviderError> for StepError {
    fn from(error: ProviderError) -> Self {
        Self::Failed(error)
    }
}

impl From<Unsaved> for StepError {
    fn from(Unsaved: Unsaved) -> Self {
        Self::Unsaved
    }
}

impl<'a> Executor<'a> {
    pub(crate) fn new(
        provider: &'a dyn Provider,
        graph: &'a Graph,
        ledger: Ledger<'a>,
        gate: &Arc<Gate>,
        contested: BTreeSet<Address>,
    ) -> Self {
        Self { provider, graph, ledger, gate: Arc::clone(gate), contested, is_closed: AtomicBool::new(false) }
    }

    pub(crate) fn ledger(&self) -> &Ledger<'a> {
        &self.ledger
    }

    pub(crate) fn into_ledger(self) -> Ledger<'a> {
        self.ledger
    }

    /// Lets no further step begin.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Whether a further step may begin.
    pub(crate) fn may_begin(&self) -> bool {
        !self.is_closed.load(Ordering::Relaxed) && self.gate.is_open()
    }

    /// Does the step, and returns the id of its object; an empty text where there turned out to be none.
    pub(crate) async fn run(&self, work: &Work, turn: &Arc<StepTurn>) -> Result<String, StepError> {
        match &work.task {
            Task::Create { keep_old } => self.create(&work.address, *keep_old, turn).await,
            Task::Prepare { kept } => self.update(&work.address, Some(kept), turn).await,
            Task::Update => self.update(&work.address, None, turn).await,
            Task::FinishDeletion => self.finish_deletion(&work.address, turn).await,
            Task::Delete(target) => self.delete(&work.address, target, turn).await,
            Task::Meet => Ok(String::new()),
        }
    }

    async fn create(&self, address: &Address, keep_old: bool, turn: &Arc<StepTurn>) -> Result<String, StepError> {
        let node = self.node(address)?;
        let inputs = self.inputs(node)?;
        self.started(address, StepKind::Create);
        let unsettled = self.current(address).filter(ObjectState::is_unsettled);
        let is_continued = unsettled.is_some_and(|object| object.inputs == inputs);
        // Another attempt at the same finds the object of the first by itself, where the cloud has a way for that.
        let makes_another = self.provider.repeated(address.kind()) == Repeated::MakesAnother;
        let is_harmless = is_continued && !makes_another;
        let found = self.settle(address, if is_harmless { Look::Once } else { Look::UntilSeen }, turn).await?;
        if let Some(found) = found.filter(|_| !keep_old) {
            return self.go_on(node, found, inputs, turn).await;
        }
        let mut keep_old = keep_old;
        if !keep_old && let Some(object) = self.reappeared(address, turn).await? {
            if can_become(&object, node.schema, |field| Some(inputs.get(field).unwrap_or(&Json::Null))) {
                let dependencies = Dependencies::of(node);
                if object.attempted.is_some() {
                    // It was waited for already.
                    self.ledger.begin_update(address, node.schema, &inputs, &dependencies).await?;
                } else {
                    self.begin_update(node, &object, &inputs, &dependencies, turn).await?;
                }
                self.claim(address, &object, &inputs, turn).await?;
                return self.bring(node, object, inputs, dependencies, None, turn).await;
            }
            // It is left to be deleted.
            keep_old = true;
        }
        let dependencies = Dependencies::of(node);
        let dependencies = self.ledger.look(|state| dependencies.with_brought_back(node, state));
        // From its record to its answer, such a creation is one that the next run looks for during minutes. Alone, it is that only
        // if this run is killed during this very call, and not during any other one: `CreateUser` is answered, the machine dies,
        // and nobody knows whether `CreateVpc` had been sent.
        let alone = if makes_another { Some(turn.alone().await.map_err(|_| StepError::NotBegun)?) } else { None };
        let attempt = self.ledger.begin_creation(address, node.schema, &inputs, dependencies, keep_old).await?;
        let created = self.provider.create(&turn.shared(), address.kind(), &inputs, &attempt.token).await;
        drop(alone);
        let id = match created {
            Ok(id) => id,
            Err(CreateError { error, may_exist }) if attempt.is_first => {
                if !may_exist {
                    self.ledger.abandon_creation(address, &attempt).await?;
                }
                return Err(error.into());
            }
            // What has the name may be the object of an earlier attempt.
            Err(CreateError { error, .. }) if error.kind == ErrorKind::AlreadyExists => {
                let Some(found) = self.settle(address, Look::UntilSeen, turn).await? else { return Err(error.into()) };
                return self.go_on(node, found, inputs, turn).await;
            }
            // The refusal of this attempt says nothing of an earlier one.
            Err(CreateError { error, .. }) => return Err(error.into()),
        };
        self.created(address, &id).await?;
        self.provider.claim(&turn.shared(), address.kind(), &id, &inputs, &attempt.token).await?;
        let observation = self.converge(node, &id, &inputs, None, turn).await?;
        let took = Took::new(StepKind::Create, turn.elapsed());
        self.ledger.ready(address, inputs, Dependencies::of(node), observation, Some(took)).await?;
        Ok(id)
    }

    /// Changes the current object in place, but for the fields that are `kept`, with their values.
    async fn update(
        &self,
        address: &Address,
        kept: Option<&JsonMap>,
        turn: &Arc<StepTurn>,
    ) -> Result<String, StepError> {
        let node = self.node(address)?;
        let mut inputs = self.inputs(node)?;
        inputs.extend(kept.cloned().unwrap_or_default());
        self.started(address, StepKind::Update);
        let Some(object) = self.existing(address, turn).await? else { return Err(lost(address)) };
        let mut dependencies = Dependencies::of(node);
        if kept.is_some() {
            // What it refers to by these fields, it still does.
            dependencies = Dependencies::recorded(&object).union(&dependencies);
        }
        self.begin_update(node, &object, &inputs, &dependencies, turn).await?;
        self.claim(address, &object, &inputs, turn).await?;
        if !self.appears(address, &object, turn).await? {
            // It was deleted before it was finished, as is one whose creation failed; or its deletion had begun, and has come to its
            // end by now. So there is nothing to update. As that may be wrong, it stays on record, and is looked for once more.
            return self.create(address, false, turn).await;
        }
        let whole = Some(StepKind::Update).filter(|_| object.phase == Phase::Ready && kept.is_none());
        self.bring(node, object, inputs, dependencies, whole, turn).await
    }

    /// Goes on with a creation that has an object.
    async fn go_on(
        &self,
        node: &Node,
        found: ObjectState,
        inputs: JsonMap,
        turn: &Arc<StepTurn>,
    ) -> Result<String, StepError> {
        let dependencies = Dependencies::of(node);
        self.begin_update(node, &found, &inputs, &dependencies, turn).await?;
        self.claim(&node.address, &found, &inputs, turn).await?;
        self.bring(node, found, inputs, dependencies, None, turn).await
    }

    /// Makes an object whose creation has not ended that of this creation, as it may be one that there was before.
    async fn claim(
        &self,
        address: &Address,
        object: &ObjectState,
        inputs: &JsonMap,
        turn: &Arc<StepTurn>,
    ) -> Result<(), ProviderError> {
        match &object.id {
            Some(id) if object.phase != Phase::Ready => {
                self.provider.claim(&turn.shared(), address.kind(), id, inputs, &object.token).await
            }
            _ => Ok(()),
        }
    }

    /// Records that the object may get `inputs` from now on. Then it waits, if interrupted steps may have sent what its description
    /// does not show yet: that could look like what is wanted now, and show later; or be asked for again.
    async fn begin_update(
        &self,
        node: &Node,
        object: &ObjectState,
        inputs: &JsonMap,
        dependencies: &Dependencies,
        turn: &Arc<StepTurn>,
    ) -> Result<(), StepError> {
        // The record comes first. The only other sign of what the wait is for may be the record of another object: if that is deleted
        // meanwhile, and this run is interrupted, the next run would not know.
        let address = &node.address;
        self.ledger.begin_update(address, node.schema, inputs, dependencies).await?;
        if object.may_be_ahead_of_its_description(inputs) || self.contested.contains(address) {
            self.catch_up(address, turn).await?;
        }
        Ok(())
    }

    /// Brings the current object, which exists, to `inputs`.
    async fn bring(
        &self,
        node: &Node,
        object: ObjectState,
        inputs: JsonMap,
        dependencies: Dependencies,
        whole: Option<StepKind>,
        turn: &Arc<StepTurn>,
    ) -> Result<String, StepError> {
        let address = &node.address;
        let Some(id) = object.id.clone() else { return Err(lost(address)) };
        // A creation that was interrupted goes on as if it had not been, as long as it is to have the same result.
        let is_first = object.phase != Phase::Ready && object.inputs == inputs && object.attempted.is_none();
        let previous = object.previous(&inputs);
        let previous = Some(&*previous).filter(|_| !is_first);
        let observation = self.converge(node, &id, &inputs, previous, turn).await?;
        let took = whole.map(|step| Took::new(step, turn.elapsed()));
        self.ledger.ready(address, inputs, dependencies, observation, took).await?;
        Ok(id)
    }

    async fn delete(&self, address: &Address, target: &Target, turn: &Arc<StepTurn>) -> Result<String, StepError> {
        self.started(address, StepKind::Delete);
        let object = match target {
            Target::Current => match self.existing(address, turn).await? {
                None => return self.forget_missed(address, turn).await,
                object => object,
            },
            Target::Deposed(token) => self.deposed(address, token, turn).await?,
        };
        if let Some(object) = &object {
            if object.attempted.is_some() {
                // What a deletion has to know of the object may be described as it was before the update that was interrupted.
                self.catch_up(address, turn).await?;
            }
            if object.may_be_hidden() {
                // To delete what cannot be seen yet does nothing. If it does not appear, it is gone.
                self.appears(address, object, turn).await?;
            }
            let lacks_consent = |state: &State| lacks_consent(self.provider, self.graph, state, address, object);
            if *target == Target::Current
                && self.ledger.look(lacks_consent)
                && self.is_seen(address, object, turn).await?
            {
                return Err(seen_late(address).into());
            }
        }
        let said = self.ledger.look(|state| deletion::said_now(self.graph, state, address, target));
        self.ledger.begin_deletion(address, target, said).await?;
        let object = object.map(|known| {
            let inputs = self.ledger.look(|state| deletion::inputs(self.graph, state, address, target, &known));
            ObjectState { inputs, ..known }
        });
        let known = object.as_ref().and_then(ObjectState::object);
        if let Some(known) = &known {
            self.provider.delete(&turn.shared(), address.kind(), known).await?;
        }
        let took = known.is_some().then(|| Took::new(StepKind::Delete, turn.elapsed()));
        self.ledger.deleted(address, target, took).await?;
        Ok(object.and_then(|object| object.id).unwrap_or_default())
    }

    async fn finish_deletion(&self, address: &Address, turn: &Arc<StepTurn>) -> Result<String, StepError> {
        self.started(address, StepKind::Delete);
        let Some(object) = self.current(address) else { return Ok(String::new()) };
        if object.attempted.is_some() {
            // An update that was interrupted may have hidden it.
            self.catch_up(address, turn).await?;
        }
        if self.is_seen(address, &object, turn).await? {
            return Err(seen_late(address).into());
        }
        if let Some(object) = object.object() {
            self.provider.delete(&turn.shared(), address.kind(), &object).await?;
        }
        self.ledger.deleted(address, &Target::Current, None).await?;
        Ok(object.id.unwrap_or_default())
    }

    /// The current object; of one whose creation is unsettled, only if that has left an object.
    async fn existing(&self, address: &Address, turn: &Arc<StepTurn>) -> Result<Option<ObjectState>, StepError> {
        match self.current(address) {
            Some(object) if object.is_unsettled() => self.settle(address, Look::UntilSeen, turn).await,
            object => Ok(object),
        }
    }

    /// Forgets the object in whose place one was never made, if it does not exist. If it does, the plan has not shown that it goes.
    async fn forget_missed(&self, address: &Address, turn: &Arc<StepTurn>) -> Result<String, StepError> {
        let Some(missed) = self.current(address) else { return Ok(String::new()) };
        if self.is_seen(address, &missed, turn).await? {
            return Err(seen_late(address).into());
        }
        self.ledger.deleted(address, &Target::Current, None).await?;
        Ok(String::new())
    }

    /// Finds out whether the unsettled creation of `address`, if there is one, has left an object, and records what it finds.
    async fn settle(
        &self,
        address: &Address,
        look: Look,
        turn: &Arc<StepTurn>,
    ) -> Result<Option<ObjectState>, StepError> {
        let Some(object) = self.current(address).filter(ObjectState::is_unsettled) else { return Ok(None) };
        match self.find(address, &object, look, turn).await? {
            Some(id) => self.created(address, &id).await?,
            None => {
                if look == Look::UntilSeen {
                    self.ledger.deleted(address, &Target::Current, None).await?;
                }
                return Ok(None);
            }
        }
        Ok(self.current(address))
    }

    /// The object beside the current one that has this token, with its id if it exists.
    async fn deposed(
        &self,
        address: &Address,
        token: &str,
        turn: &Arc<StepTurn>,
    ) -> Result<Option<ObjectState>, StepError> {
        let deposed = self.ledger.look(|state| state.deposed(address, token).cloned());
        let Some(mut object) = deposed else { return Ok(None) };
        if object.is_unsettled() {
            // That it was found need not be recorded, as it is deleted now, or else found again.
            let found = self.find(address, &object, Look::UntilSeen, turn).await?;
            // Not every find tells the creations of one name apart.
            object.id = found.filter(|id| !self.ledger.look(|state| state.has(address.kind(), id)));
        }
        Ok(Some(object))
    }

    async fn catch_up(&self, address: &Address, turn: &Arc<StepTurn>) -> Result<(), ProviderError> {
        self.ledger.tell(Event::CatchingUp { address: address.clone() });
        self.provider.catch_up(&turn.shared()).await
    }

    /// Whether an object exists, as far as that is not certain: one whose creation has answered and not ended may still be
    /// hidden, and one whose deletion has begun may be gone by now.
    async fn appears(&self, address: &Address, object: &ObjectState, turn: &Arc<StepTurn>) -> Result<bool, StepError> {
        Ok(object.phase == Phase::Ready && !object.is_being_deleted
            || self.is_seen(address, object, turn).await?
            || object.may_be_hidden() && self.find(address, object, Look::UntilSeen, turn).await?.is_some())
    }

    /// The current object, which the plan took for gone, if it is seen now. An update that was interrupted may have hidden it.
    async fn reappeared(&self, address: &Address, turn: &Arc<StepTurn>) -> Result<Option<ObjectState>, StepError> {
        let Some(object) = self.current(address).filter(|object| !object.is_unsettled()) else { return Ok(None) };
        if object.attempted.is_some() {
            self.catch_up(address, turn).await?;
        }
        Ok(self.is_seen(address, &object, turn).await?.then_some(object))
    }

    async fn is_seen(
        &self,
        address: &Address,
        object: &ObjectState,
        turn: &Arc<StepTurn>,
    ) -> Result<bool, ProviderError> {
        let Some(known) = object.object() else { return Ok(false) };
        let seen = self.provider.read(&turn.shared(), address.kind(), &[known]).await?;
        Ok(seen.iter().any(Option::is_some))
    }

    async fn find(
        &self,
        address: &Address,
        object: &ObjectState,
        look: Look,
        turn: &Arc<StepTurn>,
    ) -> Result<Option<String>, ProviderError> {
        self.provider.find(&turn.shared(), address.kind(), &object.inputs, &object.token, look).await
    }

    async fn created(&self, address: &Address, id: &str) -> Result<(), StepError> {
        self.ledger.created(address, id).await?;
        self.ledger.tell(Event::Created { address: address.clone(), id: id.to_owned() });
        Ok(())
    }

    /// Brings an object to its inputs, and reads what it is then. The new inputs are recorded after that, so that the next plan
    /// sees what an interruption has left undone.
    async fn converge(
        &self,
        node: &Node,
        id: &str,
        inputs: &JsonMap,
        previous: Option<&JsonMap>,
        turn: &Arc<StepTurn>,
    ) -> Result<Observation, StepError> {
        let kind = node.address.kind();
        let converged = self.provider.converge(&turn.shared(), kind, id, inputs, previous).await;
        if converged.as_ref().is_err_and(|error| error.kind == ErrorKind::CreateFailed) {
            self.ledger.deleted(&node.address, &Target::Current, None).await?;
        }
        converged?;
        // What the step may have changed is read anew.
        let object = Object { id, inputs, attributes: None };
        let observation = self.provider.read(&turn.shared(), kind, &[object]).await?.pop().flatten();
        observation.ok_or_else(|| {
            let message = format!("`{id}` was brought to its inputs, and then could not be found");
            failure(ErrorKind::NotFound, message, "run the command again").into()
        })
    }
}

/// Lookups.
impl Executor<'_> {
    fn node(&self, address: &Address) -> Result<&Node, StepError> {
        self.graph.node(address).ok_or_else(|| {
            let message = format!("the plan brings about {address}, and the program does not declare it");
            failure(ErrorKind::Invalid, message, "make a plan of this program").into()
        })
    }

    fn current(&self, address: &Address) -> Option<ObjectState> {
        self.ledger.look(|state| state.current(address).cloned())
    }

    /// The fields of `node`, in which the attributes of other objects have been put in place of the references to them.
    fn inputs(&self, node: &Node) -> Result<JsonMap, StepError> {
        let mut inputs = JsonMap::new();
        for (&field, value) in &node.fields {
            let value = self.ledger.look(|state| value.substitute(&|r| state.attribute(&r.address, &r.attribute)));
            if let Some(reference) = value.references().first() {
                let (address, attribute) = (&reference.address, &reference.attribute);
                let message = format!("`{field}` refers to `{attribute}` of {address}, which is not known");
                let help = format!("add {address} to this stack, and refer to it by the handle that this returns");
                return Err(failure(ErrorKind::Invalid, message, &help).into());
            }
            inputs.insert(field.to_owned(), value.into_json().unwrap_or(Json::Null));
        }
        Ok(inputs)
    }

    fn started(&self, address: &Address, step: StepKind) {
        self.ledger.tell(Event::Started { address: address.clone(), step });
    }
}

/// The error for an object that exists, and that the plan took for gone.
fn seen_late(address: &Address) -> ProviderError {
    let message = format!("{address} exists, and was not seen when the plan was made");
    failure(ErrorKind::Transitional, message, "run the command again: the next plan shows it")
}

/// The error for an object that the plan found, and that does not exist.
fn lost(address: &Address) -> StepError {
    let message = format!("{address} does not exist any more");
    failure(ErrorKind::NotFound, message, "run the command again: it will be created").into()
}

fn failure(kind: ErrorKind, message: String, help: &str) -> ProviderError {
    ProviderError { kind, operation: String::new(), code: String::new(), message, help: help.to_owned() }
}
