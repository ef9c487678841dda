//! Tags: the limits, and the calls that change them.

use std::collections::BTreeMap;

use palisade_aws::{
    operations::{
        AddTagsToResource, AddTagsToResourceOutput, CreateTags, CreateTagsOutput, DeleteTags, DeleteTagsOutput,
        DescribeTags, DescribeTagsOutput, ListTagsForResource, ListTagsForResourceOutput, RemoveTagsFromResource,
        RemoveTagsFromResourceOutput,
    },
    shapes::{SelectTags, TagDescription},
    types::{Arn, Tags},
};
use palisade_core::{Id, Resource};

use crate::{
    account::Account,
    clock::{Millis, TAGS_LINGER},
    ids::{ACCOUNT, id},
    refusal::{Answer, Refusal, known, refuse, require},
    rule::unknown_rule,
};

const LIMIT: usize = 50;

/// Refuses tags that EC2 does not take.
pub(crate) fn check_ec2(tags: &Tags) -> Answer<()> {
    check(tags, "InvalidParameterValue", "TagLimitExceeded")
}

/// Refuses tags that ElastiCache does not take.
pub(crate) fn check_cache(tags: &Tags) -> Answer<()> {
    check(tags, "InvalidParameterValue", "TagQuotaPerResourceExceeded")
}

/// Refuses tags that Secrets Manager does not take.
pub(crate) fn check_secret(tags: &Tags) -> Answer<()> {
    check(tags, "InvalidParameterException", "InvalidParameterException")
}

/// Refuses tags that IAM does not take.
pub(crate) fn check_role(tags: &Tags) -> Answer<()> {
    check(tags, "ValidationError", "LimitExceeded")
}

/// Refuses tags that KMS does not take.
pub(crate) fn check_key(tags: &Tags) -> Answer<()> {
    check(tags, "TagException", "LimitExceededException")
}

/// Refuses tags that CloudWatch Logs does not take.
pub(crate) fn check_log_group(tags: &Tags) -> Answer<()> {
    check(tags, "InvalidParameterException", "TooManyTagsException")
}

fn check(tags: &Tags, invalid: &'static str, too_many: &'static str) -> Answer<()> {
    for (key, value) in tags.iter() {
        require(!key.to_ascii_lowercase().starts_with("aws:"), invalid, || {
            format!("Tag keys starting with 'aws:' are reserved for internal use: {key}")
        })?;
        require((1..=128).contains(&key.chars().count()), invalid, || {
            format!("Tag key exceeds the maximum length of 128 characters: {key}")
        })?;
        require(value.chars().count() <= 256, invalid, || {
            format!("Tag value exceeds the maximum length of 256 characters: {key}")
        })?;
    }
    require(tags.len() <= LIMIT, too_many, || "The limit of 50 tags for the resource has been reached.".to_owned())
}

