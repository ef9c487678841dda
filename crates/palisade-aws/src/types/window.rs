//! The windows in which AWS works on a cache.

use super::CheckError;

checked_text! {
    /// The weekly window for maintenance, in UTC, as in `sun:05:00-sun:06:00`: at least an hour long.
    MaintenanceWindow, "a maintenance window", check_maintenance, maintenance_window
}

checked_text! {
    /// The daily window for the automatic snapshot, in UTC, as in `03:00-04:00`: at least an hour long, and apart from the
    /// maintenance window.
    SnapshotWindow, "a snapshot window", check_snapshot, snapshot_window
}

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;

const MAINTENANCE_FORM: &str = "write ddd:hh:mm-ddd:hh:mm in UTC, as in sun:05:00-sun:06:00";
const SNAPSHOT_FORM: &str = "write hh:mm-hh:mm in UTC, as in 03:00-04:00";

impl MaintenanceWindow {
    /// Whether the daily window `snapshot` falls into this one on some day. Texts that are no windows overlap nothing.
    pub fn overlaps(&self, snapshot: &SnapshotWindow) -> bool {
        overlap(self.as_str(), snapshot.as_str())
    }
}

/// When AWS works on a cache: one of the windows, or both, which do not overlap, as AWS demands. AWS chooses the one that is
/// not given. As literals they are checked when the program is compiled:
///
/// ```
/// use palisade_aws::{types::{SnapshotWindow, Windows}, windows};
/// let both = windows!(snapshot: "03:00-04:00", maintenance: "sun:05:00-sun:06:00");
/// let one = windows!(maintenance: "sun:05:00-sun:06:00");
///
/// let read = SnapshotWindow::new("03:00-04:00").unwrap();
/// let read = Windows::new(read, None).unwrap();
/// # let _ = (both, one, read);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Windows {
    pub(crate) snapshot: Option<SnapshotWindow>,
    pub(crate) maintenance: Option<MaintenanceWindow>,
}

const OVERLAP: &str = "the snapshot window falls into the maintenance window, which AWS refuses: move one of them";

impl Windows {
    /// The windows that are given.
    ///
    /// # Errors
    /// [`CheckError`] if both are given, and overlap on some day of the week.
    pub fn new(
        snapshot: impl Into<Option<SnapshotWindow>>,
        maintenance: impl Into<Option<MaintenanceWindow>>,
    ) -> Result<Self, CheckError> {
        let (snapshot, maintenance) = (snapshot.into(), maintenance.into());
        match (&snapshot, &maintenance) {
            (Some(daily), Some(weekly)) if weekly.overlaps(daily) => {
                let value = format!("{daily} and {weekly}");
                Err(CheckError { value, what: "a pair of windows", rule: OVERLAP })
            }
            _ => Ok(Self { snapshot, maintenance }),
        }
    }

    /// The literals that are given, checked when the program is compiled: write `windows!(snapshot: .., maintenance: ..)`.
    ///
    /// # Panics
    /// Where one of them is no window, or both overlap; in a constant, that is a compile error.
    #[track_caller]
    pub const fn literal(snapshot: Option<&'static str>, maintenance: Option<&'static str>) -> Self {
        if let (Some(daily), Some(weekly)) = (snapshot, maintenance) {
            // What is no window is told by the checks below.
            assert!(!overlap(weekly, daily), "{}", OVERLAP);
        }
        Self {
            snapshot: match snapshot {
                Some(text) => Some(SnapshotWindow::literal(text)),
                None => None,
            },
            maintenance: match maintenance {
                Some(text) => Some(MaintenanceWindow::literal(text)),
                None => None,
            },
        }
    }
}

/// The [`Windows`](crate::types::Windows) of a cache from literals, checked when the program is compiled:
/// `windows!(snapshot: "03:00-04:00", maintenance: "sun:05:00-sun:06:00")`, or one of the two.
#[macro_export]
macro_rules! windows {
    (snapshot: $snapshot:expr, maintenance: $maintenance:expr $(,)?) => {
        $crate::windows!(@ ::core::option::Option::Some($snapshot), ::core::option::Option::Some($maintenance))
    };
    (maintenance: $maintenance:expr, snapshot: $snapshot:expr $(,)?) => {
        $crate::windows!(@ ::core::option::Option::Some($snapshot), ::core::option::Option::Some($maintenance))
    };
    (snapshot: $snapshot:expr $(,)?) => {
        $crate::windows!(@ ::core::option::Option::Some($snapshot), ::core::option::Option::None)
    };
    (maintenance: $maintenance:expr $(,)?) => {
        $crate::windows!(@ ::core::option::Option::None, ::core::option::Option::Some($maintenance))
    };
    (@ $snapshot:expr, $maintenance:expr) => {{
        const VALUE: $crate::types::Windows = $crate::types::Windows::literal($snapshot, $maintenance);
        VALUE
    }};
}

