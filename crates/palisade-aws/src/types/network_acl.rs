//! [`NetworkRules`]: what a network ACL lets pass, and the entries that AWS makes of it.

use std::borrow::Cow;

use palisade_core::{Field, Json};
use serde::{Deserialize, Serialize};

use super::{Port, PrivateRange, Protocol};

checked_number! {
    /// The number of a rule of a network ACL: 1 to 32766. AWS reads the rules from the lowest number on, and the first one
    /// that is about a packet decides. Leave room between them, as in 100, 110, 120.
    RuleNumber(u16), "the number of a rule", check_number, rule_number
}

text_enum! {
    /// What becomes of a packet that an entry of a network ACL is about.
    RuleAction {
        /// It passes.
        Allow = "allow",
        /// It is dropped.
        Deny = "deny",
    }
}

/// One rule of a network ACL, for both directions.
///
/// A network ACL is stateless: it does not know an answer from a question. A rule that lets clients in therefore makes a
/// second entry under the same number, by which their answers get out, and the other way round. There is no rule without its
/// way back, none for addresses that are not private, and none for all protocols.
///
/// AWS: [Network ACL rules](https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html),
/// [Ephemeral ports](https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports)
///
/// ```
/// use palisade_aws::{port, private_range, rule_number, types::NetworkRule};
/// let clients = NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16"));
/// let [ingress, egress] = [clients.ingress(), clients.egress()].map(Option::unwrap);
/// assert_eq!((ingress.from_port, ingress.to_port), (port!(6379), port!(6379)));
/// assert_eq!((egress.from_port, egress.to_port), (port!(1024), port!(65535)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NetworkRule {
    number: RuleNumber,
    ingress: Option<NetworkAclEntry>,
    egress: Option<NetworkAclEntry>,
}

/// An entry of a network ACL, which is about one direction. [`NetworkRule`] makes the entries of both.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct NetworkAclEntry {
    /// The number, of which a direction has one.
    pub rule_number: RuleNumber,
    /// What becomes of what the entry is about.
    pub action: RuleAction,
    /// The protocol.
    pub protocol: Protocol,
    /// The lowest port at the receiving end.
    pub from_port: Port,
    /// The highest port at the receiving end.
    pub to_port: Port,
    /// The addresses at the other end.
    pub cidr_block: PrivateRange,
}

/// The rules of a network ACL that were checked when the program was compiled: [`network_rules!`](crate::network_rules).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetworkRules(Cow<'static, [NetworkRule]>);

const FIRST: Port = Port::literal(1);
const LAST: Port = Port::literal(u16::MAX);
/// The lowest of the ports that clients are answered on: those of Linux, of Windows and of AWS's own services are among them.
const EPHEMERAL: Port = Port::literal(1024);

impl NetworkRule {
    /// Who has an address of `clients` reaches `port` of the subnets, and gets answers from there.
    pub const fn serve(number: RuleNumber, port: Port, clients: PrivateRange) -> Self {
        Self::serve_ports(number, port, port, clients)
    }

    /// Who has an address of `clients` reaches the ports from `first` to `last` of the subnets, and gets answers from there.
    pub const fn serve_ports(number: RuleNumber, first: Port, last: Port, clients: PrivateRange) -> Self {
        let ingress = NetworkAclEntry::tcp(number, RuleAction::Allow, first, last, clients);
        let egress = NetworkAclEntry::tcp(number, RuleAction::Allow, EPHEMERAL, LAST, clients);
        Self { number, ingress: Some(ingress), egress: Some(egress) }
    }

    /// What is in the subnets reaches `port` of who has an address of `servers`, and gets answers from there.
    ///
    /// Answers come in on the ports from 1024 on, and the ACL does not tell them from questions: whoever has such an address
    /// reaches those ports too, as far as security groups let them.
    pub const fn reach(number: RuleNumber, port: Port, servers: PrivateRange) -> Self {
        let ingress = NetworkAclEntry::tcp(number, RuleAction::Allow, EPHEMERAL, LAST, servers);
        let egress = NetworkAclEntry::tcp(number, RuleAction::Allow, port, port, servers);
        Self { number, ingress: Some(ingress), egress: Some(egress) }
    }

