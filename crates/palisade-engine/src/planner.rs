//! [`plan`]: graph, state and account become a plan.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use palisade_core::{
    Address, Graph, Json, JsonMap, Node, Reference, Value,
    provider::{Object, Observation, PlannedObject, Provider},
};
use petgraph::{algo::toposort, graph::DiGraph};

use crate::{
    Action, Drift, ObjectState, OutputChange, Phase, Plan, PlanError, ReplaceOrder, State, Step,
    align::{Aligned, aligned, set_aside},
    blocked::{Blocked, Guard, actions, as_left, replaced_with_data},
    contested::contested,
    deletion,
    field_diff::{Difference, creation, difference, drift, removal},
    impossible::impossible,
    loss::mark_losses,
    obstacles::obstacles,
    occupied::occupied,
    refresh::{Observations, Refreshed, refresh},
    replace_order::{delete_first, replace_order},
    steps::Target,
};

const GONE: &str = "it was deleted outside of this program";
const DELETED: &str = "its deletion had begun: the apply sees it through";
const HIDDEN: &str = "its last change has not come to its end, and it is not seen since: the apply looks for it first";
const UNSETTLED: &str = "its creation is unsettled: nothing is seen of it, and the apply looks for it first";
const UNSEEN: &str = "it was created, and is not seen yet: the apply waits for it";
const UNFINISHED: &str = "its creation was not finished";
const UNDELETED: &str = "its deletion was not finished, and may have taken from it what it still shows";
const INTERRUPTED: &str = "its last change has not come to its end";
const CONTESTED: &str = "an interrupted step of another resource may have taken from it what it still shows";
const ADOPTED: &str = "it was changed outside of this program to what the program says now";
const ASKED_FOR: &str = "its replacement was asked for";
const NEW_ATTRIBUTES: &str = "this program uses attributes of it that the last apply did not record";

/// Reads the account, and compares it with the program and with what was applied last. Nothing is changed, and nothing is
/// written.
///
/// `destroy` is the plan for [`Graph::empty`].
///
/// # Errors
/// - [`PlanError::UnknownKind`] if the state holds an object of a kind that `provider` does not know;
/// - [`PlanError::Read`] if the provider cannot read the objects of a kind;
/// - [`PlanError::Impossible`] if the program does not fit the region; if a step needs a value that nobody has supplied, or that the
///   cloud would refuse; or if no order of the steps obeys the references: an object has to be deleted before its successor can be
///   created, while another one that stays refers to it; or if the account has something in the way of a deletion, as a snapshot with
///   the name of a final snapshot.
pub async fn plan(provider: &dyn Provider, graph: &Graph, state: &State) -> Result<Plan, PlanError> {
    plan_with(provider, graph, state, &PlanOptions::default()).await
}

/// What a plan does beyond what the differences ask for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlanOptions {
    /// The resources whose objects are replaced, whether they differ from the program or not. An object whose creation was not finished is
    /// finished, and not replaced, so that the same command can be run again after an interrupt.
    pub replace: BTreeSet<Address>,
}

/// Plans as [`plan`] does, with options.
///
/// # Errors
/// Those of [`plan`], and [`PlanError::NothingToReplace`] if there is no object of a resource that is to be replaced, or none in the program.
pub async fn plan_with(
    provider: &dyn Provider,
    graph: &Graph,
    state: &State,
    options: &PlanOptions,
) -> Result<Plan, PlanError> {
    let replace = options.replace.iter().map(|address| (address.clone(), None)).collect();
    let planned = planned(provider, graph, state, replace).await?;
    planned.check_supplied(provider, graph)?;
    Ok(planned.plan)
}

/// The resources that are replaced in any case: only if the object has this id, where there is one.
pub(crate) type Replace = BTreeMap<Address, Option<String>>;

/// A plan, and what it was made of.
pub(crate) struct Planned<'a> {
    pub(crate) plan: Plan,
    /// The state as the program means it, completed by what the account says.
    pub(crate) state: Cow<'a, State>,
    observations: Observations,
}

