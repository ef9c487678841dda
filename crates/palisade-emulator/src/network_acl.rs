//! Network ACLs, their entries, and their associations with subnets.

use palisade_aws::{
    operations::{
        CreateNetworkAcl, CreateNetworkAclEntry, CreateNetworkAclEntryOutput, CreateNetworkAclOutput, DeleteNetworkAcl,
        DeleteNetworkAclEntry, DeleteNetworkAclEntryOutput, DeleteNetworkAclOutput, DescribeNetworkAcls,
        DescribeNetworkAclsOutput, ReplaceNetworkAclAssociation, ReplaceNetworkAclAssociationOutput,
        ReplaceNetworkAclEntry, ReplaceNetworkAclEntryOutput,
    },
    shapes::{NetworkAclAssociationDescription, NetworkAclDescription, NetworkAclEntryDescription, SelectNetworkAcls},
    types::{Cidr, Direction, RuleAction, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, selects},
    clock::Millis,
    creation::Creation,
    ids::{ACCOUNT, NetworkAclId, SubnetId, VpcId, id},
    refusal::{Answer, known, refuse, require},
    tags,
};

/// How many network ACLs a VPC has at most, unless AWS is asked for more.
const QUOTA: usize = 200;
/// How many entries of a direction an ACL has at most, unless AWS is asked for more. The one that denies the rest counts.
const ENTRIES: usize = 20;
/// The number of the entry that denies the rest, which nobody can change.
const REST: u16 = 32767;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct NetworkAcl {
    pub(crate) vpc: VpcId,
    /// Whether AWS made it with its VPC.
    pub(crate) is_default: bool,
    /// What the creation was sent with: the same token makes the same ACL.
    token: Option<Creation>,
    entries: Vec<Entry>,
    /// The entries before the last change, which descriptions tell of for a while.
    before: Vec<Entry>,
    changed: Millis,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Entry {
    direction: Direction,
    number: u16,
    action: RuleAction,
    protocol: String,
    ports: Option<(u16, u16)>,
    addresses: Cidr,
}

/// Each subnet has one association, under an id that changes with the ACL.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct AclAssociation {
    acl: NetworkAclId,
    pub(crate) subnet: SubnetId,
    made: Millis,
    /// The one that it is in place of, by its id and its ACL, which descriptions tell of for a while.
    before: Option<(String, NetworkAclId)>,
}

impl Entry {
    /// Lets everything pass, or nothing.
    fn about_everything(direction: Direction, number: u16, action: RuleAction) -> Self {
        let addresses = Cidr::reported("0.0.0.0/0").expect("0.0.0.0/0 is a block");
        Self { direction, number, action, protocol: "-1".to_owned(), ports: None, addresses }
    }

    fn is_at(&self, direction: Direction, number: u16) -> bool {
        self.direction == direction && self.number == number
    }

    fn description(&self) -> NetworkAclEntryDescription {
        NetworkAclEntryDescription {
            direction: self.direction,
            rule_number: self.number,
            action: self.action,
            protocol: self.protocol.clone(),
            from_port: self.ports.map(|(from, _)| from),
            to_port: self.ports.map(|(_, to)| to),
            addresses: self.addresses.to_string(),
        }
    }
}

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// The entries of an ACL that denies everything, as each one does that somebody makes.
fn deny_the_rest() -> impl Iterator<Item = Entry> {
    DIRECTIONS.into_iter().map(|direction| Entry::about_everything(direction, REST, RuleAction::Deny))
}

impl NetworkAcl {
    fn new(vpc: VpcId, made: Millis) -> Self {
        let entries: Vec<_> = deny_the_rest().collect();
        let before = entries.clone();
        Self { vpc, is_default: false, token: None, entries, before, changed: made, tags: Tags::default(), made }
    }

    /// The ACL that AWS makes with a VPC, which lets everything pass.
    fn by_aws(vpc: VpcId, made: Millis) -> Self {
        let allow = DIRECTIONS.map(|direction| Entry::about_everything(direction, 100, RuleAction::Allow));
        let entries: Vec<_> = allow.into_iter().chain(deny_the_rest()).collect();
        Self { is_default: true, before: entries.clone(), entries, ..Self::new(vpc, made) }
    }
}

