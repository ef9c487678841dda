//! How a network ACL becomes real, with its entries and its subnets.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use palisade_core::{
    Id,
    provider::{ErrorKind, ProviderError, Repeated, Token},
};
use tokio::time::Instant;

use super::{NetworkAcl, NetworkAclAttributes, NetworkAclObserved};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    aws::is_transitional,
    calls::Calls,
    observe::{RELEASED, STALE, appear, ec2_arn, gone, in_order, lost, not_shown, sync_ec2_tags},
    operations::{
        CreateNetworkAcl, CreateNetworkAclEntry, CreateTags, DeleteNetworkAcl, DeleteNetworkAclEntry, DeleteTags,
        DescribeNetworkAcls, DescribeTags, Operation, ReplaceNetworkAclAssociation, ReplaceNetworkAclEntry,
    },
    resources::{Subnet, Vpc},
    shapes::{NetworkAclDescription, NetworkAclEntryDescription, Select, SelectNetworkAcls},
    types::{Direction, NetworkAclEntry, Port, PrivateRange, Protocol, RuleAction, RuleNumber},
};

/// The highest number of an entry that is not AWS's own.
const LAST: u16 = 32766;

/// What a direction has one of.
type Place = (Direction, u16);

impl Lifecycle for NetworkAcl {
    type Observed = NetworkAclObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeNetworkAcls::CALL.together()],
        find: &[DescribeNetworkAcls::CALL.as_needed()],
        create: &[CreateNetworkAcl::CALL.once()],
        converge: &[
            DescribeNetworkAcls::CALL.as_needed(),
            CreateNetworkAclEntry::CALL.as_needed().on(&["ingress", "egress"]),
            ReplaceNetworkAclEntry::CALL.as_needed().carried(&["ingress", "egress", "other_entries"]),
            DeleteNetworkAclEntry::CALL.as_needed().carried(&["ingress", "egress", "other_entries"]),
            ReplaceNetworkAclAssociation::CALL.as_needed().on(&["subnet_ids"]),
            CreateTags::CALL.up_to(1).carried(&["tags"]),
            DeleteTags::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[
            DescribeNetworkAcls::CALL.as_needed(),
            ReplaceNetworkAclAssociation::CALL.as_needed(),
            DeleteNetworkAcl::CALL.as_needed(),
        ],
        untracked: &[DescribeTags::CALL.together()],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::AnswersTheSame;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(4, 3, 2);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { vpc_id, tags, subnet_ids: _, ingress: _, egress: _, other_entries: _ } = self;
        let request =
            CreateNetworkAcl { vpc_id: vpc_id.clone(), client_token: token.digest.clone(), tags: tags.owned_by(token) };
        Ok(aws.call(request).await?.network_acl_id)
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let select = SelectNetworkAcls::Acls(Select::Token(token.digest.clone()));
        Ok(aws.call(DescribeNetworkAcls { select }).await?.network_acls.into_iter().next().map(|acl| acl.id).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let select = SelectNetworkAcls::Acls(Select::Ids(ids.to_vec()));
        let found = aws.call(DescribeNetworkAcls { select }).await?.network_acls;
        let snapshot = |acl: NetworkAclDescription| Snapshot {
            attributes: NetworkAclAttributes { arn: ec2_arn(aws, &acl.owner_id, "network-acl", acl.id.as_str()) },
            fields: fields(acl),
        };
        Ok(in_order(ids, found, |acl| &acl.id).into_iter().map(|acl| acl.map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let acl = appear(aws, id.as_str(), previous.is_some(), async || described(aws, id).await).await?;
        // First the entries, so that no subnet comes under a list that is not whole.
        self.sync_entries(aws, &acl).await?;
        self.sync_subnets(aws, id).await?;
        sync_ec2_tags(aws, id.as_str(), &self.tags, &acl.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        let attempt = async || {
            // A description may not tell yet of a subnet that has just come, so it is looked at again once AWS refuses.
            if let Some(acl) = described(aws, id).await? {
                Moves::of(&self.vpc_id).release(aws, &acl, &BTreeSet::new()).await?;
            }
            aws.call(DeleteNetworkAcl { network_acl_id: id.clone() }).await.map(drop)
        };
        aws.until_accepted(RELEASED, is_transitional, attempt).await
    }
}

impl NetworkAcl {
    /// The entries by their places, as AWS takes them.
    fn wanted(&self) -> BTreeMap<Place, NetworkAclEntryDescription> {
        let ingress = self.ingress.iter().map(|entry| sent(Direction::Ingress, entry));
        let egress = self.egress.iter().map(|entry| sent(Direction::Egress, entry));
        ingress.chain(egress).map(|entry| (place(&entry), entry)).collect()
    }

    /// Brings the entries to what they should be. Meanwhile nothing passes that is denied before and after, and nothing is
    /// dropped that is allowed before and after, unless the quota does not leave room for both.
    async fn sync_entries(&self, aws: &Aws, acl: &NetworkAclDescription) -> Result<(), ProviderError> {
        let (wanted, found) = (self.wanted(), own_entries(acl));
        let mut missing: Vec<_> = wanted.iter().filter(|(place, entry)| found.get(place) != Some(entry)).collect();
        let mut spare: Vec<_> = found.iter().filter(|(place, _)| !wanted.contains_key(place)).collect();
        missing.sort_by_key(|(_, entry)| entry.action != RuleAction::Deny);
        spare.sort_by_key(|(_, entry)| entry.action == RuleAction::Deny);
        for (place, entry) in missing {
            let exists = found.contains_key(place);
            match put(aws, &acl.id, exists, entry).await {
                Err(error) if error.kind == ErrorKind::Quota && !spare.is_empty() => {
                    remove(aws, &acl.id, &std::mem::take(&mut spare)).await?;
                    put(aws, &acl.id, exists, entry).await?;
                }
                answer => answer?,
            }
        }
        remove(aws, &acl.id, &spare).await
    }

    /// Lets the subnets come and go, and waits until AWS tells of them and of the entries.
    async fn sync_subnets(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        let (mut start, wanted) = (Instant::now(), self.wanted());
        let mut moves = Moves::of(&self.vpc_id);
        loop {
            let acl = described(aws, id).await?.ok_or_else(|| lost(id.as_str(), "is gone"))?;
            let here: BTreeSet<_> = acl.associations.iter().map(|association| association.subnet_id.clone()).collect();
            if here == self.subnet_ids && own_entries(&acl) == wanted {
                return Ok(());
            }
            let before = moves.replaced.len();
            moves.release(aws, &acl, &self.subnet_ids).await?;
            moves.take(aws, id, self.subnet_ids.difference(&here).cloned().collect()).await?;
            if moves.replaced.len() > before {
                // Many moves may take long by themselves.
                start = Instant::now();
            }
            if start.elapsed() >= STALE {
                return Err(not_shown(id.as_str()));
            }
            aws.pause(Duration::from_secs(1)).await?;
        }
    }
}

/// The associations that were replaced. Each gets another id by that, so that one which is still told of under its old id is
/// known to be out of date.
struct Moves<'a> {
    vpc: &'a Id<Vpc>,
    replaced: BTreeSet<String>,
}

impl<'a> Moves<'a> {
    fn of(vpc: &'a Id<Vpc>) -> Self {
        Self { vpc, replaced: BTreeSet::new() }
    }

    /// Gives the subnets of `acl` that are not `kept` back to the ACL that AWS made with the VPC.
    async fn release(
        &mut self,
        aws: &Aws,
        acl: &NetworkAclDescription,
        kept: &BTreeSet<Id<Subnet>>,
    ) -> Result<(), ProviderError> {
        let leaving = acl.associations.iter().filter(|association| !kept.contains(&association.subnet_id));
        let leaving: Vec<_> = leaving.map(|association| association.id.clone()).collect();
        if leaving.iter().all(|association| self.replaced.contains(association)) {
            return Ok(());
        }
        let select = SelectNetworkAcls::DefaultOf(vec![self.vpc.clone()]);
        let default = aws.call(DescribeNetworkAcls { select }).await?.network_acls.into_iter().next();
        let default = default.ok_or_else(|| lost(&format!("the default network ACL of {}", self.vpc), "is gone"))?;
        for association in leaving {
            self.replace(aws, association, &default.id).await?;
        }
        Ok(())
    }

    /// Takes the subnets from whichever ACL has them.
    async fn take(&mut self, aws: &Aws, acl: &Id<NetworkAcl>, subnets: Vec<Id<Subnet>>) -> Result<(), ProviderError> {
        if subnets.is_empty() {
            return Ok(());
        }
        let select = SelectNetworkAcls::OfSubnets(subnets.clone());
        let holders = aws.call(DescribeNetworkAcls { select }).await?.network_acls;
        let associations = holders.into_iter().flat_map(|holder| holder.associations);
        for association in associations.filter(|association| subnets.contains(&association.subnet_id)) {
            self.replace(aws, association.id, acl).await?;
        }
        Ok(())
    }

    async fn replace(&mut self, aws: &Aws, association: String, acl: &Id<NetworkAcl>) -> Result<(), ProviderError> {
        if self.replaced.contains(&association) {
            return Ok(());
        }
        let request = ReplaceNetworkAclAssociation { association_id: association.clone(), network_acl_id: acl.clone() };
        match aws.call(request).await {
            // Somebody else has moved the subnet meanwhile, or deleted it: the next description tells.
            Err(error) if error.code == "InvalidAssociationID.NotFound" => Ok(()),
            answer => {
                answer?;
                self.replaced.insert(association);
                Ok(())
            }
        }
    }
}

async fn described(aws: &Aws, id: &Id<NetworkAcl>) -> Result<Option<NetworkAclDescription>, ProviderError> {
    let select = SelectNetworkAcls::Acls(Select::Ids(vec![id.clone()]));
    Ok(aws.call(DescribeNetworkAcls { select }).await?.network_acls.into_iter().next())
}

/// Makes an entry, or one in its place where it `exists`; a description may be out of date about that.
async fn put(
    aws: &Aws,
    id: &Id<NetworkAcl>,
    exists: bool,
    entry: &NetworkAclEntryDescription,
) -> Result<(), ProviderError> {
    let create = CreateNetworkAclEntry { network_acl_id: id.clone(), entry: entry.clone() };
    let replace = ReplaceNetworkAclEntry { network_acl_id: id.clone(), entry: entry.clone() };
    if exists {
        match aws.call(replace).await {
            Err(error) if error.code == "InvalidNetworkAclEntry.NotFound" => aws.call(create).await.map(drop),
            answer => answer.map(drop),
        }
    } else {
        match aws.call(create).await {
            Err(error) if error.kind == ErrorKind::AlreadyExists => aws.call(replace).await.map(drop),
            answer => answer.map(drop),
        }
    }
}

async fn remove(
    aws: &Aws,
    id: &Id<NetworkAcl>,
    spare: &[(&Place, &NetworkAclEntryDescription)],
) -> Result<(), ProviderError> {
    for ((direction, rule_number), _) in spare {
        let request =
            DeleteNetworkAclEntry { network_acl_id: id.clone(), direction: *direction, rule_number: *rule_number };
        gone(aws.call(request).await)?;
    }
    Ok(())
}

fn place(entry: &NetworkAclEntryDescription) -> Place {
    (entry.direction, entry.rule_number)
}

/// The entries that are not AWS's own.
fn own_entries(acl: &NetworkAclDescription) -> BTreeMap<Place, NetworkAclEntryDescription> {
    let own = acl.entries.iter().filter(|entry| entry.rule_number <= LAST);
    own.map(|entry| (place(entry), entry.clone())).collect()
}

/// The number by which AWS knows the protocol.
const fn number(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "6",
        Protocol::Udp => "17",
    }
}

fn sent(direction: Direction, entry: &NetworkAclEntry) -> NetworkAclEntryDescription {
    let NetworkAclEntry { rule_number, action, protocol, from_port, to_port, cidr_block } = *entry;
    NetworkAclEntryDescription {
        direction,
        rule_number: rule_number.get(),
        action,
        protocol: number(protocol).to_owned(),
        from_port: Some(from_port.get()),
        to_port: Some(to_port.get()),
        addresses: cidr_block.to_string(),
    }
}

/// The entry as a program says it, if it can.
fn read(entry: &NetworkAclEntryDescription) -> Option<NetworkAclEntry> {
    Some(NetworkAclEntry {
        rule_number: RuleNumber::reported(entry.rule_number),
        action: entry.action,
        protocol: [Protocol::Tcp, Protocol::Udp].into_iter().find(|known| number(*known) == entry.protocol)?,
        from_port: Port::reported(entry.from_port?),
        to_port: Port::reported(entry.to_port?),
        cidr_block: PrivateRange::reported(&entry.addresses)?,
    })
}

/// An entry that should not be, as a plan shows it.
fn in_words(entry: &NetworkAclEntryDescription) -> String {
    let NetworkAclEntryDescription { direction, rule_number, action, protocol, from_port, to_port, addresses } = entry;
    let protocol = if protocol == "-1" { "all protocols".to_owned() } else { format!("protocol {protocol}") };
    let ports = from_port.zip(*to_port).map(|(from, to)| format!(" {from}-{to}")).unwrap_or_default();
    format!("{direction} {rule_number}: {action} {protocol}{ports}, {addresses}")
}

fn fields(acl: NetworkAclDescription) -> NetworkAclObserved {
    let own = own_entries(&acl);
    let of = |wanted: Direction| -> BTreeSet<_> {
        own.values().filter(|entry| entry.direction == wanted).filter_map(read).collect()
    };
    NetworkAclObserved {
        ingress: Some(of(Direction::Ingress)),
        egress: Some(of(Direction::Egress)),
        other_entries: Some(own.values().filter(|entry| read(entry).is_none()).map(in_words).collect()),
        vpc_id: Some(acl.vpc_id),
        subnet_ids: Some(acl.associations.into_iter().map(|association| association.subnet_id).collect()),
        tags: Some(acl.tags.declared()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{private_range, types::NetworkRule};

    #[test]
    fn an_entry_is_read_as_it_was_sent() {
        let rule = NetworkRule::serve(RuleNumber::literal(100), Port::literal(6379), private_range!("10.0.0.0/16"));
        for (direction, entry) in [(Direction::Ingress, rule.ingress()), (Direction::Egress, rule.egress())] {
            let entry = entry.unwrap();
            let sent = sent(direction, &entry);
            assert_eq!((sent.direction, sent.protocol.as_str(), read(&sent)), (direction, "6", Some(entry)));
        }
    }

    #[test]
    fn an_entry_that_no_program_can_say_is_told_in_words() {
        let entry = |protocol: &str, ports: Option<(u16, u16)>, addresses: &str| NetworkAclEntryDescription {
            direction: Direction::Egress,
            rule_number: 100,
            action: RuleAction::Allow,
            protocol: protocol.to_owned(),
            from_port: ports.map(|(from, _)| from),
            to_port: ports.map(|(_, to)| to),
            addresses: addresses.to_owned(),
        };
        for (entry, words) in [
            (entry("-1", None, "0.0.0.0/0"), "egress 100: allow all protocols, 0.0.0.0/0"),
            (entry("1", None, "10.0.0.0/16"), "egress 100: allow protocol 1, 10.0.0.0/16"),
            (entry("6", Some((22, 23)), "::/0"), "egress 100: allow protocol 6 22-23, ::/0"),
        ] {
            assert_eq!((read(&entry), in_words(&entry).as_str()), (None, words));
        }
    }
}