impl Planned<'_> {
    /// Refuses a plan whose steps need values that nobody has supplied, or that the cloud would refuse.
    pub(crate) fn check_supplied(&self, provider: &dyn Provider, graph: &Graph) -> Result<(), PlanError> {
        let made = self.plan.steps.iter().filter(|step| step.action.makes()).filter_map(|step| {
            let node = graph.node(&step.address)?;
            let object = self.state.current(&step.address).filter(|_| step.action == Action::Update);
            Some((node, object.map(|object| (object, previous(node, object)))))
        });
        let made: Vec<_> = made.collect();
        let objects = made.iter().map(|(node, object)| {
            let existing = object.as_ref().and_then(|(object, inputs)| {
                let attributes = Some(&self.observations.get(&node.address)?.as_ref()?.attributes);
                Some(Object { id: object.id.as_deref()?, inputs, attributes })
            });
            PlannedObject { node, existing }
        });
        let findings = provider.unsupplied(graph, &objects.collect::<Vec<_>>());
        if findings.is_empty() { Ok(()) } else { Err(PlanError::Impossible(findings)) }
    }
}

/// The inputs to take for those that were applied last when what `node` declares is applied.
fn previous<'a>(node: &Node, object: &'a ObjectState) -> Cow<'a, JsonMap> {
    let wanted = node.fields.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.as_json()?.clone())));
    object.previous(&wanted.collect())
}

/// Does what [`plan`] does, without the check of the supplied values, and replaces more.
pub(crate) async fn planned<'a>(
    provider: &dyn Provider,
    graph: &Graph,
    state: &'a State,
    replace: Replace,
) -> Result<Planned<'a>, PlanError> {
    let wrong_region = provider.wrong_region(graph);
    if !wrong_region.is_empty() {
        return Err(PlanError::Impossible(wrong_region));
    }
    let Aligned { state, mut moved, doubts } = aligned(graph, state);
    for address in replace.iter().filter(|(_, id)| id.is_none()).map(|(address, _)| address) {
        if graph.node(address).is_none() || state.current(address).is_none() {
            let is_declared = graph.node(address).is_some();
            return Err(PlanError::NothingToReplace { address: address.clone(), is_declared });
        }
    }
    let contested = contested(graph, &state);
    let refreshed = refresh(provider, state).await?;
    let Refreshed { state: now, observations, unseen, completed } = &refreshed;
    let known = Known { state: now, observations, unseen, completed, contested: &contested };
    let drafts = Drafts { provider, graph, refreshed: &refreshed, doubts: &doubts };
    let mut plan = drafts.guarded(known, &replace);
    for step in &mut plan.steps {
        step.moved_from = moved.remove(&step.address);
    }
    let Refreshed { mut state, observations, .. } = refreshed;
    for step in &mut plan.steps {
        if set_aside(graph, step, &mut state) {
            step.deposed.push(String::new());
        }
    }
    let replaced = delete_first(graph, &state, &mut plan);
    for output in graph.outputs() {
        let change = plan.outputs.iter_mut().find(|change| change.name == output.name);
        let is_new = |reference: &&Reference| replaced.contains(&reference.address);
        if let Some(change) = change.filter(|_| output.value.references().iter().any(is_new)) {
            change.after = Some(output.value.clone());
        }
    }
    mark_losses(provider, graph, &state, &observations, &mut plan);
    for step in &mut plan.steps {
        step.notes.extend(notes(graph, &state, step));
    }
    let mut findings = impossible(graph, &state, &plan);
    if findings.is_empty() {
        findings = obstacles(provider, graph, &state, &plan).await?;
    }
    if findings.is_empty() { Ok(Planned { plan, state, observations }) } else { Err(PlanError::Impossible(findings)) }
}

/// What drafts of a plan are made of.
struct Drafts<'a> {
    provider: &'a dyn Provider,
    graph: &'a Graph,
    refreshed: &'a Refreshed<'a>,
    doubts: &'a BTreeMap<Address, Vec<Address>>,
}