    /// What has an address of `members` reaches what is in the subnets on the ports from 1024 on, and the other way round, as
    /// the nodes of a cache do that stand in several subnets.
    pub const fn among(number: RuleNumber, members: PrivateRange) -> Self {
        let entry = NetworkAclEntry::tcp(number, RuleAction::Allow, EPHEMERAL, LAST, members);
        Self { number, ingress: Some(entry), egress: Some(entry) }
    }

    /// Nothing passes from or to who has an address of `strangers`, whatever rules of higher numbers allow.
    pub const fn deny(number: RuleNumber, strangers: PrivateRange) -> Self {
        let entry = NetworkAclEntry::tcp(number, RuleAction::Deny, FIRST, LAST, strangers);
        Self { number, ingress: Some(entry), egress: Some(entry) }
    }

    /// Who has an address of `strangers` does not reach `port` of the subnets, whatever rules of higher numbers allow.
    pub const fn deny_port(number: RuleNumber, port: Port, strangers: PrivateRange) -> Self {
        let ingress = NetworkAclEntry::tcp(number, RuleAction::Deny, port, port, strangers);
        Self { number, ingress: Some(ingress), egress: None }
    }

    /// The entry about what comes in.
    pub const fn ingress(&self) -> Option<NetworkAclEntry> {
        self.ingress
    }

    /// The entry about what goes out.
    pub const fn egress(&self) -> Option<NetworkAclEntry> {
        self.egress
    }
}

impl NetworkAclEntry {
    const fn tcp(
        rule_number: RuleNumber,
        action: RuleAction,
        from_port: Port,
        to_port: Port,
        cidr_block: PrivateRange,
    ) -> Self {
        Self { rule_number, action, protocol: Protocol::Tcp, from_port, to_port, cidr_block }
    }

    /// What is wrong with an entry that stands beside `other`, one of the same direction; the two are in any order.
    pub(crate) const fn problem_beside(&self, other: &Self) -> Option<&'static str> {
        if self.rule_number.get() == other.rule_number.get() {
            return Some(ONE_NUMBER);
        }
        let is_first = self.rule_number.get() < other.rule_number.get();
        let (first, second) = if is_first { (self, other) } else { (other, self) };
        if !first.cidr_block.cidr().contains(second.cidr_block.cidr()) || !first.has_protocol_of(second) {
            return None;
        }
        match (first.action, second.action) {
            (RuleAction::Allow, RuleAction::Deny) if first.overlaps_ports_of(second) => Some(DENIES_IN_VAIN),
            (RuleAction::Deny, RuleAction::Allow) if first.has_ports_of(second) => Some(ALLOWS_IN_VAIN),
            _ => None,
        }
    }

    /// Whether it allows TCP on `port`.
    pub(crate) fn allows(&self, port: Port) -> bool {
        self.action == RuleAction::Allow
            && self.protocol == Protocol::Tcp
            && (self.from_port..=self.to_port).contains(&port)
    }

    /// Whether it allows TCP on every port on which clients are answered.
    pub(crate) fn allows_all_ephemeral(&self) -> bool {
        self.allows(EPHEMERAL) && self.allows(LAST)
    }

    const fn has_protocol_of(&self, other: &Self) -> bool {
        matches!((self.protocol, other.protocol), (Protocol::Tcp, Protocol::Tcp) | (Protocol::Udp, Protocol::Udp))
    }

    const fn has_ports_of(&self, other: &Self) -> bool {
        self.from_port.get() <= other.from_port.get() && other.to_port.get() <= self.to_port.get()
    }

    const fn overlaps_ports_of(&self, other: &Self) -> bool {
        self.from_port.get() <= other.to_port.get() && other.from_port.get() <= self.to_port.get()
    }

    /// What is wrong with the ports of an entry.
    const fn problem_of_ports(&self) -> Option<&'static str> {
        let is_for_all = self.from_port.get() < EPHEMERAL.get() && self.to_port.get() > EPHEMERAL.get();
        if self.from_port.get() > self.to_port.get() {
            Some(REVERSED)
        } else if is_for_all && matches!(self.action, RuleAction::Allow) {
            Some(ALL_PORTS)
        } else {
            None
        }
    }
}

