//! [`impossible`]: the steps of a plan that wait for each other.

use std::collections::HashSet;

use palisade_core::{Address, Finding, Graph, Span, joined_with_and};
use petgraph::{algo::tarjan_scc, graph::NodeIndex};

use crate::{
    Action, Plan, ReplaceOrder, State, Step,
    dependencies::is_released,
    replace_order::replace_order,
    steps::{Steps, Target, Task, Work, steps},
};

/// Why the plan cannot be carried out; empty if it can.
pub(crate) fn impossible(graph: &Graph, state: &State, plan: &Plan) -> Vec<Finding> {
    let steps = steps(graph, state, plan);
    let circles = tarjan_scc(&steps).into_iter().filter(|circle| circle.len() > 1);
    circles.flat_map(|circle| Circle { graph, state, plan, steps: &steps, circle }.findings()).collect()
}

/// Steps of which each waits for all others.
struct Circle<'a> {
    graph: &'a Graph,
    state: &'a State,
    plan: &'a Plan,
    steps: &'a Steps,
    circle: Vec<NodeIndex>,
}

impl Circle<'_> {
    /// A finding for each object that has to go before another one lets go of it.
    fn findings(&self) -> Vec<Finding> {
        let inside: HashSet<_> = self.circle.iter().copied().collect();
        let mut findings = Vec::new();
        for &holder in self.circle.iter().filter(|&&step| self.steps[step].task == Task::Update) {
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
        match step.filter(|step| step.action == Action::Replace(ReplaceOrder::DeleteFirst)) {
            Some(step) => self.replaced(holder, step),
            None => self.renamed(holder, address, held),
        }
    }

    fn replaced(&self, holder: &Address, step: &Step) -> Option<Finding> {
        let (held, holder) = (self.graph.node(&step.address)?, self.graph.node(holder)?);
        let field = &step.changes.iter().find(|change| change.forces_replacement)?.field;
        let root = self.graph.node(self.root(&step.address)?)?;
        let identity = identity_fields(root.schema);
        let why = if root.address == held.address {
            format!("two objects with one {identity} cannot exist at a time")
        } else {
            format!("it has to go before {}, which is replaced under the same {identity}", root.address)
        };
        let mut spans = vec![
            Span::new(held.location, format!("is replaced, as `{field}` changes")),
            Span::new(holder.location, format!("refers to {} and stays", held.address)),
        ];
        if root.address != held.address {
            spans.push(Span::new(root.location, "is deleted before its successor is created"));
        }
        Some(Finding {
            message: format!(
                "{} cannot be replaced while {} refers to it: a change of `{field}` forces the replacement, and {why}",
                held.address, holder.address
            ),
            spans,
            help: format!(
                "change {one_of_identity} of {} as well, so that the new object can be created before the old one is deleted",
                root.address,
                // Any one of the fields tells the two apart.
                one_of_identity = identity.replace(" and ", " or "),
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

    /// The object that goes has the identity of one that comes, and `holder` is to go over from the one to the other.
    fn renamed(&self, holder: &Address, held: &Address, deletion: NodeIndex) -> Option<Finding> {
        let holder = self.graph.node(holder)?;
        // Of all creations, only that of a namesake waits for a deletion that is no part of a replacement.
        let mut waiting = self.steps.neighbors(deletion).filter(|step| self.circle.contains(step));
        let creation = waiting.find(|&step| matches!(self.steps[step].task, Task::Create { .. }))?;
        let successor = self.graph.node(&self.steps[creation].address)?;
        let identity = identity_fields(successor.schema);
        Some(Finding {
            message: format!(
                "{} cannot be created before an object of {held} is deleted, as the two have one {identity}, and {} refers \
                 to the old one until the new one exists",
                successor.address, holder.address
            ),
            spans: vec![
                Span::new(successor.location, "cannot be created"),
                Span::new(holder.location, format!("refers to {held} until it is changed")),
            ],
            help: format!("give {} another {identity}, or take it under its old name", successor.address),
        })
    }

    fn in_general(&self) -> Finding {
        let mut addresses: Vec<&Address> = self.circle.iter().map(|&step| &self.steps[step].address).collect();
        addresses.sort();
        addresses.dedup();
        let names: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let nodes = addresses.iter().filter_map(|address| self.graph.node(address));
        Finding {
            message: format!("the changes of {} wait for each other", names.join(", ")),
            spans: nodes.map(|node| Span::new(node.location, "is changed")).collect(),
            help: "make one of the changes in an apply of its own".to_owned(),
        }
    }
}

/// The identity of a kind as a text, as in "`user_id`".
fn identity_fields(schema: &palisade_core::Schema) -> String {
    let names: Vec<_> =
        schema.fields.iter().filter(|field| field.identity).map(|field| format!("`{}`", field.name)).collect();
    joined_with_and(&names)
}