impl Drafts<'_> {
    /// The plan of what is known, in which no data is lost for what others have done.
    fn guarded(&self, known: Known<'_>, replace: &Replace) -> Plan {
        let mut blocked = BTreeMap::new();
        let mut plan = self.settled(known, replace, &blocked);
        let with_data = replaced_with_data(self.provider, known.state, known.observations, &plan);
        if with_data.is_empty() {
            return plan;
        }
        let observations = &as_left(known.state, known.observations);
        let undisturbed = self.settled(Known { observations, ..known }, replace, &blocked);
        let guard = Guard { graph: self.graph, state: known.state, as_left: actions(&undisturbed) };
        let by_drift = with_data.into_iter().filter(|address| !guard.is_asked_for(address));
        let mut more: BTreeMap<_, _> = by_drift.map(|address| (address.clone(), Blocked::ByDrift)).collect();
        while !more.is_empty() {
            blocked.append(&mut more);
            plan = self.settled(known, replace, &blocked);
            more = guard.drawn_in(&plan);
        }
        plan
    }

    /// The plan of what is known, in which nothing is changed in place that others stand in.
    fn settled(&self, known: Known<'_>, replace: &Replace, blocked: &BTreeMap<Address, Blocked>) -> Plan {
        let mut given = Given { replace, blocked, occupied: BTreeMap::new() };
        // What is replaced now may be what another one stands in. Each round finds one more, or is the last.
        loop {
            let plan = Planner::new(self.graph, known, self.doubts, &given).draft(self.provider, self.refreshed);
            let occupied = occupied(self.graph, known.state, known.observations, &plan);
            if occupied.is_empty() {
                return plan;
            }
            given.occupied.extend(occupied);
        }
    }
}

/// What is decided of a plan before it is drafted.
struct Given<'a> {
    /// The resources that are replaced in any case.
    replace: &'a Replace,
    /// The resources to which nothing is done.
    blocked: &'a BTreeMap<Address, Blocked>,
    /// The resources of which something stands in what would leave them, with why they are replaced.
    occupied: BTreeMap<Address, String>,
}

struct Planner<'a> {
    graph: &'a Graph,
    known: Known<'a>,
    given: &'a Given<'a>,
    /// What the new resources could be under another name.
    doubts: &'a BTreeMap<Address, Vec<Address>>,
    steps: Vec<Step>,
    /// What is decided of the resources so far.
    decided: HashMap<&'a Address, Decision>,
    /// The fields whose values the cloud came to by itself.
    ahead: HashSet<(&'a Address, &'static str)>,
}

/// What is known of the objects before anything is done.
#[derive(Clone, Copy)]
struct Known<'a> {
    /// The state completed by what the account says.
    state: &'a State,
    observations: &'a Observations,
    unseen: &'a BTreeSet<Address>,
    completed: &'a BTreeSet<Address>,
    /// Those from which an interrupted step of another resource may have taken something.
    contested: &'a BTreeSet<Address>,
}

/// What others may rely on of a resource that has been decided.
struct Decision {
    /// Whether the object is there before and after the apply.
    stays: bool,
    /// The attributes that an update may change.
    uncertain: Vec<&'static str>,
    is_blocked: bool,
}

impl<'a> Planner<'a> {
    fn new(
        graph: &'a Graph,
        known: Known<'a>,
        doubts: &'a BTreeMap<Address, Vec<Address>>,
        given: &'a Given<'a>,
    ) -> Self {
        Self { graph, known, given, doubts, decided: HashMap::new(), ahead: HashSet::new(), steps: Vec::new() }
    }

    fn draft(mut self, provider: &dyn Provider, refreshed: &Refreshed) -> Plan {
        for node in self.graph.nodes() {
            self.decide(node);
        }
        self.delete_the_rest(provider);
        Plan {
            stack: self.graph.name().to_owned(),
            outputs: self.outputs(),
            drift: all_drift(provider, self.graph, refreshed, &self.ahead),
            steps: self.steps,
            accepted_risks: self.graph.accepted_risks().iter().map(Into::into).collect(),
            deletes_everything: false,
            replace: self.given.replace.keys().cloned().collect(),
        }
    }

