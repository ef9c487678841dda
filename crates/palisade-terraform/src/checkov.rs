//! What checkov is told about a document.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use palisade_core::{Catalogue, Graph, terraform::TerraformResource};

/// The checks that checkov leaves out, each with the resources that are the reason.
///
/// checkov reads no exception for one resource from a JSON file, so a check is left out for the whole folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Exceptions(BTreeMap<&'static str, String>);

impl Exceptions {
    pub(crate) fn new<'a>(graph: &Graph, resources: impl Iterator<Item = &'a TerraformResource>) -> Self {
        let mut exceptions = Self::default();
        for risk in graph.accepted_risks() {
            let checks = risk.rule.controls.iter().filter(|control| control.catalogue == Catalogue::Checkov);
            for check in checks {
                exceptions.add(check.id, &format!("{}: an accepted risk: {}", risk.address, risk.reason));
            }
        }
        for resource in resources {
            for (check, why) in &resource.unseen_by_checkov {
                exceptions.add(check, &format!("{}: {why}", resource.address));
            }
        }
        exceptions
    }

    fn add(&mut self, check: &'static str, why: &str) {
        let why = format!("  # {why}\n");
        match self.0.entry(check) {
            Entry::Vacant(entry) => drop(entry.insert(why)),
            Entry::Occupied(mut entry) => entry.get_mut().push_str(&why),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As a configuration that checkov finds by itself in the folder that it scans.
impl fmt::Display for Exceptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "skip-check:")?;
        self.0.iter().try_for_each(|(check, why)| writeln!(f, "{why}  - {check}"))
    }
}
