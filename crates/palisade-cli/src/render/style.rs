//! The colors, of which there are few: they mean what they mean to Terraform's users.

use anstyle::{AnsiColor, Style};

/// Something is added.
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();
/// Something is changed.
pub(crate) const CHANGED: Style = AnsiColor::Yellow.on_default();
/// Something is removed, or lost.
pub(crate) const REMOVED: Style = AnsiColor::Red.on_default();
/// Something is beside the point.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// Something is the point.
pub(crate) const STRONG: Style = Style::new().bold();
/// An error.
pub(crate) const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
/// What to do about an error.
pub(crate) const HELP: Style = AnsiColor::BrightCyan.on_default().bold();

/// The text in a style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The text without its colors.
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