/// `tags` with `added`, which count where both have a key.
pub(crate) fn merged(tags: &Tags, added: &Tags) -> Tags {
    let pairs = tags.iter().chain(added.iter());
    Tags::reported(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// `tags` without `keys`.
pub(crate) fn without(tags: &Tags, keys: &[String]) -> Tags {
    let kept = tags.iter().filter(|(key, _)| !keys.iter().any(|other| other == key));
    Tags::reported(kept.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

impl Account {
    pub(crate) fn create_tags(&mut self, call: CreateTags) -> Answer<CreateTagsOutput> {
        let tags = merged(self.ec2_tags(&call.resource_id)?, &call.tags);
        check_ec2(&tags)?;
        *self.ec2_tags(&call.resource_id)? = tags;
        Ok(CreateTagsOutput {})
    }

    pub(crate) fn delete_tags(&mut self, call: DeleteTags) -> Answer<DeleteTagsOutput> {
        let tags = self.ec2_tags(&call.resource_id)?;
        *tags = without(tags, &call.keys);
        Ok(DeleteTagsOutput {})
    }

    pub(crate) fn describe_tags(&mut self, call: DescribeTags) -> Answer<DescribeTagsOutput> {
        let is_selected = |id: &String, key: &str, value: &str| match &call.select {
            SelectTags::OfStack(stack) => key == "palisade:stack" && value == stack,
            SelectTags::OfObjects(ids) => {
                ids.contains(id) && ["palisade:stack", "palisade:resource", "palisade:token"].contains(&key)
            }
        };
        let describe = |(id, tags): (&String, &Tags)| {
            let tags = tags.iter().filter(|(key, value)| is_selected(id, key, value));
            let tags = tags.map(|(key, value)| TagDescription {
                resource_id: id.clone(),
                key: key.to_owned(),
                value: value.to_owned(),
            });
            tags.collect::<Vec<_>>()
        };
        let now = self.now;
        self.tags_of_deleted.retain(|_, (_, forgotten_at)| now < *forgotten_at);
        let deleted = self.tags_of_deleted.iter().map(|(id, (tags, _))| (id, tags));
        let existing = self.tagged();
        let shown = existing.iter().filter(|(_, (_, made))| self.shows(*made)).map(|(id, (tags, _))| (id, tags));
        Ok(DescribeTagsOutput { tags: shown.chain(deleted).flat_map(describe).collect() })
    }

    /// The tags of all EC2 objects that have some, each with the time at which the object was made.
    pub(crate) fn tagged(&self) -> BTreeMap<String, (Tags, Millis)> {
        fn each<R: Resource, T>(
            objects: &BTreeMap<Id<R>, T>,
            tags: impl Fn(&T) -> (&Tags, Millis),
        ) -> impl Iterator<Item = (String, (Tags, Millis))> {
            objects
                .iter()
                .map(move |(id, object)| (id.to_string(), tags(object)))
                .map(|(id, (tags, made))| (id, (tags.clone(), made)))
        }
        let objects = each(&self.vpcs, |vpc| (&vpc.tags, vpc.made))
            .chain(each(&self.subnets, |subnet| (&subnet.tags, subnet.made)))
            .chain(each(&self.flow_logs, |flow_log| (&flow_log.tags, flow_log.made)))
            .chain(each(&self.route_tables, |table| (&table.tags, table.made)))
            .chain(each(&self.network_acls, |acl| (&acl.tags, acl.made)))
            .chain(each(&self.security_groups, |group| (&group.tags, group.made)))
            .chain(each(&self.rules, |rule| (&rule.tags, rule.made)));
        objects.filter(|(_, (tags, _))| !tags.is_empty()).collect()
    }

    /// Lets EC2 list the tags of those objects for a while that were there `before` and are no longer.
    pub(crate) fn keep_tags_of_deleted(&mut self, before: BTreeMap<String, (Tags, Millis)>) {
        if self.lag == 0 {
            return;
        }
        let (now, forgotten_at) = (self.tagged(), self.now + TAGS_LINGER);
        let deleted = before.into_iter().filter(|(id, _)| !now.contains_key(id));
        self.tags_of_deleted.extend(deleted.map(|(id, (tags, _))| (id, (tags, forgotten_at))));
    }

    /// The tags of the EC2 object `text`, as a call about it finds it.
    fn ec2_tags(&mut self, text: &str) -> Answer<&mut Tags> {
        match text.split_once('-').map(|(prefix, _)| prefix) {
            Some("vpc") => {
                self.vpc(&id(text))?;
                found(&mut self.vpcs, text, |vpc| &mut vpc.tags)
            }
            Some("subnet") => {
                self.subnet(&id(text))?;
                found(&mut self.subnets, text, |subnet| &mut subnet.tags)
            }
            Some("fl") => {
                self.flow_log(&id(text))?;
                found(&mut self.flow_logs, text, |flow_log| &mut flow_log.tags)
            }
            Some("rtb") => {
                self.route_table(&id(text))?;
                found(&mut self.route_tables, text, |table| &mut table.tags)
            }
            Some("acl") => {
                self.network_acl(&id(text))?;
                found(&mut self.network_acls, text, |acl| &mut acl.tags)
            }
            Some("sg") => {
                self.security_group(&id(text))?;
                found(&mut self.security_groups, text, |group| &mut group.tags)
            }
            Some("sgr") => {
                let rule = self.rules.get(&id(text)).filter(|rule| self.shows(rule.made));
                if rule.is_none() {
                    return unknown_rule(&id(text));
                }
                found(&mut self.rules, text, |rule| &mut rule.tags)
            }
            _ => None,
        }
        .ok_or_else(|| Refusal { code: "InvalidID", message: format!("The ID '{text}' is not valid") })
    }

    pub(crate) fn list_tags_for_resource(&mut self, call: ListTagsForResource) -> Answer<ListTagsForResourceOutput> {
        Ok(ListTagsForResourceOutput { tags: self.cache_tags(&call.arn, false)?.clone() })
    }

    pub(crate) fn add_tags_to_resource(&mut self, call: AddTagsToResource) -> Answer<AddTagsToResourceOutput> {
        let tags = merged(self.cache_tags(&call.arn, true)?, &call.tags);
        check_cache(&tags)?;
        *self.cache_tags(&call.arn, true)? = tags;
        Ok(AddTagsToResourceOutput {})
    }

    pub(crate) fn remove_tags_from_resource(
        &mut self,
        call: RemoveTagsFromResource,
    ) -> Answer<RemoveTagsFromResourceOutput> {
        let tags = self.cache_tags(&call.arn, true)?;
        if let Some(missing) = call.keys.iter().find(|key| tags.get(key).is_none()) {
            return refuse("TagNotFound", format!("{missing} tag not found"));
        }
        *tags = without(tags, &call.keys);
        Ok(RemoveTagsFromResourceOutput {})
    }

    /// The tags of the ElastiCache object `arn`.
    fn cache_tags(&mut self, arn: &Arn, to_change: bool) -> Answer<&mut Tags> {
        let prefix = format!("arn:aws:elasticache:{}:{ACCOUNT}:", self.region);
        let parts = arn.as_str().strip_prefix(&prefix).and_then(|rest| rest.split_once(':'));
        let (kind, name) = known(parts.filter(|(_, name)| !name.is_empty()), "InvalidARN", || {
            format!("The ARN {arn} is not valid in this account and region.")
        })?;
        let missing = |what: &str| format!("{what} {name} not found.");
        match kind {
            "replicationgroup" => {
                let group = self.replication_group(&id(name))?;
                require(group.phase.is_stable(), "InvalidReplicationGroupState", || {
                    format!("Cluster {name} must be in available state to be tagged.")
                })?;
                let tags = found(&mut self.replication_groups, name, |group| &mut group.tags);
                known(tags, "ReplicationGroupNotFoundFault", || missing("ReplicationGroup"))
            }
            "user" => {
                let can_be_tagged = self.users.get(&id(name)).is_none_or(|user| self.shows(user.made));
                // AWS says that the user does not exist, of one that does.
                require(can_be_tagged, "UserNotFound", || format!("User {name} is not available for tagging."))?;
                require(!to_change || name != "default", "InvalidParameterValue", || {
                    "The user default cannot be tagged.".to_owned()
                })?;
                let tags = found(&mut self.users, name, |user| &mut user.tags);
                known(tags, "UserNotFound", || missing("User"))
            }
            "usergroup" => {
                let tags = found(&mut self.user_groups, name, |group| &mut group.tags);
                known(tags, "UserGroupNotFound", || missing("User Group"))
            }
            "subnetgroup" => {
                let tags = found(&mut self.subnet_groups, name, |group| &mut group.tags);
                known(tags, "CacheSubnetGroupNotFoundFault", || missing("CacheSubnetGroup"))
            }
            "parametergroup" => {
                let tags = found(&mut self.parameter_groups, name, |group| &mut group.tags);
                known(tags, "CacheParameterGroupNotFound", || missing("CacheParameterGroup"))
            }
            _ => refuse("InvalidARN", format!("The ARN {arn} names nothing that can be tagged.")),
        }
    }
}

fn found<'a, R: Resource, T>(
    objects: &'a mut BTreeMap<Id<R>, T>,
    text: &str,
    tags: impl Fn(&'a mut T) -> &'a mut Tags,
) -> Option<&'a mut Tags> {
    objects.get_mut(&id(text)).map(tags)
}