impl Account {
    pub(crate) fn create_network_acl(&mut self, call: CreateNetworkAcl) -> Answer<CreateNetworkAclOutput> {
        let CreateNetworkAcl { vpc_id, client_token, tags } = call;
        tags::check_ec2(&tags)?;
        let made = self.network_acls.iter().map(|(id, acl)| (id, acl.token.as_ref(), acl.vpc == vpc_id));
        if let Some(network_acl_id) = Creation::made_before(made, &client_token, &tags)? {
            return Ok(CreateNetworkAclOutput { network_acl_id });
        }
        self.vpc(&vpc_id)?;
        let count = self.network_acls.values().filter(|acl| acl.vpc == vpc_id).count();
        require(count < QUOTA, "NetworkAclLimitExceeded", || {
            format!("The maximum number of network ACLs has been reached for {vpc_id}.")
        })?;
        let network_acl_id: NetworkAclId = self.ids.next("acl");
        let token = Some(Creation { token: client_token, tags: tags.clone() });
        let acl = NetworkAcl { token, tags, ..NetworkAcl::new(vpc_id, self.now) };
        self.network_acls.insert(network_acl_id.clone(), acl);
        Ok(CreateNetworkAclOutput { network_acl_id })
    }

    /// Makes the ACL that comes with a VPC. Its id is drawn from that of the VPC.
    pub(crate) fn add_default_network_acl(&mut self, vpc: &VpcId) {
        let acl = NetworkAcl::by_aws(vpc.clone(), self.now);
        self.network_acls.insert(id(format!("acl-{}", digits(vpc.as_str()))), acl);
    }

    /// Associates a new subnet with the ACL that came with its VPC.
    pub(crate) fn associate_with_default_acl(&mut self, subnet: &SubnetId, vpc: &VpcId) {
        let Some((acl, _)) = self.network_acls.iter().find(|(_, acl)| acl.is_default && acl.vpc == *vpc) else {
            return;
        };
        let association = AclAssociation { acl: acl.clone(), subnet: subnet.clone(), made: self.now, before: None };
        self.acl_associations.insert(format!("aclassoc-{}", digits(subnet.as_str())), association);
    }

    /// Gives what an earlier version of the account made without them the network ACLs that AWS makes by itself.
    pub(crate) fn complete_network_acls(&mut self) {
        let vpcs: Vec<_> = self.vpcs.keys().cloned().collect();
        for vpc in vpcs {
            if !self.network_acls.values().any(|acl| acl.is_default && acl.vpc == vpc) {
                self.add_default_network_acl(&vpc);
            }
        }
        let subnets: Vec<_> = self.subnets.iter().map(|(id, subnet)| (id.clone(), subnet.vpc.clone())).collect();
        for (subnet, vpc) in subnets {
            if !self.acl_associations.values().any(|association| association.subnet == subnet) {
                self.associate_with_default_acl(&subnet, &vpc);
            }
        }
    }

    pub(crate) fn describe_network_acls(&mut self, call: DescribeNetworkAcls) -> Answer<DescribeNetworkAclsOutput> {
        let is_selected = |id: &NetworkAclId, acl: &NetworkAcl| match &call.select {
            SelectNetworkAcls::Acls(select) => selects(select, id, &acl.tags),
            SelectNetworkAcls::DefaultOf(vpcs) => acl.is_default && vpcs.contains(&acl.vpc),
            SelectNetworkAcls::OfSubnets(subnets) => {
                self.told_associations().any(|(_, acl, subnet)| acl == id && subnets.contains(subnet))
            }
        };
        let acls = self.network_acls.iter().filter(|(id, acl)| is_selected(id, acl) && self.shows(acl.made));
        let describe = |(id, acl): (&NetworkAclId, &NetworkAcl)| {
            let entries = if self.shows(acl.changed) { &acl.entries } else { &acl.before };
            let associations = self.told_associations().filter(|(_, other, _)| *other == id);
            let associations = associations.map(|(association, _, subnet)| NetworkAclAssociationDescription {
                id: association.clone(),
                subnet_id: subnet.clone(),
            });
            NetworkAclDescription {
                id: id.clone(),
                vpc_id: acl.vpc.clone(),
                owner_id: ACCOUNT.to_owned(),
                entries: entries.iter().map(Entry::description).collect(),
                associations: associations.collect(),
                tags: acl.tags.clone(),
            }
        };
        Ok(DescribeNetworkAclsOutput { network_acls: acls.map(describe).collect() })
    }

