//! [`impossible`]: the steps of a plan that wait for each other.

use std::collections::{BTreeSet, HashSet};

use palisade_core::{Address, FieldSchema, Finding, Graph, Json, Node, Span, Value, joined_with_and};
use petgraph::{algo::tarjan_scc, graph::NodeIndex, visit::EdgeRef};

use crate::{
    Action, ObjectState, Plan, ReplaceOrder, State, Step, StepKind,
    dependencies::is_released,
    replace_order::replace_order,
    steps::{Steps, Target, Task, Wait, Work, steps},
};

/// Why the plan cannot be carried out; empty if it can.
pub(crate) fn impossible(graph: &Graph, state: &State, plan: &Plan) -> Vec<Finding> {
    let steps = steps(graph, state, plan);
    let circles = tarjan_scc(&steps).into_iter().filter(|circle| circle.len() > 1);
    circles.flat_map(|circle| Circle { graph, state, plan, steps: &steps, circle }.findings()).collect()
}

/// Steps of which each waits for all others.
///
/// There is a step among them that leaves an object, and one that deletes the object: all other waits lead from what is referred to
/// to what refers to it, or from a deletion to a creation. The orders that are only preferred close no circle.
struct Circle<'a> {
    graph: &'a Graph,
    state: &'a State,
    plan: &'a Plan,
    steps: &'a Steps,
    circle: Vec<NodeIndex>,
}

/// Why an object cannot be created before another one is deleted, and what it must have instead.
struct Conflict {
    why: String,
    cure: String,
}