    fn decide(&mut self, node: &'a Node) {
        let object = self.known.state.current(&node.address);
        let (step, uncertain) = match (object, self.known.observation(&node.address)) {
            (Some(object), Some(now)) => {
                let mut difference = difference(node.schema, object, now, |field| self.wanted(node, field));
                let occupied = self.given.occupied.get(&node.address);
                if occupied.is_some() {
                    difference.replaces_what_is_occupied(node.schema);
                }
                self.ahead.extend(difference.ahead.iter().map(|(field, _)| (&node.address, *field)));
                let (mut step, uncertain) = compare(self.known, node, object, difference);
                step.reason = step.reason.or_else(|| occupied.cloned());
                if self.is_to_be_replaced(&node.address, object) && !matches!(step.action, Action::Replace(_)) {
                    step.action = Action::Replace(replace_order(node.schema, &step.changes));
                    step.reason = Some(ASKED_FOR.to_owned());
                    step.unchanged = node.schema.fields.len() - step.changes.len();
                }
                (step, uncertain)
            }
            (object, _) => {
                let reason = object.map(|object| absence(object).to_owned());
                let reason = reason.or_else(|| self.doubts.get(&node.address).map(|earlier| doubt(earlier)));
                let mut changes = creation(node, |field| self.wanted(node, field));
                if self.given.occupied.contains_key(&node.address) {
                    // What an unsettled creation may have left cannot become this one.
                    let is_occupied =
                        |name: &str| node.schema.field(name).is_some_and(|field| field.occupied.is_some());
                    changes.iter_mut().for_each(|change| change.forces_replacement = is_occupied(&change.field));
                }
                (Step { changes, reason, ..step(&node.address, Action::Create) }, Vec::new())
            }
        };
        let mut step = Step { deposed: self.known.deposed(&node.address), ..step };
        let blocked = self.given.blocked.get(&node.address).cloned();
        let blocked = blocked.or_else(|| Some(Blocked::With(self.blocked_dependency(&step)?)));
        let is_blocked = blocked.is_some();
        if let Some(blocked) = blocked {
            step = step.block(blocked);
        }
        let stays = matches!(step.action, Action::Update | Action::Nothing);
        // What a blocked one would have become, it does not.
        let uncertain = if is_blocked { Vec::new() } else { uncertain };
        self.decided.insert(&node.address, Decision { stays, uncertain, is_blocked });
        self.steps.push(step);
    }

    /// Whether the object is replaced in any case. One whose creation was not finished is what the last replacement has made.
    fn is_to_be_replaced(&self, address: &Address, object: &ObjectState) -> bool {
        let is_meant = |id: &Option<String>| id.is_none() || *id == object.id;
        object.phase == Phase::Ready && self.given.replace.get(address).is_some_and(is_meant)
    }

    /// What a step that does something refers to, and that is blocked.
    fn blocked_dependency(&self, step: &Step) -> Option<Address> {
        if self.given.blocked.is_empty() || step.is_idle() {
            return None;
        }
        let mut targets = self.graph.dependencies(&step.address).into_iter();
        let is_blocked = |target: &Address| self.decided.get(target).is_some_and(|decision| decision.is_blocked);
        targets.find(|target| is_blocked(target)).cloned()
    }

    fn wanted(&self, node: &Node, field: &'static str) -> Value {
        self.substitute(node.fields.get(field))
    }

    /// The value with all that is known before the apply put in place of the references.
    fn substitute(&self, value: Option<&Value>) -> Value {
        let Some(value) = value else { return Value::Json(Json::Null) };
        value.substitute(&|reference| self.attribute(reference))
    }

    fn attribute(&self, reference: &Reference) -> Option<Json> {
        let decision = self.decided.get(&reference.address)?;
        let certain = !decision.uncertain.contains(&reference.attribute.as_str());
        (decision.stays && certain).then(|| self.known.state.attribute(&reference.address, &reference.attribute))?
    }

    /// Adds the steps of the resources that are not in the program.
    fn delete_the_rest(&mut self, provider: &dyn Provider) {
        for address in going(self.graph, self.known.state) {
            let going = self.going(provider, address);
            self.steps.push(match self.given.blocked.get(address) {
                Some(blocked) => going.block(blocked.clone()),
                None => going,
            });
        }
    }

