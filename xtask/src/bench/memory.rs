//! The memory that a program takes at its peak, with the programs that it starts.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Runs a program to its end; the bytes at its peak, or `None` where the system does not tell.
///
/// # Errors
/// When the program does not start, or does not end with 0.
pub(super) fn peak(command: &mut Command) -> Result<Option<u64>, String> {
    let program = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    let mut most = 0;
    let status = loop {
        most = most.max(peak_of(child.id()));
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => thread::sleep(Duration::from_millis(1)),
            Err(error) => return Err(format!("{program}: {error}")),
        }
    };
    if !status.success() {
        return Err(format!("{program}: {status}"));
    }
    Ok((most > 0).then_some(most))
}

/// How much a process and those that it has started, and that live, have had at most so far. The kernel keeps that figure, so
/// that it is enough to ask now and then.
fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mut sum = peak_in(&status).unwrap_or_default();
    for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        sum += children.split_whitespace().filter_map(|child| child.parse().ok()).map(peak_of).sum::<u64>();
    }
    sum
}

/// The highest resident set in what the kernel says of a process.
fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_the_peak_in_kibibytes() {
        assert_eq!(peak_in("Name:\tx\nVmPeak:\t   900 kB\nVmHWM:\t   12 kB\nVmRSS:\t   10 kB\n"), Some(12 * 1024));
        assert_eq!(peak_in("Name:\tx\n"), None, "a process that has ended");
    }
}
