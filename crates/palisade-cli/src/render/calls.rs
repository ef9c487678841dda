//! The calls of a plan, as a table.

use std::collections::BTreeMap;

use palisade_core::calls::Count;

use super::style::{FAINT, STRONG, paint};
use crate::calls::{Forecast, Row};

/// How many resources are named. Of more, their number and kind is told.
const NAMED: usize = 2;

/// Both parts of the forecast.
pub(crate) fn calls(forecast: &Forecast) -> String {
    let Forecast { refresh, apply } = forecast;
    let mut text = part("Calls that read the account, now and once more before an apply:", refresh);
    if !apply.is_empty() {
        text.push('\n');
        text += &part("Calls that make the changes:", apply);
    }
    text
}

fn part(title: &str, rows: &[Row]) -> String {
    let mut text = format!("{}\n", paint(STRONG, title));
    if rows.is_empty() {
        return text + "  none\n";
    }
    let name = |row: &Row| format!("{}:{}", row.call.service, row.call.action);
    let names = rows.iter().map(|row| name(row).len()).max().unwrap_or_default();
    let counts = rows.iter().map(|row| count(row.call.count).len()).max().unwrap_or_default();
    for row in rows {
        let line = format!("  {:names$}  {:>counts$}  {}", name(row), count(row.call.count), resources(row));
        text += line.trim_end();
        text.push('\n');
    }
    text += &format!("  {}\n", paint(FAINT, total(rows)));
    text
}

fn count(count: Count) -> String {
    match count {
        Count::Exactly(times) => times.to_string(),
        Count::UpTo(times) => format!("up to {times}"),
        Count::AsNeeded => "as needed".to_owned(),
    }
}

fn resources(row: &Row) -> String {
    if row.resources.len() <= NAMED {
        return row.resources.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for address in &row.resources {
        *kinds.entry(address.kind()).or_default() += 1;
    }
    kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// How many calls there are that can be counted: those that change something, and the others.
fn total(rows: &[Row]) -> String {
    let sum = |writes: bool| {
        let (mut least, mut most) = (0, 0);
        for row in rows.iter().filter(|row| row.call.writes == writes) {
            match row.call.count {
                Count::Exactly(times) => (least, most) = (least + times, most + times),
                Count::UpTo(times) => most += times,
                Count::AsNeeded => {}
            }
        }
        if least == most { least.to_string() } else { format!("{least} to {most}") }
    };
    let waits = rows.iter().any(|row| row.call.count == Count::AsNeeded);
    let waits = if waits { ", besides those of waits" } else { "" };
    format!("in all: {} to change something, {} to read{waits}", sum(true), sum(false))
}
