//! [`Executor`]: one step of a plan, from its intent to its record.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use palisade_core::{
    Address, Graph, Json, JsonMap, Node,
    provider::{ErrorKind, Object, Provider, ProviderError},
};

use crate::{
    Event, ObjectState, Phase, StepKind, Took,
    dependencies::Dependencies,
    gate::Gate,
    ledger::{Ledger, Unsaved},
    slots::StepTurn,
    steps::{Target, Task, Work},
};

/// Carries out steps. All that run at a time share one.
pub(crate) struct Executor<'a> {
    provider: &'a dyn Provider,
    graph: &'a Graph,
    ledger: Ledger<'a>,
    gate: Arc<Gate>,
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
    pub(crate) fn new(provider: &'a dyn Provider, graph: &'a Graph, ledger: Ledger<'a>, gate: &Arc<Gate>) -> Self {
        Self { provider, graph, ledger, gate: Arc::clone(gate), is_closed: AtomicBool::new(false) }
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
            Task::Create { keep_old, nothing_found } => {
                self.create(&work.address, *keep_old, *nothing_found, turn).await
            }
            Task::Update => self.update(&work.address, turn).await,
            Task::Delete(target) => self.delete(&work.address, target, turn).await,
        }
    }

    async fn create(
        &self,
        address: &Address,
        keep_old: bool,
        nothing_found: bool,
        turn: &Arc<StepTurn>,
    ) -> Result<String, StepError> {
        let node = self.node(address)?;
        let inputs = self.inputs(node)?;
        let found = self.settle(address, turn).await?;
        if let Some(found) = found.filter(|_| !keep_old && nothing_found) {
            return self.adopt(node, inputs, found, turn).await;
        }
        let token = self.ledger.begin_creation(address, &inputs, Dependencies::of(self.graph, node), keep_old).await?;
        self.started(address, StepKind::Create);
        let sent = turn.sent();
        let id = match self.provider.create(&turn.shared(), address.kind(), &inputs, &token).await {
            Ok(id) => id,
            Err(error) => {
                if !may_have_had_its_effect(&error, turn.sent() > sent) {
                    self.ledger.abandon_creation(address).await?;
                }
                return Err(error.into());
            }
        };
        self.created(address, &id).await?;
        self.converge(node, &id, inputs, None, Some(StepKind::Create), turn).await?;
        Ok(id)
    }

    /// Goes on with a creation whose object turned up after the plan was made without it.
    async fn adopt(
        &self,
        node: &Node,
        inputs: JsonMap,
        found: ObjectState,
        turn: &Arc<StepTurn>,
    ) -> Result<String, StepError> {
        let id = found.id.unwrap_or_default();
        if found.inputs != inputs {
            // The plan has not compared the two, so it does not know whether one can become the other.
            let message = format!("the object `{id}` of an interrupted creation turned up after the plan was made");
            return Err(failure(ErrorKind::Transitional, message, "run the command again").into());
        }
        self.started(&node.address, StepKind::Create);
        self.converge(node, &id, inputs, None, None, turn).await?;
        Ok(id)
    }

    async fn update(&self, address: &Address, turn: &Arc<StepTurn>) -> Result<String, StepError> {
        let node = self.node(address)?;
        let inputs = self.inputs(node)?;
        self.settle(address, turn).await?;
        let Some((id, object)) = self.current(address).and_then(|object| Some((object.id.clone()?, object))) else {
            let message = format!("{address} does not exist any more");
            return Err(failure(ErrorKind::NotFound, message, "run the command again: it will be created").into());
        };
        self.ledger.begin_update(address, &inputs, &Dependencies::of(self.graph, node)).await?;
        self.started(address, StepKind::Update);
        // A creation that was interrupted goes on as if it had not been, as long as it is to have the same result.
        let is_first = object.phase != Phase::Ready && object.inputs == inputs && object.attempted.is_none();
        let previous = object.previous(&inputs);
        let previous = Some(&previous).filter(|_| !is_first);
        let whole = Some(StepKind::Update).filter(|_| object.phase == Phase::Ready);
        self.converge(node, &id, inputs, previous, whole, turn).await?;
        Ok(id)
    }

    async fn delete(&self, address: &Address, target: &Target, turn: &Arc<StepTurn>) -> Result<String, StepError> {
        let object = match target {
            Target::Current => {
                self.settle(address, turn).await?;
                self.current(address)
            }
            Target::Deposed(token) => self.deposed(address, token, turn).await?,
        };
        self.started(address, StepKind::Delete);
        let object = object.and_then(|object| object.object());
        if let Some(object) = &object {
            self.provider.delete(&turn.shared(), address.kind(), object).await?;
        }
        let took = object.is_some().then(|| Took::new(StepKind::Delete, turn.elapsed()));
        self.ledger.deleted(address, target, took).await?;
        Ok(object.map(|object| object.id).unwrap_or_default())
    }

    /// Finds out whether the interrupted creation of `address`, if there is one, has left an object, and records it.
    async fn settle(&self, address: &Address, turn: &Arc<StepTurn>) -> Result<Option<ObjectState>, StepError> {
        let Some(object) = self.current(address).filter(ObjectState::is_unsettled) else { return Ok(None) };
        let Some(id) = self.find(address, &object, turn).await? else { return Ok(None) };
        self.created(address, &id).await?;
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
            object.id = self.find(address, &object, turn).await?;
        }
        Ok(Some(object))
    }

    async fn find(
        &self,
        address: &Address,
        object: &ObjectState,
        turn: &Arc<StepTurn>,
    ) -> Result<Option<String>, ProviderError> {
        self.provider.find(&turn.shared(), address.kind(), &object.inputs, &object.token).await
    }

    async fn created(&self, address: &Address, id: &str) -> Result<(), StepError> {
        self.ledger.created(address, id).await?;
        self.ledger.tell(Event::Created { address: address.clone(), id: id.to_owned() });
        Ok(())
    }

    /// Brings an object to its inputs, and records what it is then. The new inputs are recorded last, so that the next plan
    /// sees what an interruption has left undone. `whole` is the step, if it did not go on with an interrupted one.
    async fn converge(
        &self,
        node: &Node,
        id: &str,
        inputs: JsonMap,
        previous: Option<&JsonMap>,
        whole: Option<StepKind>,
        turn: &Arc<StepTurn>,
    ) -> Result<(), StepError> {
        let kind = node.address.kind();
        self.provider.converge(&turn.shared(), kind, id, &inputs, previous).await?;
        // What the step may have changed is read anew.
        let object = Object { id: id.to_owned(), inputs: inputs.clone(), attributes: JsonMap::new() };
        let observation = self.provider.read(&turn.shared(), kind, &[object]).await?.pop().flatten();
        let Some(observation) = observation else {
            let message = format!("`{id}` was brought to its inputs, and then could not be found");
            return Err(failure(ErrorKind::NotFound, message, "run the command again").into());
        };
        let took = whole.map(|step| Took::new(step, turn.elapsed()));
        let dependencies = Dependencies::of(self.graph, node);
        self.ledger.ready(&node.address, inputs, dependencies, observation, took).await?;
        Ok(())
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

/// Whether the object may exist although its creation failed. Then the creation remains on record, and the next run looks
/// for the object before it creates another one.
fn may_have_had_its_effect(error: &ProviderError, was_sent: bool) -> bool {
    match error.kind {
        ErrorKind::Interrupted => was_sent,
        ErrorKind::Service | ErrorKind::TimedOut => true,
        ErrorKind::AlreadyExists
        | ErrorKind::Denied
        | ErrorKind::Invalid
        | ErrorKind::NotFound
        | ErrorKind::NothingToDo
        | ErrorKind::Quota
        | ErrorKind::Throttled
        | ErrorKind::Transitional
        | ErrorKind::Unreached => false,
    }
}

fn failure(kind: ErrorKind, message: String, help: &str) -> ProviderError {
    ProviderError { kind, operation: String::new(), code: String::new(), message, help: help.to_owned() }
}
