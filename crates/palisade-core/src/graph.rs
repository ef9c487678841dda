//! [`Graph`]: a stack as the graph of its references.

use std::collections::HashMap;

use petgraph::{
    Direction,
    graph::{DiGraph, NodeIndex},
};

use crate::{AcceptedRisk, Address, Node, OutputNode, Rename, Stack};

/// The resources of a stack, with an edge from each to all that it refers to.
///
/// It has no cycle, and no reference leads out of it: a program gets the handle of a resource only by adding it, so it can
/// refer only to what stands in the stack already.
#[derive(Clone, Debug)]
pub struct Graph {
    name: String,
    graph: DiGraph<Node, ()>,
    indices: HashMap<Address, NodeIndex>,
    outputs: Vec<OutputNode>,
    accepted: Vec<AcceptedRisk>,
    renames: Vec<Rename>,
}

impl Graph {
    /// The graph of `stack`. Of two resources with one address, which [`Stack::findings`] reports, the first stands.
    pub fn new(stack: &Stack) -> Self {
        let mut graph = DiGraph::new();
        let mut indices = HashMap::new();
        for node in stack.nodes() {
            indices.entry(node.address.clone()).or_insert_with(|| graph.add_node(node.clone()));
        }
        for node in stack.nodes() {
            for reference in node.references() {
                // A handle of another stack, which `Stack::findings` reports, has no node here.
                if let Some(&target) = indices.get(&reference.address) {
                    graph.update_edge(indices[&node.address], target, ());
                }
            }
        }
        let (outputs, accepted) = (stack.outputs().to_vec(), stack.accepted_risks().to_vec());
        Self { name: stack.name().to_owned(), graph, indices, outputs, accepted, renames: stack.renames().to_vec() }
    }

    /// A graph without resources, which is what `destroy` plans for.
    pub fn empty(name: impl Into<String>) -> Self {
        Self::new(&Stack::new(name))
    }

    /// The stack's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The resource at `address`.
    pub fn node(&self, address: &Address) -> Option<&Node> {
        self.indices.get(address).map(|&index| &self.graph[index])
    }

    /// All resources, each after those that it refers to.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        // The order of declaration is a topological one; see the type.
        self.graph.node_weights()
    }

    /// The resources that `address` refers to, in the order of their declaration.
    pub fn dependencies(&self, address: &Address) -> Vec<&Address> {
        self.neighbors(address, Direction::Outgoing)
    }

    /// The resources that refer to `address`, in the order of their declaration.
    pub fn dependents(&self, address: &Address) -> Vec<&Address> {
        self.neighbors(address, Direction::Incoming)
    }

    /// The outputs of the stack.
    pub fn outputs(&self) -> &[OutputNode] {
        &self.outputs
    }

    /// The risks that the program accepts.
    pub fn accepted_risks(&self) -> &[AcceptedRisk] {
        &self.accepted
    }

    /// The earlier names of resources that the program declares.
    pub fn renames(&self) -> &[Rename] {
        &self.renames
    }

    fn neighbors(&self, address: &Address, direction: Direction) -> Vec<&Address> {
        let Some(&index) = self.indices.get(address) else { return Vec::new() };
        let mut found: Vec<_> = self.graph.neighbors_directed(index, direction).collect();
        found.sort();
        found.into_iter().map(|index| &self.graph[index].address).collect()
    }
}
