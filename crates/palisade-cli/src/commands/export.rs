//! `export terraform`: the stack as a Terraform configuration.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use palisade_terraform::{ExportOptions, FILE_NAME, export};

use super::Context;
use crate::{
    error::{CommandError, io_help},
    exit_code,
};

/// Writes the configuration into the folder `out`. No cloud is needed for it.
pub(super) fn terraform(context: &mut Context<'_, '_>, out: &Path) -> Result<u8, CommandError> {
    let graph = context.graph()?;
    context.terminal.note("Cloud: none is used");
    let region = context.settings.region.clone().ok_or_else(|| {
        CommandError::new("no region is chosen, and the provider's block names one", "name one with --region")
    })?;
    let document = export(&graph, &ExportOptions { region })?;

    let refused = |path: &Path, error: &io::Error| {
        CommandError::new(format!("cannot write {}: {error}", path.display()), io_help(path, error, "--out"))
    };
    fs::create_dir_all(out).map_err(|error| refused(out, &error))?;
    let path = out.join(FILE_NAME);
    let verb = if path.exists() { "Replaced" } else { "Wrote" };
    write_whole(&path, &document.to_string()).map_err(|error| refused(&path, &error))?;

    let (path, folder, count) = (path.display(), out.display(), graph.nodes().count());
    context.terminal.line(&format!("{verb} {path}, which declares the {count} resources of the stack."));
    context.terminal.line(&format!("Next: terraform -chdir={folder} init && terraform -chdir={folder} plan"));
    Ok(exit_code::DONE)
}

/// Writes the file so that a reader finds either what was there before or all of `text`.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // Terraform reads no file whose name begins with a dot, so one that a crash leaves does no harm.
    let temporary = path.with_file_name(format!(".{FILE_NAME}.{}.new", std::process::id()));
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
