//! The graph as a drawing: Mermaid and DOT. An edge leads from a resource to what it refers to.

use std::collections::BTreeMap;

use palisade_core::{Address, Graph};

/// The graph in Mermaid.
pub(crate) fn mermaid(graph: &Graph) -> String {
    // An address may hold characters that Mermaid's ids cannot, so the ids are numbers.
    let numbers: BTreeMap<&Address, usize> = graph.nodes().map(|node| &node.address).zip(0..).collect();
    let mut text = "flowchart TD\n".to_owned();
    for node in graph.nodes() {
        let label = node.address.to_string().replace('&', "#amp;").replace('"', "#quot;");
        text += &format!("    r{}[\"{label}\"]\n", numbers[&node.address]);
    }
    for (from, to) in edges(graph) {
        text += &format!("    r{} --> r{}\n", numbers[from], numbers[to]);
    }
    text
}

/// The graph in DOT, for Graphviz.
pub(crate) fn dot(graph: &Graph) -> String {
    let mut text = format!("digraph {} {{\n    node [shape = box];\n", quoted(graph.name()));
    for node in graph.nodes() {
        text += &format!("    {};\n", quoted(&node.address.to_string()));
    }
    for (from, to) in edges(graph) {
        text += &format!("    {} -> {};\n", quoted(&from.to_string()), quoted(&to.to_string()));
    }
    text += "}\n";
    text
}

fn edges(graph: &Graph) -> impl Iterator<Item = (&Address, &Address)> {
    graph.nodes().flat_map(|node| graph.dependencies(&node.address).into_iter().map(|target| (&node.address, target)))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::tests::fake::{self, reference};

    fn graph() -> Graph {
        fake::graph(|stack| {
            stack.add("main", fake::thing());
            stack.add("a", fake::thing().set("parent", reference("main", "id")));
            stack
                .add("b", fake::thing().set("parent", reference("main", "id")).set("text", reference("a", "endpoint")));
        })
    }

    #[test]
    fn mermaid_draws_an_edge_to_what_is_referred_to() {
        assert_snapshot!(mermaid(&graph()), @r#"
        flowchart TD
            r0["Thing.main"]
            r1["Thing.a"]
            r2["Thing.b"]
            r1 --> r0
            r2 --> r0
            r2 --> r1
        "#);
    }

    #[test]
    fn dot_draws_an_edge_to_what_is_referred_to() {
        assert_snapshot!(dot(&graph()), @r#"
        digraph "test" {
            node [shape = box];
            "Thing.main";
            "Thing.a";
            "Thing.b";
            "Thing.a" -> "Thing.main";
            "Thing.b" -> "Thing.main";
            "Thing.b" -> "Thing.a";
        }
        "#);
    }

    #[test]
    fn what_the_languages_would_misread_is_escaped() {
        let odd = fake::graph(|stack| _ = stack.add("a\"\\&b", fake::thing()));
        assert_snapshot!(mermaid(&odd), @r#"
        flowchart TD
            r0["Thing.a#quot;\#amp;b"]
        "#);
        assert_snapshot!(dot(&odd), @r#"
        digraph "test" {
            node [shape = box];
            "Thing.a\"\\&b";
        }
        "#);
    }
}
