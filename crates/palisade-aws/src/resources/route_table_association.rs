//! [`RouteTableAssociation`].

use palisade_core::{
    Finding, Graph, Id, Node, Resource, Stack,
    provider::{ErrorKind, ProviderError, Repeated, Token},
    terraform::TerraformResource,
};
use serde::{Deserialize, Serialize};

use super::{RouteTable, Subnet};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    failure,
    observe::{VISIBLE, named},
    operations::{
        AssociateRouteTable, DescribeRouteTables, DisassociateRouteTable, Operation, ReplaceRouteTableAssociation,
    },
    shapes::{RouteTableAssociationDescription, SelectRouteTables},
};

/// Says which [`RouteTable`] a [`Subnet`] goes by. A subnet has at most one; without, it goes by the main table of its VPC.
///
/// It is known by the id of its subnet, as AWS gives it another id whenever the table changes.
///
/// AWS: [AssociateRouteTable](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html)
///
/// ```
/// use palisade_aws::{az, cidr, resources::{RouteTable, RouteTableAssociation, Subnet, Vpc}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
/// # let subnet = stack.add("private-a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
/// # let table = stack.add("private", RouteTable::builder().vpc_id(&vpc));
/// stack.add("private-a", RouteTableAssociation::builder().subnet_id(&subnet).route_table_id(&table));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(terraform = "aws_route_table_association", id_prefix = "subnet-", ids = palisade_core::IdRules::HEXADECIMAL, terraform_with = terraform, check = check)]
pub struct RouteTableAssociation {
    /// The subnet.
    #[field(replace, identity)]
    pub subnet_id: Id<Subnet>,
    /// The table.
    pub route_table_id: Id<RouteTable>,
}

/// A subnet goes by a table of its own VPC.
fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let in_two_vpcs = || {
        let association = stack.declared::<RouteTableAssociation>(node)?;
        let (subnet, table) = (association.subnet_id().target()?, association.route_table_id().target()?);
        (subnet.vpc_id() != table.vpc_id()).then(|| {
            let message = format!("{} and {} are in two VPCs", subnet.address(), table.address());
            let finding = association.finding(&message, "add a `RouteTable` to the VPC of the subnet, and name that");
            finding.also(&subnet, "the subnet").also(&table, "the table")
        })
    };
    in_two_vpcs().into_iter().collect()
}

/// AWS's own id of an association changes when the table does, so Terraform asks for both ends.
fn terraform(resource: &mut TerraformResource, _: &Graph) {
    resource.import.id = "{subnet_id}/{route_table_id}";
}

impl Lifecycle for RouteTableAssociation {
    type Observed = RouteTableAssociationObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeRouteTables::CALL.together()],
        find: &[DescribeRouteTables::CALL.as_needed()],
        create: &[AssociateRouteTable::CALL.once()],
        converge: &[
            DescribeRouteTables::CALL.as_needed(),
            ReplaceRouteTableAssociation::CALL.up_to(1).carried(&["route_table_id"]),
        ],
        delete: &[DescribeRouteTables::CALL.together(), DisassociateRouteTable::CALL.once()],
        untracked: &[],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::AnswersTheSame;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(3, 3, 2);

    async fn create(&self, aws: &Aws, _: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { subnet_id, route_table_id } = self;
        let request = AssociateRouteTable { route_table_id: route_table_id.clone(), subnet_id: subnet_id.clone() };
        match aws.call(request).await {
            // A subnet has one association, so this is the one, and `converge` leads it to the right table.
            Err(error) if error.kind != ErrorKind::AlreadyExists => Err(error),
            _ => named(subnet_id.as_str()),
        }
    }

    async fn find(&self, aws: &Aws, _: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let id = named(self.subnet_id.as_str())?;
        Ok(association(aws, &id).await?.map(|_| id).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let snapshot = |(route_table_id, association): (Id<RouteTable>, RouteTableAssociationDescription)| Snapshot {
            fields: RouteTableAssociationObserved {
                subnet_id: Some(association.subnet_id),
                route_table_id: Some(route_table_id),
            },
            attributes: (),
        };
        Ok(associations(aws, ids).await?.into_iter().map(|found| found.map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, _: Option<&Self>) -> Result<(), ProviderError> {
        aws.wait(&format!("the route table of {id} to be associated"), VISIBLE, async || {
            let Some((table, association)) =
                association(aws, id).await?.filter(|(_, found)| found.state == "associated")
            else {
                return Ok(None);
            };
            if table == self.route_table_id {
                return Ok(Some(()));
            }
            let route_table_id = self.route_table_id.clone();
            let request = ReplaceRouteTableAssociation { association_id: association.id, route_table_id };
            unless_replaced(aws.call(request).await)?;
            Ok(None)
        })
        .await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.wait(&format!("the route table of {id} to be left"), VISIBLE, async || {
            let Some((_, association)) = association(aws, id).await? else {
                let message = format!("{id} is described as if it had no route table of its own");
                return Err(failure("DescribeRouteTables", "InvalidAssociationID.NotFound", message));
            };
            let request = DisassociateRouteTable { association_id: association.id };
            Ok(unless_replaced(aws.call(request).await)?.map(drop))
        })
        .await
    }
}

/// The answer to a call that names an association; `None` if there is none of this id any more, as it has been replaced since it
/// was described, or is gone: the next description tells.
fn unless_replaced<T>(answer: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match answer {
        Err(error) if error.code == "InvalidAssociationID.NotFound" => Ok(None),
        answer => answer.map(Some),
    }
}

/// The association of a subnet, with its table.
async fn association(
    aws: &Aws,
    id: &Id<RouteTableAssociation>,
) -> Result<Option<(Id<RouteTable>, RouteTableAssociationDescription)>, ProviderError> {
    Ok(associations(aws, std::slice::from_ref(id)).await?.into_iter().next().flatten())
}

/// The association of each subnet, with its table.
async fn associations(
    aws: &Aws,
    ids: &[Id<RouteTableAssociation>],
) -> Result<Vec<Option<(Id<RouteTable>, RouteTableAssociationDescription)>>, ProviderError> {
    let subnets = ids.iter().map(|id| named::<Subnet>(id.as_str())).collect::<Result<Vec<_>, _>>()?;
    let tables =
        aws.call(DescribeRouteTables { select: SelectRouteTables::OfSubnets(subnets.clone()) }).await?.route_tables;
    let of = |subnet: &Id<Subnet>| {
        tables.iter().find_map(|table| {
            let association = table.associations.iter().find(|association| association.subnet_id == *subnet)?;
            Some((table.id.clone(), association.clone()))
        })
    };
    Ok(subnets.iter().map(of).collect())
}