    /// The associations as descriptions tell them: their ids, their ACLs and their subnets.
    fn told_associations(&self) -> impl Iterator<Item = (&String, &NetworkAclId, &SubnetId)> {
        self.acl_associations.iter().filter_map(|(id, association)| {
            let AclAssociation { acl, subnet, made, before } = association;
            let (id, acl) = if self.shows(*made) { (id, acl) } else { before.as_ref().map(|(id, acl)| (id, acl))? };
            Some((id, acl, subnet))
        })
    }

    pub(crate) fn create_network_acl_entry(
        &mut self,
        call: CreateNetworkAclEntry,
    ) -> Answer<CreateNetworkAclEntryOutput> {
        let CreateNetworkAclEntry { network_acl_id, entry } = call;
        let entry = checked(entry)?;
        let acl = self.network_acl(&network_acl_id)?;
        let siblings = acl.entries.iter().filter(|other| other.direction == entry.direction);
        let (mut count, mut is_taken) = (0, false);
        for other in siblings {
            count += 1;
            is_taken |= other.number == entry.number;
        }
        require(!is_taken, "NetworkAclEntryAlreadyExists", || {
            format!("The network acl entry identified by {} already exists.", entry.number)
        })?;
        require(count < ENTRIES, "NetworkAclEntryLimitExceeded", || {
            format!("The maximum number of network acl entries has been reached for {network_acl_id}.")
        })?;
        self.change(&network_acl_id, |entries| entries.push(entry));
        Ok(CreateNetworkAclEntryOutput {})
    }

    pub(crate) fn replace_network_acl_entry(
        &mut self,
        call: ReplaceNetworkAclEntry,
    ) -> Answer<ReplaceNetworkAclEntryOutput> {
        let ReplaceNetworkAclEntry { network_acl_id, entry } = call;
        let entry = checked(entry)?;
        self.entry(&network_acl_id, entry.direction, entry.number)?;
        self.change(&network_acl_id, |entries| {
            entries.retain(|other| !other.is_at(entry.direction, entry.number));
            entries.push(entry);
        });
        Ok(ReplaceNetworkAclEntryOutput {})
    }

    pub(crate) fn delete_network_acl_entry(
        &mut self,
        call: DeleteNetworkAclEntry,
    ) -> Answer<DeleteNetworkAclEntryOutput> {
        let DeleteNetworkAclEntry { network_acl_id, direction, rule_number } = call;
        check_number(rule_number)?;
        self.entry(&network_acl_id, direction, rule_number)?;
        self.change(&network_acl_id, |entries| entries.retain(|other| !other.is_at(direction, rule_number)));
        Ok(DeleteNetworkAclEntryOutput {})
    }

    pub(crate) fn replace_network_acl_association(
        &mut self,
        call: ReplaceNetworkAclAssociation,
    ) -> Answer<ReplaceNetworkAclAssociationOutput> {
        let ReplaceNetworkAclAssociation { association_id, network_acl_id } = call;
        let acl_vpc = self.network_acl(&network_acl_id)?.vpc.clone();
        let association = known(self.acl_associations.get(&association_id), "InvalidAssociationID.NotFound", || {
            format!("The association ID '{association_id}' does not exist")
        })?;
        let AclAssociation { acl, subnet, .. } = association;
        let is_neighbour = self.subnets.get(subnet).is_some_and(|subnet| subnet.vpc == acl_vpc);
        require(is_neighbour, "InvalidParameterValue", || {
            format!("Network ACL {network_acl_id} and subnet {subnet} belong to different networks")
        })?;
        let new = AclAssociation {
            acl: network_acl_id,
            subnet: subnet.clone(),
            made: self.now,
            before: Some((association_id.clone(), acl.clone())),
        };
        self.acl_associations.remove(&association_id);
        // It gets a new id, by which callers that keep the old one find out.
        let association_id = format!("aclassoc-0{}", self.ids.digits(16));
        self.acl_associations.insert(association_id.clone(), new);
        Ok(ReplaceNetworkAclAssociationOutput { association_id })
    }

