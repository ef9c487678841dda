//! [`CacheParameterGroup`].

mod rules;

use std::{collections::BTreeMap, marker::PhantomData};

use palisade_core::{
    Attributes, BuilderState, Declared, Finding, Graph, Id, Node, Resource, Stack, Value,
    provider::{ProviderError, Repeated, Token},
    terraform::{Argument, TerraformResource},
};
use serde::{Deserialize, Serialize};

use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    observe::{RELEASED, VISIBLE, appear, in_order, named, part, sighted, sync_cache_tags, taken},
    operations::{
        AddTagsToResource, CreateCacheParameterGroup, DeleteCacheParameterGroup, DescribeCacheParameterGroups,
        DescribeCacheParameters, ListTagsForResource, ModifyCacheParameterGroup, Operation, RemoveTagsFromResource,
        ResetCacheParameterGroup,
    },
    shapes::CacheParameterGroupDescription,
    types::{Arn, IntoFamily, Name, ParameterGroupFamily, ParameterProblem, Tags, parameter_problem},
};

/// The engine's parameters, of which each that is not set here has the family's default.
///
/// AWS: [CreateCacheParameterGroup](https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateCacheParameterGroup.html)
///
/// ```
/// use palisade_aws::{name, resources::CacheParameterGroup, types::Engine};
/// # let mut stack = palisade_core::Stack::new("doc");
/// let parameters = stack.add(
///     "redis",
///     CacheParameterGroup::builder()
///         .name(name!("redis7"))
///         .family(Engine::REDIS_7_1.family())
///         .parameter("maxmemory-policy", "volatile-lru"),
/// );
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_elasticache_parameter_group",
    attributes = CacheParameterGroupAttributes,
    rules = rules::RULES,
    terraform_with = terraform,
    check = check,
    requires(family(
        "this `CacheParameterGroup` has no `family`",
        "call `.family(Engine::REDIS_7_1.family())`, with the engine of the caches that use the group"
    ))
)]
pub struct CacheParameterGroup {
    /// The name. It begins with a letter, and not with `default`, which is AWS's own.
    #[field(replace, identity)]
    pub name: Name,
    /// The family, which is that of the engine that uses the group.
    #[field(replace, private)]
    pub family: ParameterGroupFamily,
    /// What the group is for. AWS has no call that changes it.
    #[field(default = "Managed by Palisade".to_owned(), replace)]
    pub description: String,
    /// The parameters that differ from the family's defaults, by name.
    #[field(default, terraform = false)]
    pub parameters: BTreeMap<String, String>,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`CacheParameterGroup`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CacheParameterGroupAttributes {
    /// The ARN.
    pub arn: Arn,
}

impl<S: BuilderState> CacheParameterGroupBuilder<S> {
    /// The family, which is that of the engine of the caches that use the group: `Engine::REDIS_7_1.family()`, or a
    /// [`ParameterGroupFamily`] that is only known when the program runs.
    pub fn family<F: IntoFamily>(self, family: F) -> CacheParameterGroupBuilder<FamilyGiven<S::Branded<F::Brand>>> {
        let declaration = self.set_family(family.into_family()).declaration;
        CacheParameterGroupBuilder { declaration, state: PhantomData }
    }

    /// Sets one parameter, beside those that are set already.
    pub fn parameter(self, name: &str, value: &str) -> Self {
        let set = self.declaration.fields().get("parameters").and_then(Value::as_json);
        let mut parameters: BTreeMap<String, String> =
            set.and_then(|json| Deserialize::deserialize(json).ok()).unwrap_or_default();
        parameters.insert(name.to_owned(), value.to_owned());
        self.parameters(parameters)
    }
}

/// AWS makes the group before it refuses a parameter. One that is not known here is a rule, as AWS adds parameters.
fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(group) = stack.declared::<CacheParameterGroup>(node) else { return Vec::new() };
    let without_description = group.description().known().filter(String::is_empty).map(|_| {
        group.finding("the description is empty", "say in a few words what the group is for, or leave it out")
    });
    let refused = problems(group).filter_map(|(name, value, problem)| match problem {
        ParameterProblem::Unknown => None,
        ParameterProblem::Fixed => {
            Some(group.finding(&format!("ElastiCache sets the parameter `{name}` itself"), "leave it out"))
        }
        ParameterProblem::Value(values) => {
            let message = format!("the parameter `{name}` cannot be `{value}`");
            Some(group.finding(&message, &format!("it takes {values}")))
        }
    });
    without_description.into_iter().chain(refused).collect()
}

/// What is wrong with the parameters, as far as family and parameters are known.
fn problems(
    group: Declared<'_, CacheParameterGroup>,
) -> impl Iterator<Item = (String, String, ParameterProblem)> + use<> {
    let family = group.family().known();
    let parameters = group.parameters().known().unwrap_or_default().into_iter();
    parameters.filter_map(move |(name, value)| {
        let problem = parameter_problem(family?.as_str(), &name, &value)?;
        Some((name, value, problem))
    })
}

