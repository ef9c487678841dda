//! Values as Terraform's users know them: texts in quotes, lists in `[]`, maps in `{}` with `=`.

use palisade_core::{Json, Reference, Value};

use super::style::{ADDED, CHANGED, FAINT, REMOVED, paint};

/// How many columns a value may fill on one line, its margin included.
const WIDTH: usize = 100;

/// What stands before a line of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sign {
    /// `+`
    Added,
    /// `~`
    Changed,
    /// `-`
    Removed,
    /// Nothing, and no room for it: the value is shown for itself.
    None,
}

impl Sign {
    /// The sign and a space, with color; empty for [`Sign::None`].
    pub(crate) fn text(self) -> String {
        match self {
            Self::Added => paint(ADDED, "+") + " ",
            Self::Changed => paint(CHANGED, "~") + " ",
            Self::Removed => paint(REMOVED, "-") + " ",
            Self::None => String::new(),
        }
    }

    fn columns(self) -> usize {
        if self == Self::None { 0 } else { 2 }
    }
}

/// A value, one level deep.
enum Shape {
    Scalar(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Shape {
    fn of(value: &Value) -> Self {
        match value {
            Value::Json(Json::Array(items)) => Self::List(items.iter().cloned().map(Value::Json).collect()),
            Value::Json(Json::Object(entries)) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect())
            }
            // The text of a scalar in JSON is the one that Terraform shows, with control characters escaped.
            Value::Json(scalar) => Self::Scalar(scalar.to_string()),
            Value::List(items) | Value::Set(items) => Self::List(items.clone()),
            Value::Map(entries) => Self::Map(entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
            Value::Reference(reference) => Self::Scalar(unknown(reference)),
        }
    }
}

/// What stands for a value that nobody knows before the apply, with where it will come from.
fn unknown(Reference { address, attribute }: &Reference) -> String {
    format!("(known after apply: {address}'s {attribute})")
}

/// The value on one line.
pub(crate) fn inline(value: &Value) -> String {
    match Shape::of(value) {
        Shape::Scalar(text) => text,
        Shape::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Shape::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Shape::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// The value after a name that ends in column `column`, on one line if it fits, else on several. `margin` is the column of
/// the sign before the name, and `sign` stands before each further line.
pub(crate) fn layout(value: &Value, margin: usize, column: usize, sign: Sign) -> String {
    let short = inline(value);
    if column + short.chars().count() <= WIDTH {
        return short;
    }
    let close = margin + sign.columns();
    let start = |text: String| format!("\n{}{}{text}", spaces(close + 2), sign.text());
    let inner = close + 2 + sign.columns();
    match Shape::of(value) {
        Shape::Scalar(text) => text,
        Shape::List(items) => {
            let lines = items.iter().map(|item| start(layout(item, close + 2, inner, sign) + ","));
            format!("[{}\n{}]", lines.collect::<String>(), spaces(close))
        }
        Shape::Map(entries) => {
            let width = entries.iter().map(|(name, _)| key(name).chars().count()).max().unwrap_or(0);
            let lines = entries.iter().map(|(name, value)| {
                let value = layout(value, close + 2, inner + width + 3, sign);
                start(format!("{:width$} = {value}", key(name)))
            });
            format!("{{{}\n{}}}", lines.collect::<String>(), spaces(close))
        }
    }
}

/// A change after a name that ends in column `column`: on one line if it fits, else the items that differ.
pub(crate) fn change(before: &Value, after: &Value, margin: usize, column: usize) -> String {
    let short = format!("{} -> {}", inline(before), inline(after));
    if column + short.chars().count() <= WIDTH {
        return short;
    }
    let close = margin + Sign::Changed.columns();
    let lines = match (Shape::of(before), Shape::of(after)) {
        (Shape::List(before), Shape::List(after)) => ("[", list_changes(&before, &after, close + 2), "]"),
        (Shape::Map(before), Shape::Map(after)) => ("{", map_changes(&before, &after, close + 2), "}"),
        _ => ("", Vec::new(), ""),
    };
    match lines {
        // Lists of the same items in another order end here too: both are shown in full.
        (_, lines, _) if lines.is_empty() => {
            let before = layout(before, margin, column, Sign::Removed);
            format!("{before} -> {}", layout(after, margin, column, Sign::Added))
        }
        (open, lines, end) => format!("{open}\n{}\n{}{end}", lines.join("\n"), spaces(close)),
    }
}

fn list_changes(before: &[Value], after: &[Value], margin: usize) -> Vec<String> {
    let line = |item: &Value, sign: Sign| {
        format!("{}{}{},", spaces(margin), sign.text(), layout(item, margin, margin + 2, sign))
    };
    let gone = before.iter().filter(|item| !after.contains(item)).map(|item| line(item, Sign::Removed));
    let new = after.iter().filter(|item| !before.contains(item)).map(|item| line(item, Sign::Added));
    let mut lines: Vec<_> = gone.chain(new).collect();
    if !lines.is_empty() {
        lines.extend(hidden(after.iter().filter(|item| before.contains(item)).count(), "item", margin));
    }
    lines
}

fn map_changes(before: &[(String, Value)], after: &[(String, Value)], margin: usize) -> Vec<String> {
    let find = |entries: &[(String, Value)], name: &str| {
        entries.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    let mut names: Vec<_> = before.iter().chain(after).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let width = names.iter().map(|name| key(name).chars().count()).max().unwrap_or(0);
    let column = margin + 2 + width + 3;
    let (mut lines, mut unchanged) = (Vec::new(), 0);
    for name in names {
        let (sign, text) = match (find(before, name), find(after, name)) {
            (Some(before), Some(after)) if before == after => {
                unchanged += 1;
                continue;
            }
            (Some(before), Some(after)) => (Sign::Changed, change(&before, &after, margin, column)),
            (Some(before), None) => (Sign::Removed, layout(&before, margin, column, Sign::Removed)),
            (None, Some(after)) => (Sign::Added, layout(&after, margin, column, Sign::Added)),
            (None, None) => continue,
        };
        lines.push(format!("{}{}{:width$} = {text}", spaces(margin), sign.text(), key(name)));
    }
    lines.extend(hidden(unchanged, "entry", margin));
    lines
}

/// The line that stands for what is not shown, as it stays as it is.
pub(crate) fn hidden(count: usize, what: &str, margin: usize) -> Option<String> {
    let plural = match what.strip_suffix('y') {
        _ if count == 1 => what.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    };
    (count > 0)
        .then(|| format!("{}{}", spaces(margin + 2), paint(FAINT, format!("# ({count} unchanged {plural} hidden)"))))
}

/// A key of a map: in quotes, as it is a text and not a name.
fn key(name: &str) -> String {
    Json::from(name).to_string()
}

pub(crate) fn spaces(count: usize) -> String {
    " ".repeat(count)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use palisade_core::Address;
    use serde_json::json;

    use super::*;
    use crate::render::style::plain;

    fn shown(value: impl Into<Value>) -> String {
        plain(&layout(&value.into(), 0, 8, Sign::None))
    }

    fn changed(before: Json, after: Json) -> String {
        plain(&change(&before.into(), &after.into(), 0, 8))
    }

    fn words(letter: &str, count: usize) -> Vec<String> {
        (0..count).map(|i| format!("{}{i}", letter.repeat(20))).collect()
    }

    #[test]
    fn a_short_value_is_on_one_line() {
        assert_snapshot!(shown(json!("a \"b\" \u{1b}[0m\n")), @r#""a \"b\" \u001b[0m\n""#);
        assert_snapshot!(shown(json!([1, true, null, "x", [], {}])), @r#"[1, true, null, "x", [], {}]"#);
        assert_snapshot!(shown(json!({ "Name": "x", "b": [1] })), @r#"{ "Name" = "x", "b" = [1] }"#);
        let reference = Reference { address: Address::new("Vpc", "main"), attribute: "id".to_owned() };
        assert_snapshot!(shown(Value::list(vec![Value::Reference(reference), json!("x").into()])), @r#"[(known after apply: Vpc.main's id), "x"]"#);
    }

    #[test]
    fn a_long_value_has_a_line_for_each_item() {
        assert_snapshot!(shown(json!({ "list": words("a", 6), "n": 1 })), @r#"
        {
          "list" = [
            "aaaaaaaaaaaaaaaaaaaa0",
            "aaaaaaaaaaaaaaaaaaaa1",
            "aaaaaaaaaaaaaaaaaaaa2",
            "aaaaaaaaaaaaaaaaaaaa3",
            "aaaaaaaaaaaaaaaaaaaa4",
            "aaaaaaaaaaaaaaaaaaaa5",
          ]
          "n"    = 1
        }
        "#);
        assert_snapshot!(plain(&layout(&json!([words("a", 5), "x"]).into(), 6, 20, Sign::Added)), @r#"
        [
                  + [
                      + "aaaaaaaaaaaaaaaaaaaa0",
                      + "aaaaaaaaaaaaaaaaaaaa1",
                      + "aaaaaaaaaaaaaaaaaaaa2",
                      + "aaaaaaaaaaaaaaaaaaaa3",
                      + "aaaaaaaaaaaaaaaaaaaa4",
                    ],
                  + "x",
                ]
        "#);
    }

    #[test]
    fn a_long_change_shows_the_items_that_differ() {
        let (mut before, mut after) = (words("a", 6), words("a", 6));
        before.push("gone".to_owned());
        after.insert(0, "new".to_owned());
        assert_snapshot!(changed(json!(before), json!(after)), @r#"
        [
            - "gone",
            + "new",
              # (6 unchanged items hidden)
          ]
        "#);
        let before = json!({ "gone": words("b", 2), "same": words("c", 4), "changed": 1 });
        let after = json!({ "same": words("c", 4), "changed": 2, "new": true });
        assert_snapshot!(changed(before, after), @r#"
        {
            ~ "changed" = 1 -> 2
            - "gone"    = ["bbbbbbbbbbbbbbbbbbbb0", "bbbbbbbbbbbbbbbbbbbb1"]
            + "new"     = true
              # (1 unchanged entry hidden)
          }
        "#);
    }

    #[test]
    fn a_change_of_the_order_alone_shows_both() {
        let before = words("a", 4);
        let after: Vec<_> = before.iter().rev().cloned().collect();
        assert_snapshot!(changed(json!(before), json!(after)), @r#"
        [
            - "aaaaaaaaaaaaaaaaaaaa0",
            - "aaaaaaaaaaaaaaaaaaaa1",
            - "aaaaaaaaaaaaaaaaaaaa2",
            - "aaaaaaaaaaaaaaaaaaaa3",
          ] -> [
            + "aaaaaaaaaaaaaaaaaaaa3",
            + "aaaaaaaaaaaaaaaaaaaa2",
            + "aaaaaaaaaaaaaaaaaaaa1",
            + "aaaaaaaaaaaaaaaaaaaa0",
          ]
        "#);
    }
}