    pub(crate) fn delete_network_acl(&mut self, call: DeleteNetworkAcl) -> Answer<DeleteNetworkAclOutput> {
        let id = call.network_acl_id;
        let acl = self.network_acl(&id)?;
        require(!acl.is_default, "InvalidParameterValue", || format!("cannot delete default network ACL {id}"))?;
        require(
            self.acl_associations.values().all(|association| association.acl != id),
            "DependencyViolation",
            || format!("The networkAcl '{id}' has dependencies and cannot be deleted."),
        )?;
        self.network_acls.remove(&id);
        Ok(DeleteNetworkAclOutput {})
    }

    /// The ACL `id`, as a call about it finds it.
    pub(crate) fn network_acl(&self, id: &NetworkAclId) -> Answer<&NetworkAcl> {
        let acl = self.network_acls.get(id).filter(|acl| self.shows(acl.made));
        known(acl, "InvalidNetworkAclID.NotFound", || format!("The networkAcl ID '{id}' does not exist"))
    }

    fn entry(&self, acl: &NetworkAclId, direction: Direction, number: u16) -> Answer<()> {
        let entry = self.network_acl(acl)?.entries.iter().find(|entry| entry.is_at(direction, number));
        known(entry.map(drop), "InvalidNetworkAclEntry.NotFound", || {
            format!("The specified network acl entry {number} ({direction}) does not exist in {acl}")
        })
    }

    fn change(&mut self, acl: &NetworkAclId, change: impl FnOnce(&mut Vec<Entry>)) {
        let (now, lag) = (self.now, self.lag);
        if let Some(acl) = self.network_acls.get_mut(acl) {
            // What is told does not go back to before a change that is told already.
            if now >= acl.changed.saturating_add(lag) {
                acl.before.clone_from(&acl.entries);
            }
            acl.changed = now;
            change(&mut acl.entries);
        }
    }
}

/// What follows the prefix of an id.
fn digits(id: &str) -> &str {
    id.split_once('-').map_or(id, |(_, digits)| digits)
}

fn check_number(number: u16) -> Answer<()> {
    require((1..REST).contains(&number), "InvalidParameterValue", || {
        format!("Value ({number}) for parameter ruleNumber is invalid. The rule number must be between 1 and 32766.")
    })
}

/// The entry, if EC2 takes it.
fn checked(entry: NetworkAclEntryDescription) -> Answer<Entry> {
    let NetworkAclEntryDescription { direction, rule_number, action, protocol, from_port, to_port, addresses } = entry;
    check_number(rule_number)?;
    let ports = match (protocol.as_str(), from_port, to_port) {
        ("6" | "17", Some(from), Some(to)) => {
            require(from <= to, "InvalidParameterValue", || format!("Invalid TCP/UDP port range ({from}:{to})"))?;
            Some((from, to))
        }
        ("6" | "17", _, _) => {
            return refuse("InvalidParameterValue", "Must specify both from and to ports with TCP/UDP.");
        }
        (number, _, _) => {
            let is_known = number.parse::<i16>().is_ok_and(|number| (-1..=255).contains(&number));
            require(is_known, "InvalidParameterValue", || {
                format!("Invalid value '{number}' for IP protocol. Unknown protocol.")
            })?;
            None
        }
    };
    let addresses =
        known(Cidr::reported(&addresses), "InvalidParameterValue", || format!("CIDR block {addresses} is malformed"))?;
    Ok(Entry { direction, number: rule_number, action, protocol, ports, addresses })
}