    /// The step of a resource that is not in the program.
    fn going(&self, provider: &dyn Provider, address: &Address) -> Step {
        let deposed = self.known.deposed(address);
        let Some(object) = self.known.state.current(address) else {
            // An interrupted replacement has deleted the current object, and left another one.
            return Step { deposed, ..step(address, Action::Nothing) };
        };
        let now = self.known.observation(address);
        // The refresh has seen to it that the kinds of all objects are known.
        let changes = provider.schema(address.kind()).map(|schema| {
            let inputs = deletion::inputs(self.graph, self.known.state, address, &Target::Current, object);
            removal(schema, object, now, &inputs)
        });
        let changes = changes.unwrap_or_default();
        let reason = match now {
            Some(_) => Some(UNSEEN).filter(|_| self.known.unseen.contains(address)),
            None => Some(absence(object)),
        };
        let (id, reason) = (object.id.clone(), reason.map(str::to_owned));
        Step { id, deposed, changes, reason, ..step(address, Action::Delete) }
    }

    fn outputs(&self) -> Vec<OutputChange> {
        let before = &self.known.state.outputs;
        let declared = self.graph.outputs().iter().map(|output| OutputChange {
            name: output.name.clone(),
            before: before.get(&output.name).cloned(),
            after: Some(self.substitute(Some(&output.value))),
        });
        let names: HashSet<_> = self.graph.outputs().iter().map(|output| &output.name).collect();
        let going = before.iter().filter(|(name, _)| !names.contains(name));
        let going =
            going.map(|(name, value)| OutputChange { name: name.clone(), before: Some(value.clone()), after: None });
        declared.chain(going).collect()
    }
}

impl<'a> Known<'a> {
    /// What the current object of `address` is now, if it exists.
    fn observation(&self, address: &Address) -> Option<&'a Observation> {
        self.observations.get(address)?.as_deref()
    }

    /// The ids of the objects of `address` beside the current one.
    fn deposed(&self, address: &Address) -> Vec<String> {
        let entry = self.state.resources.get(address);
        let deposed = entry.into_iter().flat_map(|entry| &entry.deposed);
        deposed.map(|object| object.id.clone().unwrap_or_default()).collect()
    }

    /// Whether the resource has an earlier object that was finished, and none of its objects is referred to.
    fn is_unused_successor(&self, address: &Address) -> bool {
        let entry = self.state.resources.get(address);
        let has_predecessor =
            entry.is_some_and(|entry| entry.deposed.iter().any(|object| object.phase == Phase::Ready));
        has_predecessor && !self.state.objects().any(|(_, object)| object.depends_on.contains(address))
    }
}

/// The step of a resource whose object exists, and the attributes that the step may change.
fn compare(known: Known<'_>, node: &Node, object: &ObjectState, found: Difference) -> (Step, Vec<&'static str>) {
    let is_changed = !found.changes.is_empty();
    let reason = match object.phase {
        _ if known.unseen.contains(&node.address) => Some(UNSEEN),
        Phase::Creating | Phase::Created => Some(UNFINISHED),
        Phase::Ready if is_changed => None,
        Phase::Ready if object.is_being_deleted => Some(UNDELETED),
        Phase::Ready if object.attempted.is_some() => Some(INTERRUPTED),
        Phase::Ready if known.contested.contains(&node.address) => Some(CONTESTED),
        Phase::Ready if !found.adopted.is_empty() => Some(ADOPTED),
        Phase::Ready => known.completed.contains(&node.address).then_some(NEW_ATTRIBUTES),
    };
    let action = if found.changes.iter().any(|change| change.forces_replacement) {
        // Where its predecessor is still in use, an object that was never finished goes before a third one comes.
        let is_superfluous = object.phase != Phase::Ready && known.is_unused_successor(&node.address);
        let order = if is_superfluous { ReplaceOrder::DeleteFirst } else { replace_order(node.schema, &found.changes) };
        Action::Replace(order)
    } else if is_changed || reason.is_some() {
        Action::Update
    } else {
        Action::Nothing
    };
    let touched = |field: &&str| {
        found.adopted.contains(field)
            || found.changes.iter().any(|change| change.field == **field)
            || object.is_being_deleted
            || object.is_being_changed(field)
    };
    let attributes = node.schema.attributes.iter();
    let uncertain =
        attributes.filter(|attribute| object.phase != Phase::Ready || attribute.changes_with.iter().any(&touched));
    let uncertain = uncertain.map(|attribute| attribute.name).collect();
    let unchanged = if action == Action::Nothing { 0 } else { node.schema.fields.len() - found.changes.len() };
    let reason = reason.filter(|_| action == Action::Update).map(str::to_owned);
    let notes = found.ahead.into_iter().map(|(_, note)| note).collect();
    let found =
        Step { id: object.id.clone(), changes: found.changes, unchanged, reason, notes, ..step(&node.address, action) };
    (found, uncertain)
}

