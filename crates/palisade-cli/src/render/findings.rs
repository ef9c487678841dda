//! Findings, as rustc shows errors: with the lines of the program that have part in them.

use std::{
    fs,
    ops::Range,
    panic::Location,
    path::{Path, PathBuf},
};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use palisade_core::{Finding, Span};

#[cfg(test)]
mod tests;

/// Where the sources of the program may be.
///
/// The compiler writes paths that are relative to the folder of the workspace, which the program does not know: it is the
/// current folder for `cargo run` at the root, and else a folder above the package.
pub(crate) struct Sources {
    folders: Vec<PathBuf>,
}

impl Sources {
    /// The current folder, `manifest_dir` and the folders above it.
    pub(crate) fn new(manifest_dir: Option<&Path>) -> Self {
        let above = manifest_dir.into_iter().flat_map(Path::ancestors).map(Path::to_owned);
        Self { folders: std::iter::once(PathBuf::new()).chain(above).collect() }
    }

    fn read(&self, file: &str) -> Option<String> {
        self.folders.iter().find_map(|folder| fs::read_to_string(folder.join(file)).ok())
    }
}

/// All findings, one after the other, and their number.
pub(crate) fn findings(findings: &[Finding], sources: &Sources) -> String {
    let mut text = String::new();
    for finding in findings {
        text += &self::finding(finding, sources);
        text += "\n\n";
    }
    let count = match findings.len() {
        1 => "an error in the program".to_owned(),
        count => format!("{count} errors in the program"),
    };
    text + &Renderer::styled()
        .render(&[Group::with_title(Level::ERROR.primary_title(format!("stopped by {count}: nothing was changed")))])
}

fn finding(finding: &Finding, sources: &Sources) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(finding.message.as_str()));
    for (file, spans) in by_file(&finding.spans) {
        let source = sources.read(file).unwrap_or_default();
        let ranges: Option<Vec<_>> = spans.iter().map(|span| range(&source, span.location)).collect();
        group = match ranges {
            Some(ranges) => {
                let annotations = spans.iter().zip(ranges).map(|(span, range)| {
                    let chief = finding.spans.first() == Some(*span);
                    let kind = if chief { AnnotationKind::Primary } else { AnnotationKind::Context };
                    kind.span(range).label(span.label.clone())
                });
                group.element(Snippet::source(source.clone()).path(file).annotations(annotations.collect::<Vec<_>>()))
            }
            // Without its source, or with another one than was compiled, a place is a line and a column.
            None => spans.iter().fold(group, |group, span| {
                let (line, column) = (span.location.line() as usize, span.location.column() as usize);
                group
                    .element(Origin::path(file).line(line).char_column(column))
                    .element(Level::NOTE.message(span.label.as_str()))
            }),
        };
    }
    let mut report = vec![group];
    if !finding.help.is_empty() {
        report.push(Group::with_title(Level::HELP.secondary_title(finding.help.as_str())));
    }
    Renderer::styled().render(&report)
}

/// The spans by their file, in the order in which the files are named first.
fn by_file(spans: &[Span]) -> Vec<(&'static str, Vec<&Span>)> {
    let mut files: Vec<(&str, Vec<&Span>)> = Vec::new();
    for span in spans {
        let file = span.location.file();
        match files.iter_mut().find(|(name, _)| *name == file) {
            Some((_, spans)) => spans.push(span),
            None => files.push((file, vec![span])),
        }
    }
    files
}

/// The bytes of `source` from the place to the end of its line; `None` if the source has no such place.
fn range(source: &str, place: &Location<'_>) -> Option<Range<usize>> {
    let line_index = (place.line() as usize).checked_sub(1)?;
    let line = source.split_inclusive('\n').nth(line_index)?;
    let line_start: usize = source.split_inclusive('\n').take(line_index).map(str::len).sum();
    let (offset, _) = line.char_indices().nth((place.column() as usize).checked_sub(1)?)?;
    let text = line[offset..].trim_end().trim_end_matches(';');
    (!text.is_empty()).then(|| line_start + offset..line_start + offset + text.len())
}