impl Field for NetworkAclEntry {
    fn problem(json: &Json) -> Option<String> {
        let entry = Self::deserialize(json).ok()?;
        let part = |field: &str| json.get(field).unwrap_or(&Json::Null);
        RuleNumber::problem(part("rule_number"))
            .or_else(|| Port::problem(part("from_port")))
            .or_else(|| Port::problem(part("to_port")))
            .or_else(|| PrivateRange::problem(part("cidr_block")))
            .or_else(|| entry.problem_of_ports().map(str::to_owned))
    }
}

impl NetworkRules {
    /// The rules, checked when the program is compiled: write `network_rules![..]`. What is put together when the program
    /// runs, [`rules`](crate::resources::NetworkAclBuilder::rules) takes as it is, and the plan checks it.
    ///
    /// # Panics
    /// Where two rules have one number, where a rule has no effect behind another one, where one lets in all ports or names
    /// them in the wrong order, and where there are more rules than AWS takes; in a constant, that is a compile error.
    #[track_caller]
    pub const fn literal(rules: &'static [NetworkRule]) -> Self {
        match check_rules(rules) {
            Some(rule) => panic!("{}", rule),
            None => Self(Cow::Borrowed(rules)),
        }
    }
}

impl IntoIterator for NetworkRules {
    type Item = NetworkRule;
    type IntoIter = std::vec::IntoIter<NetworkRule>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_owned().into_iter()
    }
}

/// How many entries of a direction AWS takes at most, beside the one of its own that denies the rest.
pub(crate) const MOST_ENTRIES: usize = 39;

pub(crate) const TOO_MANY: &str = "AWS takes 39 rules of a direction at most, beside its own that denies the rest: put neighbouring addresses into one range";
const ONE_NUMBER: &str = "two rules have one number, and AWS refuses the second: give each its own, with room between them, as in \
                          100, 110, 120";
const DENIES_IN_VAIN: &str = "a rule denies what one of a lower number allows already, and the lower number counts: give the \
                              rule that denies the lower one";
const ALLOWS_IN_VAIN: &str = "a rule allows what one of a lower number denies already, so that it does not pass all the same: \
                              give the rule that allows the lower number, or remove it";
const ALL_PORTS: &str = "a rule that lets in all ports opens what nobody thought of: name the port, as in \
                         `NetworkRule::serve(rule_number!(100), port!(6379), ..)`";
const REVERSED: &str = "the first port is greater than the last: write the lower port first";

const fn check_number(number: u16) -> Option<&'static str> {
    if 1 <= number && number <= 32766 {
        None
    } else {
        Some(
            "the rules of a network ACL have the numbers 1 to 32766: the one behind them is AWS's own, which denies the rest",
        )
    }
}

const fn check_rules(rules: &[NetworkRule]) -> Option<&'static str> {
    if rules.len() > MOST_ENTRIES {
        return Some(TOO_MANY);
    }
    let mut i = 0;
    while i < rules.len() {
        let rule = rules[i];
        if let Some(entry) = rule.ingress
            && let Some(problem) = entry.problem_of_ports()
        {
            return Some(problem);
        }
        let mut j = 0;
        while j < i {
            if let Some(problem) = check_pair(&rule, &rules[j]) {
                return Some(problem);
            }
            j += 1;
        }
        i += 1;
    }
    None
}