impl Circle<'_> {
    /// A finding for each object that has to go before another one lets go of it.
    fn findings(&self) -> Vec<Finding> {
        let inside: HashSet<_> = self.circle.iter().copied().collect();
        let mut findings = Vec::new();
        for &holder in self.circle.iter().filter(|&&step| self.steps[step].kind() != StepKind::Delete) {
            for held in self.steps.neighbors(holder).filter(|held| inside.contains(held)) {
                findings.extend(self.held(&self.steps[holder].address, held));
            }
        }
        if findings.is_empty() { vec![self.in_general()] } else { findings }
    }

    /// If `held` is the deletion of an object that `holder` refers to until its successor exists: why that cannot wait.
    fn held(&self, holder: &Address, held: NodeIndex) -> Option<Finding> {
        let Work { address, task: Task::Delete(target) } = &self.steps[held] else { return None };
        let step = self.plan.step(address).filter(|_| *target == Target::Current);
        let replaced = step.filter(|step| step.action == Action::Replace(ReplaceOrder::DeleteFirst));
        replaced.and_then(|step| self.replaced(holder, step)).or_else(|| self.taken_over(holder, held))
    }

    /// The object has to go before its own successor comes, or before that of another one to which it refers.
    fn replaced(&self, holder: &Address, step: &Step) -> Option<Finding> {
        let (held, holder) = (self.graph.node(&step.address)?, self.graph.node(holder)?);
        let forced = step.changes.iter().find(|change| change.forces_replacement);
        let of_another = step.moved_from.as_ref().map(|earlier| format!(" of what was {earlier}")).unwrap_or_default();
        let (label, cause) = match forced.map(|change| &change.field) {
            Some(field) => (
                format!("is replaced, as `{field}`{of_another} changes"),
                format!("a change of `{field}` forces the replacement"),
            ),
            None if self.plan.replace.contains(&step.address) => {
                ("is replaced, as that was asked for".to_owned(), "its replacement was asked for".to_owned())
            }
            None => return None,
        };
        let root = self.graph.node(self.root(&step.address)?)?;
        let Conflict { why, cure } = conflict(root, self.state.current(&root.address)?);
        let why = if root.address == held.address {
            why
        } else {
            format!("it has to go before {}, of which {why}", root.address)
        };
        let mut spans = vec![
            Span::new(held.location, label),
            Span::new(holder.location, format!("refers to {} and stays", held.address)),
        ];
        if root.address != held.address {
            spans.push(Span::new(root.location, "is deleted before its successor is created"));
        }
        Some(Finding {
            message: format!(
                "{} cannot be replaced while {} refers to it: {cause}, and {why}",
                held.address, holder.address
            ),
            spans,
            help: format!(
                "give {} {cure}, so that its new object can be created before the old one is deleted",
                root.address
            ),
        })
    }

    /// The resource by which `address` has come to be deleted first, if that is one that keeps its identity.
    fn root<'s>(&'s self, address: &'s Address) -> Option<&'s Address> {
        let mut root = address;
        // Each round goes to a dependency, and there are not more of them than steps.
        for _ in &self.plan.steps {
            let (node, step) = self.graph.node(root).zip(self.plan.step(root))?;
            if replace_order(node.schema, &step.changes) == ReplaceOrder::DeleteFirst {
                return Some(root);
            }
            let object = self.state.current(root)?;
            let first = |step: &&Step| {
                step.action == Action::Replace(ReplaceOrder::DeleteFirst)
                    && object.depends_on.contains(&step.address)
                    && !self
                        .state
                        .current(&step.address)
                        .is_some_and(|target| is_released(Some(node.schema), object, &step.address, target))
            };
            root = &self.plan.steps.iter().find(first)?.address;
        }
        None
    }

    /// The object that goes has the identity of one that comes for another resource, and `holder` is to go over to what comes.
    fn taken_over(&self, holder: &Address, deletion: NodeIndex) -> Option<Finding> {
        let Work { address: held, task: Task::Delete(target) } = &self.steps[deletion] else { return None };
        let holder = self.graph.node(holder)?;
        let mut waiting = self.steps.edges(deletion).filter(|edge| self.circle.contains(&edge.target()));
        let creation = waiting.find(|edge| *edge.weight() == Wait::Identity)?.target();
        let successor = self.graph.node(&self.steps[creation].address)?;
        let made = if self.steps[creation].kind() == StepKind::Create { "created" } else { "changed" };
        // One that is deposed by this very plan is still the current one.
        let mut objects = self.state.resources.get(held)?.objects();
        let object = match target {
            Target::Current => self.state.current(held),
            Target::Deposed(token) => objects.find(|object| object.token.digest == *token),
        };
        let Conflict { why, cure } = conflict(successor, object?);
        Some(Finding {
            message: format!(
                "{} cannot be {made} before an object of {held} is deleted, as {why}, and {} refers to the old one until the new \
                 one exists",
                successor.address, holder.address
            ),
            spans: vec![
                Span::new(successor.location, format!("cannot be {made}")),
                Span::new(holder.location, format!("refers to {held} until it is changed")),
            ],
            help: format!("give {} {cure}", successor.address),
        })
    }

    /// What is left if a resource that can get another identity in place is replaced, and others refer to it.
    fn in_general(&self) -> Finding {
        let addresses = |is_meant: fn(&Work) -> bool| {
            let steps = self.circle.iter().map(|&step| &self.steps[step]).filter(|work| is_meant(work));
            steps.map(|work| &work.address).collect::<BTreeSet<_>>()
        };
        let (all, holders) = (addresses(|_| true), addresses(|work| work.task == Task::Update));
        let names = |addresses: &BTreeSet<&Address>| {
            joined_with_and(&addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let nodes = all.iter().filter_map(|address| self.graph.node(address));
        Finding {
            message: format!("the changes of {} wait for each other", names(&all)),
            spans: nodes.map(|node| Span::new(node.location, "is changed")).collect(),
            help: format!(
                "take {}, with all that refers to them, out of the program for one apply, and add them again in the next",
                names(&holders)
            ),
        }
    }
}

/// Why the object of `node` and `old` cannot exist at a time.
fn conflict(node: &Node, old: &ObjectState) -> Conflict {
    let identity: Vec<_> = node.schema.fields.iter().filter(|field| field.identity).collect();
    let new = |field: &FieldSchema| node.fields.get(field.name).and_then(Value::as_json);
    let other = identity.iter().find_map(|&field| {
        let (new, old) = (new(field)?, old.input(field.name));
        (new != old).then(|| (field.name, text(new), text(old)))
    });
    if let Some((field, new, old)) = other {
        let why = format!("`{field}` {new} cannot exist beside {old}");
        return Conflict { why, cure: format!("a `{field}` that can exist beside {old}") };
    }
    let names = |fields: Vec<&&FieldSchema>| fields.iter().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>();
    let all = names(identity.iter().collect());
    // To what it belongs, other objects refer as well.
    let own = names(identity.iter().filter(|field| new(field).is_some()).collect());
    Conflict {
        why: format!("two objects with the same {} cannot exist at a time", joined_with_and(&all)),
        cure: format!("another {}", if own.is_empty() { all.join(" or ") } else { own.join(" or ") }),
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No declared program leads here: see [`Circle`]. If one ever does, the help is a way that always works, as nothing is left that
    /// leaves an object and is waited for.
    #[test]
    fn a_circle_of_another_form_is_broken_by_taking_out_what_leaves_an_object() {
        let (graph, state) = (Graph::empty("test"), State::new("test", "00"));
        let plan = Plan { stack: "test".to_owned(), ..Plan::default() };
        let mut steps = Steps::new();
        let works = [("Cache", Task::Update), ("Group", Task::Delete(Target::Current)), ("User", Task::Update)];
        let circle = works.map(|(kind, task)| steps.add_node(Work { address: Address::new(kind, "it"), task }));
        for (first, then) in [(0, 1), (1, 2), (2, 0)] {
            steps.add_edge(circle[first], circle[then], Wait::Needed);
        }
        let circle = Circle { graph: &graph, state: &state, plan: &plan, steps: &steps, circle: circle.to_vec() };
        let [finding] = &circle.findings()[..] else { panic!("there is one finding") };
        assert_eq!(finding.message, "the changes of Cache.it, Group.it and User.it wait for each other");
        assert_eq!(
            finding.help,
            "take Cache.it and User.it, with all that refers to them, out of the program for one apply, and add them again in the next"
        );
    }
}
