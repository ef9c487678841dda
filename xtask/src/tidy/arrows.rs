//! Who depends on whom.

use std::fs;

use super::{
    Finding,
    rules::{ARROWS, EXAMPLES_MAY, May, SDK, SDK_OWNER},
};
use crate::{
    step,
    workspace::{Package, Workspace},
};

/// The arrows between the packages, as their manifests have them.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let check = |package: &Package| {
        let manifest = format!("{}/Cargo.toml", package.folder);
        // Only the numbers of lines come from the text.
        let text = fs::read_to_string(workspace.root.join(&manifest)).unwrap_or_default();
        check_package(package, &workspace.packages, &manifest, &text)
    };
    workspace.packages.iter().flat_map(check).collect()
}

fn check_package(package: &Package, packages: &[Package], manifest: &str, text: &str) -> Vec<Finding> {
    let error = |name: &str, wrong: String, instead| Finding::error(manifest, line_of_key(text, name), wrong, instead);
    let Some(may) = arrows_of(package) else {
        let wrong = format!("nothing says what {} may depend on", package.name);
        return vec![error("name", wrong, "add it to ARROWS in xtask/src/tidy/rules.rs")];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let ours = packages.iter().any(|package| package.name == name);
        if ours && !dependency.dev && matches!(may, May::Use(names) if !names.contains(&name)) {
            let wrong = format!("{} may not depend on {name}", package.name);
            findings.push(error(
                name,
                wrong,
                "move the code to the crate that may; the arrows are in xtask/src/tidy/rules.rs",
            ));
        }
        if is_sdk(name) && package.name != SDK_OWNER {
            let wrong = format!("{} depends on {name}, which takes minutes to compile", package.name);
            findings.push(error(name, wrong, "only palisade-live compiles an SDK: use the operations of palisade-aws"));
        }
    }
    findings
}

/// The line of a manifest that begins with a key.
fn line_of_key(text: &str, key: &str) -> usize {
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    text.lines().position(is_key).map_or(1, |at| at + 1)
}

fn arrows_of(package: &Package) -> Option<May> {
    if package.folder.starts_with("examples/") {
        return Some(EXAMPLES_MAY);
    }
    ARROWS.iter().find(|(name, _)| *name == package.name).map(|(_, may)| *may)
}

fn is_sdk(name: &str) -> bool {
    SDK.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a program that a user builds with nothing said compiles an SDK.
pub(super) fn check_default_builds(workspace: &Workspace) -> Vec<Finding> {
    let check = |package: &Package| {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let mut command = workspace.cargo();
        command.args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--package", &package.name]);
        match step::capture(&mut command) {
            Ok(tree) => sdk_in(&tree).map(|name| {
                let wrong = format!("the default build of {} compiles {name}", package.name);
                Finding::error(
                    &manifest,
                    1,
                    wrong,
                    "put what needs an SDK behind the feature `live`, which is no default",
                )
            }),
            Err(problem) => Some(Finding::error(&manifest, 1, problem, "cargo must be able to resolve the workspace")),
        }
    };
    workspace.programs().filter_map(check).collect()
}

fn sdk_in(tree: &str) -> Option<&str> {
    tree.lines().filter_map(|line| line.split(' ').next()).find(|name| is_sdk(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, folder: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependency = |&(name, dev): &(&str, bool)| Dependency { name: name.into(), dev };
        Package {
            name: name.into(),
            folder: folder.into(),
            dependencies: dependencies.iter().map(dependency).collect(),
        }
    }

    fn wrong(package: Package) -> Vec<String> {
        let others = ["palisade", "palisade-core", "palisade-aws"].map(|name| self::package(name, "crates/x", &[]));
        check_package(&package, &others, "Cargo.toml", "").into_iter().map(|finding| finding.wrong).collect()
    }

    #[test]
    fn a_finding_is_in_the_line_of_the_dependency() {
        let text = "[dependencies]\npalisade-core.workspace = true\npalisade = {}\n";
        assert_eq!(["palisade-core", "palisade", "serde"].map(|name| line_of_key(text, name)), [2, 3, 1]);
    }

    #[test]
    fn an_arrow_that_the_design_does_not_have_is_found() {
        let engine = |on: &[(&str, bool)]| wrong(package("palisade-engine", "crates/palisade-engine", on));
        assert_eq!(engine(&[("palisade-core", false), ("petgraph", false)]), [""; 0]);
        assert_eq!(engine(&[("palisade-aws", false)]), ["palisade-engine may not depend on palisade-aws"]);
        assert_eq!(engine(&[("palisade-aws", true)]), [""; 0], "tests are free");
    }

    #[test]
    fn an_sdk_is_for_the_live_crate_only_even_in_tests() {
        let sdk = [("aws-sdk-ec2", true), ("aws-config", false)];
        assert_eq!(wrong(package("palisade-live", "crates/palisade-live", &sdk)), [""; 0]);
        assert_eq!(wrong(package("palisade-aws", "crates/palisade-aws", &sdk)).len(), 2);
        assert_eq!(sdk_in("secured-redis v0.1.0 (x)\naws-sdk-ec2 v1.274.0\n"), Some("aws-sdk-ec2"));
        assert_eq!(sdk_in("secured-redis v0.1.0 (x)\npalisade-aws v0.1.0 (*)\n"), None);
    }

    #[test]
    fn examples_use_the_facade_and_a_new_package_needs_a_row() {
        assert_eq!(wrong(package("any", "examples/any", &[("palisade", false)])), [""; 0]);
        assert_eq!(wrong(package("any", "examples/any", &[("palisade-aws", false)])).len(), 1);
        assert_eq!(wrong(package("new", "crates/new", &[])), ["nothing says what new may depend on"]);
    }
}
