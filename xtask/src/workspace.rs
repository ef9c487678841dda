//! Where the repository is, and what `cargo metadata` says about it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value as Json;

use crate::step;

/// The repository, and the folder of everything that is built.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of the manifest, from the root of the repository, with `/`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a manifest's tables of dependencies.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// Cargo's words, when it cannot read the manifests.
    pub(crate) fn find() -> Result<Self, String> {
        let text = step::capture(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Json =
            serde_json::from_str(&text).map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
        Self::from_metadata(&metadata).ok_or_else(|| "cargo metadata has no list of packages".to_owned())
    }

    fn from_metadata(metadata: &Json) -> Option<Self> {
        let root = PathBuf::from(metadata["workspace_root"].as_str()?);
        let target = PathBuf::from(metadata["target_directory"].as_str()?);
        let packages = metadata["packages"]
            .as_array()?
            .iter()
            .map(|package| Package::from_metadata(package, &root))
            .collect::<Option<Vec<_>>>()?;
        Some(Self { root, target, packages })
    }

    /// The examples that are programs, as name and folder.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| {
            package.folder.starts_with("examples/") && self.root.join(&package.folder).join("src/main.rs").is_file()
        })
    }

    /// Cargo, in the root of the repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// A folder for what a command writes, empty.
    ///
    /// # Errors
    /// When the old one cannot be removed, or the new one not made.
    pub(crate) fn empty_folder(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.target.join(name);
        empty(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }
}

fn empty(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

impl Package {
    fn from_metadata(package: &Json, root: &Path) -> Option<Self> {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let folder = manifest.parent()?.strip_prefix(root).ok()?;
        let dependencies = package["dependencies"].as_array()?.iter().map(Dependency::from_metadata);
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            folder: folder.to_str()?.replace('\\', "/"),
            dependencies: dependencies.collect::<Option<_>>()?,
        })
    }
}

impl Dependency {
    fn from_metadata(dependency: &Json) -> Option<Self> {
        Some(Self { name: dependency["name"].as_str()?.to_owned(), dev: dependency["kind"] == "dev" })
    }
}

/// The cargo that runs this program. What it told this program about the package xtask is taken away: a program that is
/// started from here would take it as said about itself.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_come_with_their_folder_and_their_kinds_of_dependencies() {
        let metadata = serde_json::json!({
            "workspace_root": "/repo", "target_directory": "/repo/target",
            "packages": [{"name": "a", "manifest_path": "/repo/crates/a/Cargo.toml", "dependencies": [
                {"name": "b", "kind": null}, {"name": "c", "kind": "dev"},
            ]}],
        });
        let workspace = Workspace::from_metadata(&metadata).expect("the shape that cargo prints");
        let package = &workspace.packages[0];
        assert_eq!((package.name.as_str(), package.folder.as_str()), ("a", "crates/a"));
        let kinds: Vec<_> = package.dependencies.iter().map(|each| (each.name.as_str(), each.dev)).collect();
        assert_eq!(kinds, [("b", false), ("c", true)]);
    }
}
