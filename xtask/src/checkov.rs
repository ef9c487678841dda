//! checkov, the scanner of the field, reads the export of every example and finds nothing.

use std::{path::Path, process::Command};

use serde_json::Value as Json;

use crate::{
    pypi::{Installed, Package},
    step::{self, Outcome},
    terraform,
    workspace::Workspace,
};

const PACKAGE: Package = Package { name: "checkov", version: "3.3.30" };

/// Exports and scans each example; one line for each, with the number of checks that passed.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let checkov = match PACKAGE.find_or_install(workspace) {
        Ok(checkov) => checkov,
        Err(outcome) => return outcome,
    };
    match scan_all(workspace, &checkov) {
        Ok(0) => Outcome::Ok,
        Ok(1) => Outcome::Failed("1 export is not clean".to_owned()),
        Ok(count) => Outcome::Failed(format!("{count} exports are not clean")),
        Err(problem) => Outcome::Failed(problem),
    }
}

/// The number of examples in which something is found.
fn scan_all(workspace: &Workspace, checkov: &Installed) -> Result<usize, String> {
    let folder = workspace.empty_folder("checkov-exports")?;
    let programs = terraform::build(workspace)?;
    let mut failed = 0;
    for package in workspace.programs() {
        let program = programs.get(&package.name).ok_or_else(|| format!("cargo built no {}", package.name))?;
        let export = folder.join(&package.name);
        terraform::export(workspace, package, program, &export)?;
        match Findings::read(&scan(checkov, &export)?)? {
            Findings { passed, failed: found } if found.is_empty() => {
                println!("{}: checkov finds nothing; {passed} checks passed", package.name);
            }
            Findings { passed, failed: found } => {
                println!("{}: FAILED; {passed} checks passed\n{}", package.name, found.join("\n"));
                failed += 1;
            }
        }
    }
    Ok(failed)
}

fn scan(checkov: &Installed, export: &Path) -> Result<String, String> {
    let mut command: Command = checkov.python();
    // It reads `.tf.json` only as this framework: as `terraform` it scans nothing, and says that all is well. `--soft-fail`
    // leaves it to us to tell findings from a failure of its own.
    command.args(["-m", "checkov.main", "--framework", "terraform_json", "--output", "json", "--quiet", "--soft-fail"]);
    step::capture(command.arg("--directory").arg(export).current_dir(export))
}

/// What checkov says of one export.
#[derive(Debug)]
struct Findings {
    passed: u64,
    failed: Vec<String>,
}

impl Findings {
    /// Reads checkov's report.
    ///
    /// # Errors
    /// When the report is none, when a file could not be parsed, and when nothing was scanned, which is no success.
    fn read(report: &str) -> Result<Self, String> {
        let report: Json = serde_json::from_str(report).map_err(|error| format!("checkov's report: {error}"))?;
        let summary = &report["summary"];
        let passed = summary["passed"].as_u64().unwrap_or_default();
        if passed == 0 {
            return Err(format!("checkov {} scanned nothing", PACKAGE.version));
        }
        if summary["parsing_errors"].as_u64() != Some(0) {
            return Err(format!("checkov cannot read the export: {summary}"));
        }
        let failed = report["results"]["failed_checks"].as_array().into_iter().flatten().map(|check| {
            let text = |name: &str| check[name].as_str().unwrap_or_default();
            format!("  {} {}: {}", text("check_id"), text("resource"), text("check_name"))
        });
        let failed: Vec<_> = failed.collect();
        if summary["failed"].as_u64() != Some(failed.len() as u64) {
            return Err(format!("checkov counts {} findings, and names {}", summary["failed"], failed.len()));
        }
        Ok(Self { passed, failed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_of_nothing_is_no_success() {
        // What checkov prints where it found no file for its framework.
        let nothing = r#"{"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0}"#;
        assert!(Findings::read(nothing).unwrap_err().contains("scanned nothing"));
    }

    #[test]
    fn a_finding_is_named_with_its_resource() {
        let report = serde_json::json!({
            "summary": {"passed": 3, "failed": 1, "parsing_errors": 0},
            "results": {"failed_checks": [{"check_id": "CKV_AWS_7", "resource": "aws_kms_key.a", "check_name": "Rotation"}]},
        });
        let findings = Findings::read(&report.to_string()).unwrap();
        assert_eq!((findings.passed, findings.failed), (3, vec!["  CKV_AWS_7 aws_kms_key.a: Rotation".to_owned()]));
    }
}