/// Terraform has a block for each parameter.
fn terraform(resource: &mut TerraformResource, _: &Graph) {
    let parameters = resource.field("parameters");
    let Some(parameters) = parameters.as_json().and_then(palisade_core::Json::as_object) else { return };
    let block = |(name, value): (&String, &palisade_core::Json)| {
        let argument = |json: palisade_core::Json| Argument::Value(Value::Json(json));
        BTreeMap::from([
            ("name".to_owned(), argument(name.as_str().into())),
            ("value".to_owned(), argument(value.clone())),
        ])
    };
    if !parameters.is_empty() {
        let blocks = parameters.iter().map(block).collect();
        resource.arguments.insert("parameter".to_owned(), Argument::Blocks(blocks));
    }
}

/// How many parameters ElastiCache takes in one call.
const PARAMETERS_PER_CALL: usize = 20;

impl Lifecycle for CacheParameterGroup {
    type Observed = CacheParameterGroupObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeCacheParameterGroups::CALL.together(), DescribeCacheParameters::CALL.each(1)],
        find: &[DescribeCacheParameterGroups::CALL.as_needed(), ListTagsForResource::CALL.as_needed()],
        create: &[CreateCacheParameterGroup::CALL.once()],
        converge: &[
            DescribeCacheParameterGroups::CALL.as_needed(),
            DescribeCacheParameters::CALL.as_needed(),
            ModifyCacheParameterGroup::CALL.as_needed().on(&["parameters"]),
            ResetCacheParameterGroup::CALL.as_needed().carried(&["parameters"]),
            ListTagsForResource::CALL.as_needed().carried(&["tags"]),
            AddTagsToResource::CALL.up_to(1).carried(&["tags"]),
            RemoveTagsFromResource::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteCacheParameterGroup::CALL.once()],
        untracked: &[],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(2, 2, 2);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { name, family, description, tags, parameters: _ } = self;
        let request = CreateCacheParameterGroup {
            name: name.clone(),
            family: *family,
            description: description.clone(),
            tags: tags.owned_by(token),
        };
        aws.call(request).await.map_err(taken)?;
        named(name.as_str())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let id = named(self.name.as_str())?;
        match describe(aws, std::slice::from_ref(&id)).await?.pop() {
            Some(group) => sighted(aws, id, &group.arn, token).await,
            None => Ok(Sighting::Nothing),
        }
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        Self::refresh(aws, ids, vec![None; ids.len()]).await
    }

    async fn refresh(
        aws: &Aws,
        ids: &[Id<Self>],
        known: Vec<Option<CacheParameterGroupAttributes>>,
    ) -> Result<Snapshots<Self>, ProviderError> {
        let mut snapshots = Vec::new();
        let found = in_order(ids, describe(aws, ids).await?, |group| &group.name);
        for (group, known) in found.into_iter().zip(known) {
            let whole = with_parameters(aws, group, known.is_some()).await?;
            snapshots.push(whole.map(|(group, parameters)| Snapshot {
                fields: CacheParameterGroupObserved {
                    name: Some(Name::reported(group.name.as_str())),
                    family: ParameterGroupFamily::reported(&group.family),
                    description: Some(group.description),
                    parameters: Some(parameters),
                    tags: None,
                },
                attributes: CacheParameterGroupAttributes { arn: group.arn },
            }));
        }
        Ok(snapshots)
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let (what, exists) = (format!("the parameter group {id}"), previous.is_some());
        let describe =
            async || with_parameters(aws, describe(aws, std::slice::from_ref(id)).await?.pop(), exists).await;
        let (group, observed) = appear(aws, &what, exists, describe).await?;
        let set: Vec<_> = self.parameters.iter().filter(|(name, value)| observed.get(*name) != Some(value)).collect();
        for chunk in set.chunks(PARAMETERS_PER_CALL) {
            let parameters = chunk.iter().map(|&(name, value)| (name.clone(), value.clone())).collect();
            aws.call_until_settled(VISIBLE, ModifyCacheParameterGroup { name: id.clone(), parameters }).await?;
        }
        let reset: Vec<_> = observed.into_keys().filter(|name| !self.parameters.contains_key(name)).collect();
        for chunk in reset.chunks(PARAMETERS_PER_CALL) {
            let parameter_names = chunk.iter().cloned().collect();
            aws.call_until_settled(VISIBLE, ResetCacheParameterGroup { name: id.clone(), parameter_names }).await?;
        }
        sync_cache_tags(aws, &group.arn, &self.tags, previous.map(|previous| &previous.tags)).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call_until_settled(RELEASED, DeleteCacheParameterGroup { name: id.clone() }).await.map(drop)
    }
}

async fn describe(
    aws: &Aws,
    ids: &[Id<CacheParameterGroup>],
) -> Result<Vec<CacheParameterGroupDescription>, ProviderError> {
    Ok(aws.call(DescribeCacheParameterGroups { ids: ids.to_vec() }).await?.groups)
}

/// The group, and the parameters that somebody set, without the family's defaults; `is_known` as for [`part`].
async fn with_parameters(
    aws: &Aws,
    group: Option<CacheParameterGroupDescription>,
    is_known: bool,
) -> Result<Option<(CacheParameterGroupDescription, BTreeMap<String, String>)>, ProviderError> {
    let Some(group) = group else { return Ok(None) };
    let parameters = part(aws.call(DescribeCacheParameters { name: group.name.clone() }).await, is_known)?;
    Ok(parameters.map(|parameters| (group, parameters.user_parameters)))
}