/// The resources that are in the state only, each before all that it refers to.
fn going<'a>(graph: &Graph, state: &'a State) -> Vec<&'a Address> {
    let going = || state.resources.keys().filter(|address| graph.node(address).is_none());
    let mut order = DiGraph::<&Address, ()>::new();
    let indices: HashMap<_, _> = going().map(|address| (address, order.add_node(address))).collect();
    for (address, object) in state.objects() {
        for target in &object.depends_on {
            if let (Some(&from), Some(&to)) = (indices.get(address), indices.get(target)) {
                order.update_edge(from, to, ());
            }
        }
    }
    // Older objects may refer in a circle, resource by resource. The order here is for the reader only.
    toposort(&order, None)
        .map_or_else(|_| going().collect(), |sorted| sorted.into_iter().map(|index| order[index]).collect())
}

/// Why nothing is seen of an object that is on record.
fn absence(object: &ObjectState) -> &'static str {
    match object.phase {
        Phase::Creating => UNSETTLED,
        _ if object.attempted.is_some() => HIDDEN,
        _ if object.is_being_deleted => DELETED,
        _ => GONE,
    }
}

/// What the schema has to say of the changes of a step.
fn notes(graph: &Graph, state: &State, step: &Step) -> Vec<String> {
    let known = graph.node(&step.address).zip(state.current(&step.address));
    let Some((node, object)) = known.filter(|_| matches!(step.action, Action::Update | Action::Replace(_))) else {
        return Vec::new();
    };
    let deletes = step.action != Action::Update;
    let fields = node.schema.fields.iter().filter(|field| field.note.is_some() && field.at_deletion == deletes);
    let said = deletion::inputs(graph, state, &step.address, &Target::Current, object);
    let notes = fields.filter_map(|field| {
        let change = step.changes.iter().find(|change| change.field == field.name);
        let values = if deletes {
            let value = said.get(field.name)?;
            (value, value)
        } else {
            (change?.before.as_ref()?, change?.after.as_ref()?.as_json()?)
        };
        field.note?(values.0, values.1)
    });
    notes.collect()
}

/// What to write if a new resource is one of the earlier ones.
fn doubt(earlier: &[Address]) -> String {
    let names = earlier.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let name = earlier.first().map_or("", Address::name);
    format!("if it is {names} under another name, add `stack.moved(\"{name}\", &..)`, and it keeps the object")
}

/// All that others have changed, but for what the cloud came to by itself.
fn all_drift(
    provider: &dyn Provider,
    graph: &Graph,
    refreshed: &Refreshed,
    ahead: &HashSet<(&Address, &str)>,
) -> Vec<Drift> {
    let each = refreshed.observations.iter().flat_map(|(address, now)| {
        let known = refreshed.state.current(address).zip(provider.schema(address.kind()));
        known
            .map(|(object, schema)| drift(schema, address, graph.node(address), object, now.as_deref()))
            .unwrap_or_default()
    });
    let is_ahead = |drift: &Drift| ahead.contains(&(&drift.address, drift.field.as_deref().unwrap_or_default()));
    each.filter(|drift| !is_ahead(drift)).collect()
}

fn step(address: &Address, action: Action) -> Step {
    Step {
        address: address.clone(),
        moved_from: None,
        action,
        id: None,
        deposed: Vec::new(),
        changes: Vec::new(),
        unchanged: 0,
        reason: None,
        notes: Vec::new(),
        loss: None,
        blocked: None,
    }
}
