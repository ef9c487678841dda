//! Whether one step waits for another, however many are between them.

use std::collections::HashSet;

use petgraph::{
    Direction,
    graph::{NodeIndex, WalkNeighbors},
};

use super::Steps;

/// Whether `to` waits for `from`.
///
/// Both ends are searched from, in turn, and the search is over when there is nothing more at one of them. An object to which very
/// many others refer has very many steps on one side of its own, and few on the other one.
pub(super) fn reaches(steps: &Steps, from: NodeIndex, to: NodeIndex) -> bool {
    let (mut after, mut before) = (Search::new(from, Direction::Outgoing), Search::new(to, Direction::Incoming));
    from == to
        || loop {
            match (after.next(steps), before.next(steps)) {
                (Some(step), _) if step == to => break true,
                (_, Some(step)) if step == from => break true,
                (None, _) | (_, None) => break false,
                _ => {}
            }
        }
}

/// A walk from one step, edge by edge.
struct Search {
    direction: Direction,
    seen: HashSet<NodeIndex>,
    /// The steps that are not walked from yet.
    open: Vec<NodeIndex>,
    edges: Option<WalkNeighbors<u32>>,
}

impl Search {
    fn new(start: NodeIndex, direction: Direction) -> Self {
        Self { direction, seen: HashSet::from([start]), open: vec![start], edges: None }
    }

    /// The step at the end of the next edge, which may have been seen before.
    fn next(&mut self, steps: &Steps) -> Option<NodeIndex> {
        loop {
            if let Some((_, step)) = self.edges.as_mut().and_then(|edges| edges.next(steps)) {
                if self.seen.insert(step) {
                    self.open.push(step);
                }
                return Some(step);
            }
            let step = self.open.pop()?;
            self.edges = Some(steps.neighbors_directed(step, self.direction).detach());
        }
    }
}