/// Whether a daily window falls into a weekly one on some day.
const fn overlap(weekly: &str, daily: &str) -> bool {
    let (Some((start, length)), Some((daily, daily_length))) =
        (maintenance(weekly.as_bytes()), snapshot_minutes(daily.as_bytes()))
    else {
        return false;
    };
    let mut day = 0;
    while day < 7 {
        let other = daily + day * DAY;
        if (other + WEEK - start) % WEEK < length || (start + WEEK - other) % WEEK < daily_length {
            return true;
        }
        day += 1;
    }
    false
}

const fn check_maintenance(text: &str) -> Option<&'static str> {
    match maintenance(text.as_bytes()) {
        None => Some(MAINTENANCE_FORM),
        Some((_, length)) if length < 60 => Some("the window is at least 60 minutes long"),
        // AWS allows up to a day; what is longer is an end before the start.
        Some((_, length)) if length > DAY => Some("the window ends before it starts, or is longer than a day"),
        Some(_) => None,
    }
}

const fn check_snapshot(text: &str) -> Option<&'static str> {
    match snapshot_minutes(text.as_bytes()) {
        None => Some(SNAPSHOT_FORM),
        Some((_, length)) if length < 60 => Some("the window is at least 60 minutes long"),
        Some(_) => None,
    }
}

/// The start within the week and the length, in minutes.
const fn maintenance(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.len() != 19 || bytes[9] != b'-' {
        return None;
    }
    match (moment(bytes, 0), moment(bytes, 10)) {
        (Some(start), Some(end)) => Some((start, (end + WEEK - start) % WEEK)),
        _ => None,
    }
}

/// The start within the day and the length, in minutes.
const fn snapshot_minutes(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.len() != 11 || bytes[5] != b'-' {
        return None;
    }
    match (clock(bytes, 0), clock(bytes, 6)) {
        (Some(start), Some(end)) => Some((start, (end + DAY - start) % DAY)),
        _ => None,
    }
}

/// `ddd:hh:mm` at `at`, as a minute of the week.
const fn moment(bytes: &[u8], at: usize) -> Option<u32> {
    const DAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
    if bytes[at + 3] != b':' {
        return None;
    }
    let mut day = 0;
    while day < 7 {
        let name = DAYS[day];
        if bytes[at] == name[0] && bytes[at + 1] == name[1] && bytes[at + 2] == name[2] {
            return match clock(bytes, at + 4) {
                Some(minutes) => Some(day as u32 * DAY + minutes),
                None => None,
            };
        }
        day += 1;
    }
    None
}

/// `hh:mm` at `at`, as a minute of the day.
const fn clock(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = [bytes[at], bytes[at + 1], bytes[at + 3], bytes[at + 4]];
    let mut i = 0;
    while i < 4 {
        if !digits[i].is_ascii_digit() {
            return None;
        }
        i += 1;
    }
    let hours = (digits[0] - b'0') as u32 * 10 + (digits[1] - b'0') as u32;
    let minutes = (digits[2] - b'0') as u32 * 10 + (digits[3] - b'0') as u32;
    if bytes[at + 2] == b':' && hours < 24 && minutes < 60 { Some(hours * 60 + minutes) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-semantics: at least 60 minutes each, and disjoint.
    #[test]
    fn windows_have_a_form_and_an_hour() {
        assert_eq!(check_maintenance("sun:05:00-sun:06:00"), None);
        assert_eq!(check_maintenance("sun:23:30-mon:00:30"), None);
        for bad in [
            "sun:05:00-sun:05:30",
            "sun:05:00-sun:04:00",
            "Sun:05:00-sun:06:00",
            "sun:5:00-sun:6:00",
            "sun:25:00-sun:26:00",
        ] {
            assert!(check_maintenance(bad).is_some(), "{bad}");
        }
        assert_eq!(check_snapshot("23:30-00:30"), None);
        for bad in ["03:00-03:30", "3:00-4:00", "03:00", "03:00-04:60"] {
            assert!(check_snapshot(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn windows_overlap_on_any_day_and_over_midnight() {
        let overlaps = |a, b| MaintenanceWindow::new(a).unwrap().overlaps(&SnapshotWindow::new(b).unwrap());
        assert!(overlaps("sun:05:00-sun:06:00", "05:30-06:30"));
        assert!(overlaps("sun:05:00-sun:06:00", "04:00-05:01"));
        assert!(overlaps("sun:23:30-mon:00:30", "00:00-01:00"));
        assert!(!overlaps("sun:05:00-sun:06:00", "06:00-07:00"));
        assert!(!overlaps("sun:05:00-sun:06:00", "03:00-04:00"));
        let windows = |snapshot, maintenance| {
            Windows::new(SnapshotWindow::new(snapshot).unwrap(), MaintenanceWindow::new(maintenance).unwrap())
        };
        assert!(windows("05:30-06:30", "sun:05:00-sun:06:00").unwrap_err().to_string().ends_with(OVERLAP));
        assert!(windows("03:00-04:00", "sun:05:00-sun:06:00").is_ok());
    }
}
