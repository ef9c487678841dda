//! The real Terraform reads the export of every example.

use std::{
    collections::{HashMap, VecDeque},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    ci,
    step::{self, Outcome},
    workspace::{Package, Workspace},
};

const PROVIDER_VERSION: &str = "5.100.0";
/// The part of a mirror's layout that comes before the provider's version.
const PROVIDER_FOLDER: &str = "registry.terraform.io/hashicorp/aws";
const SEARCH_LIMIT: Duration = Duration::from_secs(20);
const SEARCH_DEPTH: usize = 12;

/// Exports, initialises and validates each example; one line for each.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let config = match find(workspace) {
        Ok(config) => config,
        Err(outcome) => return outcome,
    };
    match validate_all(workspace, &config) {
        Ok(0) => Outcome::Ok,
        Ok(1) => Outcome::Failed("1 export is not valid".to_owned()),
        Ok(count) => Outcome::Failed(format!("{count} exports are not valid")),
        Err(problem) => Outcome::Failed(problem),
    }
}

/// Finds Terraform and its provider; the configuration that leads the one to the other.
///
/// # Errors
/// How a step ends without them: skipped, or failed where the configuration cannot be written.
pub(crate) fn find(workspace: &Workspace) -> Result<PathBuf, Outcome> {
    if step::capture(Command::new("terraform").arg("version").env("CHECKPOINT_DISABLE", "1")).is_err() {
        return Err(Outcome::Skipped("terraform is not on the PATH".to_owned()));
    }
    let Some(mirror) = find_mirror() else {
        return Err(Outcome::Skipped(format!("no hashicorp/aws {PROVIDER_VERSION} for terraform on this machine")));
    };
    let config = workspace.target.join("terraform.rc");
    write_config(&config, &mirror).map_err(Outcome::Failed)?;
    Ok(config)
}

/// The number of examples that fail.
fn validate_all(workspace: &Workspace, config: &Path) -> Result<usize, String> {
    let folder = workspace.empty_folder("terraform")?;
    let programs = build(workspace)?;
    let mut failed = 0;
    for package in workspace.programs() {
        let begin = Instant::now();
        let Some(program) = programs.get(&package.name) else {
            return Err(format!("cargo built no program for {}", package.name));
        };
        let result = validate(workspace, package, program, &folder.join(&package.name), config);
        let took = begin.elapsed().as_secs_f64();
        match result {
            Ok(()) => println!("{}: terraform validate accepts the export ({took:.1} s)", package.name),
            Err(problem) => {
                println!("{}: FAILED ({took:.1} s)\n{problem}", package.name);
                failed += 1;
            }
        }
    }
    Ok(failed)
}

fn validate(workspace: &Workspace, package: &Package, program: &Path, out: &Path, config: &Path) -> Result<(), String> {
    export(workspace, package, program, out)?;
    let terraform = |arguments: &[&str]| {
        let mut command = Command::new("terraform");
        command.current_dir(out).args(arguments).env("TF_CLI_CONFIG_FILE", config).env("CHECKPOINT_DISABLE", "1");
        // Another folder for the provider, or other arguments, would make the check mean something else.
        step::capture(command.env_remove("TF_DATA_DIR").env_remove("TF_CLI_ARGS")).map(drop)
    };
    terraform(&["init", "-backend=false", "-input=false", "-no-color"])?;
    terraform(&["validate", "-no-color"])
}

/// Exports an example into the folder `out`.
pub(crate) fn export(workspace: &Workspace, package: &Package, program: &Path, out: &Path) -> Result<(), String> {
    let mut export = Command::new(program);
    export.current_dir(&workspace.root).env("CARGO_MANIFEST_DIR", workspace.root.join(&package.folder));
    // The emulated account, whatever the program was built with: the export is the same.
    export.env_remove("PALISADE_STATE").env_remove("PALISADE_STATE_DIR").env("PALISADE_CLOUD", "emulated");
    step::capture(export.args(["export", "terraform", "--out"]).arg(out)).map(drop)
}

