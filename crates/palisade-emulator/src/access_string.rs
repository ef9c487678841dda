//! How ElastiCache writes an access string when it is asked for it.

use palisade_aws::types::AccessString;

use crate::refusal::{Answer, require};

/// What `access` allows, in the order in which AWS tells it: whether the user can log in, keys, channels, commands, and
/// what is in parentheses.
///
/// # Errors
/// `InvalidParameterValue` if ElastiCache does not take the string.
pub(crate) fn canonical(access: &AccessString) -> Answer<String> {
    let checked = AccessString::new(access.as_str());
    require(checked.is_ok(), "InvalidParameterValue", || "The access string contains invalid rules.".to_owned())?;
    let rules: Vec<&str> = access.as_str().split(' ').collect();
    let mut parts = Parts::default();
    let mut rest = rules.as_slice();
    while let [rule, after @ ..] = rest {
        rest = after;
        if let Some(first) = rule.strip_prefix('(') {
            // The grammar makes sure that what is opened is closed.
            let length = rules_in_parentheses(rule, rest);
            let inside = std::iter::once(first).chain(rest[..length].iter().copied());
            parts.selectors.push(selector(inside));
            rest = &rest[length..];
        } else {
            parts.add(rule);
        }
    }
    Ok(parts.written(true))
}

#[derive(Default)]
struct Parts<'a> {
    on: bool,
    keys: Vec<&'a str>,
    channels: Vec<&'a str>,
    commands: Vec<&'a str>,
    selectors: Vec<String>,
}

impl<'a> Parts<'a> {
    fn add(&mut self, rule: &'a str) {
        match rule {
            "on" => self.on = true,
            "off" => self.on = false,
            "resetkeys" => self.keys.clear(),
            "allkeys" => self.keys = vec!["~*"],
            "resetchannels" => self.channels.clear(),
            "allchannels" => self.channels = vec!["&*"],
            // What came before is without effect from here on.
            "allcommands" | "+@all" => self.commands = vec!["+@all"],
            "nocommands" | "-@all" => self.commands = vec!["-@all"],
            "clearselectors" => self.selectors.clear(),
            _ => match rule.as_bytes().first() {
                Some(b'~' | b'%') if !self.keys.contains(&rule) => self.keys.push(rule),
                Some(b'&') if !self.channels.contains(&rule) => self.channels.push(rule),
                Some(b'+' | b'-') => self.commands.push(rule),
                _ => {}
            },
        }
    }

    fn written(&self, with_state: bool) -> String {
        let state = with_state.then_some(if self.on { "on" } else { "off" });
        let begins = matches!(self.commands.first(), Some(&("+@all" | "-@all")));
        let all = (!begins).then_some("-@all");
        let words = state.into_iter().chain(self.keys.iter().copied()).chain(self.channels.iter().copied());
        let words = words.chain(all).chain(self.commands.iter().copied());
        words.chain(self.selectors.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
    }
}

/// How many of the rules after `first`, which opens a parenthesis, are in it.
fn rules_in_parentheses(first: &str, rest: &[&str]) -> usize {
    if first.ends_with(')') {
        return 0;
    }
    rest.iter().position(|rule| rule.ends_with(')')).map_or(rest.len(), |last| last + 1)
}

fn selector<'a>(rules: impl Iterator<Item = &'a str>) -> String {
    let mut parts = Parts::default();
    for rule in rules {
        parts.add(rule.strip_suffix(')').unwrap_or(rule));
    }
    format!("({})", parts.written(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_puts_the_rules_into_its_own_order() {
        for (written, told) in [
            ("on +get ~keys*", "on ~keys* -@all +get"),
            ("off ~a:* ~b:*", "off ~a:* ~b:* -@all"),
            ("on ~* +@all", "on ~* +@all"),
            ("off -@all", "off -@all"),
            ("off on allkeys allchannels allcommands -flushall", "on ~* &* +@all -flushall"),
            ("on +get nocommands +set resetkeys ~a", "on ~a -@all +set"),
            ("on -@all +@read &news %R~a ~b", "on %R~a ~b &news -@all +@read"),
            ("on ~a +get (+set ~b) (~c)", "on ~a -@all +get (~b -@all +set) (~c -@all)"),
            ("on ~a (~b +set) clearselectors", "on ~a -@all"),
        ] {
            assert_eq!(canonical(&AccessString::reported(written)).unwrap(), told, "{written}");
        }
    }

    #[test]
    fn what_is_told_is_told_again_unchanged() {
        let once = canonical(&AccessString::reported("on +get ~a (+set ~b)")).unwrap();
        assert_eq!(canonical(&AccessString::reported(once.clone())).unwrap(), once);
    }

    #[test]
    fn a_password_in_the_string_is_refused_and_not_repeated() {
        let refusal = canonical(&AccessString::reported("on ~* +@all >hunter2")).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterValue");
        assert!(!refusal.message.contains("hunter2"));
    }
}
