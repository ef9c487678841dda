//! [`RouteTable`].

mod rules;

use palisade_core::{
    Attributes, Id, Resource,
    provider::{ProviderError, Repeated, Token},
};
use serde::{Deserialize, Serialize};

use super::Vpc;
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots,
    calls::Calls,
    observe::{RELEASED, appear, ec2_arn, in_order, sync_ec2_tags},
    operations::{
        CreateRouteTable, CreateTags, DeleteRouteTable, DeleteTags, DescribeRouteTables, DescribeTags, Operation,
    },
    shapes::{Select, SelectRouteTables},
    types::{Arn, Tags},
};

/// A table of routes that has only the route within the VPC: what is associated with it reaches no internet, and is
/// reached from none. That is all that a cache needs.
///
/// AWS: [CreateRouteTable](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html)
///
/// ```
/// use palisade_aws::{cidr, resources::{RouteTable, Vpc}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
/// let private = stack.add("private", RouteTable::builder().vpc_id(&vpc));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(terraform = "aws_route_table", rules = rules::RULES, attributes = RouteTableAttributes, id_prefix = "rtb-", ids = palisade_core::IdRules::HEXADECIMAL)]
pub struct RouteTable {
    /// The VPC.
    #[field(replace)]
    pub vpc_id: Id<Vpc>,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`RouteTable`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RouteTableAttributes {
    /// The ARN.
    pub arn: Arn,
}

impl Lifecycle for RouteTable {
    type Observed = RouteTableObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeRouteTables::CALL.together()],
        find: &[DescribeRouteTables::CALL.as_needed()],
        create: &[CreateRouteTable::CALL.once()],
        converge: &[
            DescribeRouteTables::CALL.as_needed(),
            CreateTags::CALL.up_to(1).carried(&["tags"]),
            DeleteTags::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteRouteTable::CALL.once()],
        untracked: &[DescribeTags::CALL.together()],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::AnswersTheSame;

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { vpc_id, tags } = self;
        let request =
            CreateRouteTable { vpc_id: vpc_id.clone(), client_token: token.digest.clone(), tags: tags.owned_by(token) };
        Ok(aws.call(request).await?.route_table_id)
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let select = SelectRouteTables::Tables(Select::Token(token.digest.clone()));
        let found = aws.call(DescribeRouteTables { select }).await?;
        Ok(found.route_tables.into_iter().next().map(|table| table.id).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let select = SelectRouteTables::Tables(Select::Ids(ids.to_vec()));
        let found = aws.call(DescribeRouteTables { select }).await?.route_tables;
        let snapshot = |table: crate::shapes::RouteTableDescription| Snapshot {
            fields: RouteTableObserved { vpc_id: Some(table.vpc_id), tags: Some(table.tags.declared()) },
            attributes: RouteTableAttributes { arn: ec2_arn(aws, &table.owner_id, "route-table", table.id.as_str()) },
        };
        Ok(in_order(ids, found, |table| &table.id).into_iter().map(|table| table.map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let describe = async || {
            let select = SelectRouteTables::Tables(Select::Ids(vec![id.clone()]));
            Ok(aws.call(DescribeRouteTables { select }).await?.route_tables.into_iter().next())
        };
        let table = appear(aws, id.as_str(), previous.is_some(), describe).await?;
        sync_ec2_tags(aws, id.as_str(), &self.tags, &table.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call_until_settled(RELEASED, DeleteRouteTable { route_table_id: id.clone() }).await.map(drop)
    }
}