/// Builds as the lanes do, so that nothing is compiled for this check alone; the programs by the name of their package.
pub(crate) fn build(workspace: &Workspace) -> Result<HashMap<String, PathBuf>, String> {
    let mut command = workspace.cargo();
    let messages = step::capture(command.args(["build", "--all-targets"]).args(ci::FAST).arg(step::MESSAGES))?;
    Ok(step::programs_of(&messages))
}

/// A configuration that takes providers from the mirror only: this check needs no network.
fn write_config(config: &Path, mirror: &Path) -> Result<(), String> {
    let path = mirror.display().to_string().replace('\\', "/");
    let text = format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{path}\"\n  }}\n}}\n");
    fs::write(config, text).map_err(|error| format!("{}: {error}", config.display()))
}

/// The folder of a mirror that has the provider: what the user's configuration names, then where Terraform looks
/// itself, then the rest of the machine.
fn find_mirror() -> Option<PathBuf> {
    let home = env::home_dir().unwrap_or_default();
    let configs = [env::var_os("TF_CLI_CONFIG_FILE").map(PathBuf::from), Some(home.join(".terraformrc"))];
    let configured = configs.into_iter().flatten().filter_map(|config| fs::read_to_string(config).ok());
    let named: Vec<PathBuf> = configured.flat_map(|text| mirrors_in(&text)).collect();
    let usual = [".terraform.d/plugins", ".local/share/terraform/plugins"].map(|folder| home.join(folder));
    let here = env::current_dir().unwrap_or_default();
    let everything = here.ancestors().last().map(Path::to_path_buf);
    let end = Instant::now() + SEARCH_LIMIT;
    named.into_iter().chain(usual).chain(everything).find_map(|folder| search(&folder, end))
}

/// The values of `path` and `plugin_cache_dir` in a configuration of Terraform.
fn mirrors_in(config: &str) -> Vec<PathBuf> {
    let value = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let key = key.split_whitespace().last()?;
        matches!(key, "path" | "plugin_cache_dir").then(|| value.split('"').nth(1).map(PathBuf::from))?
    };
    config.lines().filter_map(value).collect()
}

/// Looks for the provider level by level, so that what lies near is found first, until `end`.
fn search(folder: &Path, end: Instant) -> Option<PathBuf> {
    let mut folders = VecDeque::from([(folder.to_path_buf(), 0)]);
    while let Some((folder, depth)) = folders.pop_front() {
        if Instant::now() > end {
            return None;
        }
        // What cannot be read has nothing for us.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let name = name.to_string_lossy();
            if name.starts_with("terraform-provider-aws_") && name.contains(PROVIDER_VERSION) {
                if let Some(mirror) = mirror_of(&path) {
                    return Some(mirror);
                }
            } else if depth < SEARCH_DEPTH
                && is_searched(&name, depth)
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
            {
                folders.push_back((path, depth + 1));
            }
        }
    }
    None
}

/// Folders of the kernel, and those that are large and have no provider.
fn is_searched(name: &str, depth: usize) -> bool {
    let of_the_kernel = depth == 0 && matches!(name, "proc" | "sys" | "dev" | "run");
    !of_the_kernel && !matches!(name, "node_modules" | ".git" | "target")
}

fn mirror_of(provider: &Path) -> Option<PathBuf> {
    provider.ancestors().find(|folder| folder.ends_with(PROVIDER_FOLDER))?.ancestors().nth(3).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_folder_above_the_registry() {
        let provider = "/m/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64/terraform-provider-aws_v5.100.0_x5";
        assert_eq!(mirror_of(Path::new(provider)), Some("/m".into()));
        assert_eq!(mirror_of(Path::new("/m/terraform-provider-aws_v5.100.0_x5")), None, "not the layout of a mirror");
    }

    #[test]
    fn a_configuration_names_its_mirrors() {
        let text = "provider_installation {\n  filesystem_mirror { path = \"/m\" }\n  direct {}\n}\nplugin_cache_dir = \"/c\"\n";
        assert_eq!(mirrors_in(text), [PathBuf::from("/m"), PathBuf::from("/c")]);
    }
}
