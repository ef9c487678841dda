//! The exit codes of the command line. Scripts may rely on them.

/// Done: what was asked for is done, or there was nothing to do.
pub const DONE: u8 = 0;

/// An error. What is wrong and what to do about it stands on the standard error stream; wrong arguments, a plan that was
/// not approved and output that could not be written count as errors too.
pub const ERROR: u8 = 1;

/// The plan holds changes. Only `plan --detailed-exitcode` ends with it.
pub const CHANGES: u8 = 2;

/// An apply or destroy was interrupted by Ctrl-C (SIGINT) before it was done, or at its question, and can be continued. SIGTERM
/// ends with 143 and a closed terminal (SIGHUP) with 129, by the shells' rule: 128 and the number of the signal.
pub const INTERRUPTED: u8 = 130;
