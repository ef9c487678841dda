//! `export terraform`: the stack as a Terraform configuration.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use palisade_core::{Address, Graph};
use palisade_engine::{Entry, State};
use palisade_terraform::{Existing, ExportOptions, MAIN_FILE, OPTIONAL_FILES, export, is_written_here};

use super::{Context, session};
use crate::{
    error::{CommandError, io_help},
    exit_code,
};

/// Writes the configuration into the folder `out`, with an `import` block for each object that the state knows to exist. No
/// cloud is needed for it.
pub(super) fn terraform(context: &mut Context<'_>, out: &Path) -> Result<u8, CommandError> {
    let graph = context.graph()?;
    context.terminal.note("Cloud: none is used");
    let region = context.settings.region.clone().ok_or_else(|| {
        CommandError::new("no region is chosen, and the provider's block names one", "name one with --region")
    })?;
    let state = session::read_state(context)?;
    let existing = state.as_ref().map(|state| palisade_engine::existing(&graph, state)).unwrap_or_default();
    let document = export(&graph, &ExportOptions { region }, &existing)?;
    for line in state_lines(&graph, state.as_ref(), &existing) {
        context.terminal.note(&line);
    }

    let refused = |path: &Path, error: &io::Error| {
        CommandError::new(format!("cannot write {}: {error}", path.display()), io_help(path, error, "--out"))
    };
    fs::create_dir_all(out).map_err(|error| refused(out, &error))?;
    let path = out.join(MAIN_FILE);
    let verb = if path.exists() { "Replaced" } else { "Wrote" };
    // What an earlier export said of imports and risks may not be so any more.
    for stale in OPTIONAL_FILES.map(|name| out.join(name)).iter().filter(|path| is_ours(path)) {
        fs::remove_file(stale).map_err(|error| refused(stale, &error))?;
    }
    for (name, text) in document.files() {
        let path = out.join(name);
        if name == MAIN_FILE || is_ours(&path) || !path.exists() {
            write_whole(&path, &text).map_err(|error| refused(&path, &error))?;
        } else {
            let path = path.display();
            context
                .terminal
                .note(&format!("note: {path} is not of an export, and is left as it is. It would be:\n\n{text}"));
        }
    }

    let (path, folder, count) = (path.display(), out.display(), graph.nodes().count());
    context.terminal.line(&format!("{verb} {path}, which declares the {count} resources of the stack."));
    context.terminal.line(&format!("Next: terraform -chdir={folder} init && terraform -chdir={folder} plan"));
    Ok(exit_code::DONE)
}

/// Whether a file beside the main one was written by an export, and not by the user.
fn is_ours(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| is_written_here(&text))
}

/// What the document makes of the state, for the standard error stream.
fn state_lines(graph: &Graph, state: Option<&State>, existing: &Existing) -> Vec<String> {
    let Some(state) = state else {
        return vec!["State: none, so nothing is imported: Terraform would create all of it".to_owned()];
    };
    let (count, all) = (existing.len(), graph.nodes().count());
    let place = state.account.as_ref().map(|account| format!(" in `{account}`")).unwrap_or_default();
    let mut lines = vec![format!("State: {count} of the {all} resources exist{place}, and are imported as they are")];
    let mut note = |addresses: Vec<&Address>, what: &str| {
        if !addresses.is_empty() {
            let addresses: Vec<_> = addresses.into_iter().map(Address::to_string).collect();
            lines.push(format!("note: {what}: {}", addresses.join(", ")));
        }
    };
    let missing = graph.nodes().map(|node| &node.address).filter(|address| !existing.contains_key(address));
    note(missing.collect(), "not applied yet, so Terraform would create");
    let is_imported = |address: &Address, id: &str| {
        existing.iter().any(|(other, known)| other.kind() == address.kind() && known["id"] == id)
    };
    let is_left = |(address, entry): &(&Address, &Entry)| {
        entry.objects().any(|object| object.id.as_ref().is_none_or(|id| !is_imported(address, id)))
    };
    let left = state.resources.iter().filter(is_left).map(|(address, _)| address);
    note(left.collect(), "objects are left that the document does not have; run `apply` before Terraform, for");
    lines
}

/// Writes the file so that a reader finds either what was there before or all of `text`.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // Terraform reads no file whose name begins with a dot, so one that a crash leaves does no harm.
    let name = path.file_name().unwrap_or_default().display();
    let temporary = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell; there may be no file to remove.
        let _ = fs::remove_file(&temporary);
    }
    written
}