const fn check_pair(rule: &NetworkRule, other: &NetworkRule) -> Option<&'static str> {
    // One is for both directions, whether or not it has an entry in each.
    if rule.number.get() == other.number.get() {
        return Some(ONE_NUMBER);
    }
    let mut problem = None;
    if let (Some(entry), Some(other)) = (&rule.egress, &other.egress) {
        problem = entry.problem_beside(other);
    }
    match (problem, &rule.ingress, &other.ingress) {
        (None, Some(entry), Some(other)) => entry.problem_beside(other),
        _ => problem,
    }
}

/// The rules of a [`NetworkAcl`](crate::resources::NetworkAcl), checked against each other when the program is compiled: each
/// has a number of its own, and none is without effect behind another.
///
/// ```
/// use palisade_aws::{network_rules, port, private_range, rule_number, types::NetworkRule};
/// let rules = network_rules![
///     NetworkRule::deny(rule_number!(50), private_range!("10.0.9.0/24")),
///     NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16")),
/// ];
/// assert_eq!(rules.into_iter().count(), 2);
/// ```
///
/// A rule that comes too late is a compile error:
///
/// ```compile_fail,E0080
/// use palisade_aws::{network_rules, port, private_range, rule_number, types::NetworkRule};
/// let rules = network_rules![
///     NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16")),
///     NetworkRule::deny(rule_number!(150), private_range!("10.0.9.0/24")),
/// ];
/// ```
#[macro_export]
macro_rules! network_rules {
    ($($rule:expr),* $(,)?) => {{
        const RULES: &[$crate::types::NetworkRule] = &[$($rule),*];
        const VALUE: $crate::types::NetworkRules = $crate::types::NetworkRules::literal(RULES);
        VALUE
    }};
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private_range;

    const REDIS: Port = Port::literal(6379);
    const NETWORK: PrivateRange = private_range!("10.0.0.0/16");
    const SUBNET: PrivateRange = private_range!("10.0.9.0/24");

    fn problem(rules: &[NetworkRule]) -> Option<&'static str> {
        let reversed: Vec<_> = rules.iter().rev().copied().collect();
        let problem = check_rules(rules);
        assert_eq!(problem, check_rules(&reversed), "the order in which they are written means nothing");
        problem
    }

    #[test]
    fn each_rule_has_its_way_back() {
        let ends = |entry: Option<NetworkAclEntry>| {
            entry.map(|entry| (entry.action.as_str(), entry.from_port.get(), entry.to_port.get()))
        };
        let number = RuleNumber::literal(100);
        for (rule, ingress, egress) in [
            (NetworkRule::serve(number, REDIS, NETWORK), Some(("allow", 6379, 6379)), Some(("allow", 1024, 65535))),
            (
                NetworkRule::serve_ports(number, Port::literal(7000), Port::literal(7010), NETWORK),
                Some(("allow", 7000, 7010)),
                Some(("allow", 1024, 65535)),
            ),
            (
                NetworkRule::reach(number, Port::literal(443), NETWORK),
                Some(("allow", 1024, 65535)),
                Some(("allow", 443, 443)),
            ),
            (NetworkRule::among(number, NETWORK), Some(("allow", 1024, 65535)), Some(("allow", 1024, 65535))),
            (NetworkRule::deny(number, NETWORK), Some(("deny", 1, 65535)), Some(("deny", 1, 65535))),
            (NetworkRule::deny_port(number, Port::literal(22), NETWORK), Some(("deny", 22, 22)), None),
        ] {
            assert_eq!((ends(rule.ingress()), ends(rule.egress())), (ingress, egress), "{rule:?}");
        }
    }

    #[test]
    fn two_rules_of_one_number_are_refused_also_where_they_meet_in_no_direction() {
        let serve = NetworkRule::serve(RuleNumber::literal(100), REDIS, NETWORK);
        assert_eq!(problem(&[serve, NetworkRule::among(RuleNumber::literal(100), SUBNET)]), Some(ONE_NUMBER));
        assert_eq!(problem(&[serve, serve]), Some(ONE_NUMBER));
        assert_eq!(problem(&[serve, NetworkRule::among(RuleNumber::literal(101), SUBNET)]), None);
    }

    #[test]
    fn what_denies_comes_before_what_allows_the_same() {
        let serve = NetworkRule::serve(RuleNumber::literal(100), REDIS, NETWORK);
        for (late, is_wrong) in [
            (NetworkRule::deny(RuleNumber::literal(50), SUBNET), false),
            (NetworkRule::deny(RuleNumber::literal(150), SUBNET), true),
            (NetworkRule::deny(RuleNumber::literal(150), NETWORK), true),
            (NetworkRule::deny_port(RuleNumber::literal(150), REDIS, SUBNET), true),
            // These ports pass by no rule.
            (NetworkRule::deny_port(RuleNumber::literal(150), Port::literal(22), SUBNET), false),
            // What is wider has its exception before it.
            (NetworkRule::deny(RuleNumber::literal(150), private_range!("10.0.0.0/8")), false),
        ] {
            assert_eq!(problem(&[serve, late]), is_wrong.then_some(DENIES_IN_VAIN), "{late:?}");
        }
    }

    #[test]
    fn what_is_denied_as_a_whole_is_not_allowed_after_it() {
        let deny = NetworkRule::deny(RuleNumber::literal(50), SUBNET);
        let serve = |clients| NetworkRule::serve(RuleNumber::literal(100), REDIS, clients);
        assert_eq!(problem(&[deny, serve(SUBNET)]), Some(ALLOWS_IN_VAIN));
        assert_eq!(problem(&[deny, serve(private_range!("10.0.9.128/25"))]), Some(ALLOWS_IN_VAIN));
        assert_eq!(problem(&[deny, serve(NETWORK)]), None, "the rest of it passes");
        let deny_port = NetworkRule::deny_port(RuleNumber::literal(50), REDIS, SUBNET);
        assert_eq!(problem(&[deny_port, serve(SUBNET)]), Some(ALLOWS_IN_VAIN));
        assert_eq!(
            problem(&[deny_port, NetworkRule::among(RuleNumber::literal(100), SUBNET)]),
            None,
            "other ports pass"
        );
    }

    #[test]
    fn a_range_of_ports_is_in_order_and_there_are_not_too_many_rules() {
        let reversed =
            NetworkRule::serve_ports(RuleNumber::literal(100), Port::literal(7010), Port::literal(7000), NETWORK);
        assert_eq!(problem(&[reversed]), Some(REVERSED));
        let wide = |first| NetworkRule::serve_ports(RuleNumber::literal(100), first, LAST, NETWORK);
        assert_eq!((problem(&[wide(FIRST)]), problem(&[wide(EPHEMERAL)])), (Some(ALL_PORTS), None));
        let rules = |count: u16| -> Vec<_> {
            (1..=count).map(|number| NetworkRule::serve(RuleNumber::new(number).unwrap(), REDIS, NETWORK)).collect()
        };
        assert_eq!((problem(&rules(39)), problem(&rules(40))), (None, Some(TOO_MANY)));
    }

    #[test]
    fn an_entry_that_a_program_could_not_have_made_is_told() {
        let json = |number: u16, from: u16, range: &str| {
            serde_json::json!({
                "rule_number": number, "action": "allow", "protocol": "tcp", "from_port": from, "to_port": 6379,
                "cidr_block": range,
            })
        };
        assert_eq!(NetworkAclEntry::problem(&json(1, 6379, "10.0.0.0/16")), None);
        for (number, from, range) in [(0, 6379, "10.0.0.0/16"), (1, 0, "10.0.0.0/16"), (1, 6379, "0.0.0.0/0")] {
            assert!(NetworkAclEntry::problem(&json(number, from, range)).is_some(), "{number} {from} {range}");
        }
        assert_eq!(NetworkAclEntry::problem(&json(1, 6380, "10.0.0.0/16")).as_deref(), Some(REVERSED));
    }
}
