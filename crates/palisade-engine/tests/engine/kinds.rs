//! Kinds of resource that have, between them, nearly all that a schema can say.

use std::{collections::BTreeSet, marker::PhantomData};

use palisade_core::{
    Address, AttributeSchema, Data, Declaration, Declare, Field, FieldSchema, Graph, Handle, IntoInput, Json, OnChange,
    Output, Reference, Resource, Room, Schema, Stack,
};
use serde::{Deserialize, Serialize};

use crate::runs::graph;

/// A network: the cloud chooses its id. What is in it stands in those of its peers that have the tag `held`.
pub(crate) static NET: Schema = schema(
    "Net",
    "net-",
    &[
        FieldSchema::new("range", OnChange::Replace),
        FieldSchema::new("tag", OnChange::Update),
        FieldSchema::new("size", OnChange::ReplaceIf(|old, new| old.as_u64() > new.as_u64())),
        FieldSchema {
            occupied: Some(|peer, _| peer.get("tag").is_some_and(|tag| tag == "held")),
            ..FieldSchema::new("peers", OnChange::Update)
        },
        FieldSchema::new("sponsor", OnChange::Replace),
    ],
    &[AttributeSchema { name: "route", doc: "", changes_with: &["tag"], terraform_name: Some("route") }],
);

/// A user: its name is its id. `secret` cannot be read, `access` is read in capitals, and `farewell` is said when it is deleted. One that
/// was deleted may come back with its network.
pub(crate) static USER: Schema = Schema {
    brings_back: &["Net"],
    ..schema(
        "User",
        "",
        &[
            FieldSchema { identity: true, ..FieldSchema::new("name", OnChange::Replace) },
            FieldSchema::new("engine", OnChange::Replace),
            FieldSchema::new("net", OnChange::Replace),
            FieldSchema::new("access", OnChange::Update),
            FieldSchema::new("secret", OnChange::Update),
            FieldSchema { at_deletion: true, ..FieldSchema::new("farewell", OnChange::Update) },
        ],
        &[],
    )
};

/// A group: the cloud takes a user that is deleted out of `users`, unless it has the access of a leader, but not out of `owner`.
pub(crate) static GROUP: Schema = schema(
    "Group",
    "",
    &[
        FieldSchema { identity: true, ..FieldSchema::new("name", OnChange::Replace) },
        FieldSchema {
            released: true,
            held: Some(|user| user.get("access").is_some_and(|access| access == "leader")),
            ..FieldSchema::new("users", OnChange::Update)
        },
        FieldSchema::new("owner", OnChange::Update),
        FieldSchema::new("route", OnChange::Update),
    ],
    &[],
);

/// A server, whose name has another first letter than that of any other one. It serves the versions from `oldest` to `newest`:
/// those that refer to it leave a version before it does, and come to one after it has.
pub(crate) static SERVER: Schema = schema(
    "Server",
    "",
    &[
        FieldSchema {
            identity: true,
            clashes: Some(|one, other| one.as_str().map(|name| &name[..1]) == other.as_str().map(|name| &name[..1])),
            ..FieldSchema::new("name", OnChange::Replace)
        },
        FieldSchema {
            late: Some(|old, new| new.as_str() > old.as_str()),
            ..FieldSchema::new("oldest", OnChange::Update)
        },
        FieldSchema {
            late: Some(|old, new| new.as_str() < old.as_str()),
            ..FieldSchema::new("newest", OnChange::Update)
        },
    ],
    &[],
);

/// A rule: the cloud chooses its id. No two have one peer, which can be changed, and one takes its port from another.
pub(crate) static RULE: Schema = schema(
    "Rule",
    "rule-",
    &[
        FieldSchema { identity: true, ..FieldSchema::new("peer", OnChange::Update) },
        FieldSchema::new("about", OnChange::Update),
        FieldSchema { exclusive: true, ..FieldSchema::new("port", OnChange::Update) },
    ],
    &[],
);

/// A log of a place, to a target. There is room for two of a place.
pub(crate) static LOG: Schema = Schema {
    room: Some(Room { at_most: 2, fields: &["place"] }),
    ..schema(
        "Log",
        "log-",
        &[
            FieldSchema::new("place", OnChange::Replace),
            FieldSchema { identity: true, ..FieldSchema::new("target", OnChange::Replace) },
        ],
        &[],
    )
};

/// A vault, which holds data: it is lost with the vault, unless that is to be kept for some days, as is said when it is deleted.
pub(crate) static VAULT: Schema = Schema {
    data: Some(|inputs| {
        let text = |field: &str| inputs.get(field).and_then(Json::as_str);
        let name = text("name").unwrap_or_default();
        match text("days") {
            Some(days) => Data { fate: format!("{name} can be recovered for {days} days"), needs_consent: false },
            None => Data { fate: format!("all in {name} will be lost"), needs_consent: true },
        }
    }),
    ..schema(
        "Vault",
        "",
        &[
            FieldSchema { identity: true, ..FieldSchema::new("name", OnChange::Replace) },
            FieldSchema::new("net", OnChange::Replace),
            FieldSchema::new("tag", OnChange::Update),
            FieldSchema {
                at_deletion: true,
                default: Some(|| Json::Null),
                ..FieldSchema::new("days", OnChange::Update)
            },
        ],
        &[],
    )
};

pub(crate) const REFERENCES: [&str; 6] = ["peers", "sponsor", "net", "users", "owner", "route"];

pub(crate) fn schema_of(kind: &str) -> Option<&'static Schema> {
    [&NET, &USER, &GROUP, &SERVER, &RULE, &LOG, &VAULT].into_iter().find(|schema| schema.kind == kind)
}

const fn schema(
    kind: &'static str,
    id_prefix: &'static str,
    fields: &'static [FieldSchema],
    attributes: &'static [AttributeSchema],
) -> Schema {
    Schema { id_prefix, attributes, ..Schema::new(kind, fields) }
}

/// One of the kinds as a type.
pub(crate) trait Kind: 'static {
    const SCHEMA: &'static Schema;
}

macro_rules! kinds {
    ($($name:ident $schema:ident),*) => {$(
        #[derive(Debug)]
        pub(crate) enum $name {}
        impl Kind for $name {
            const SCHEMA: &'static Schema = &$schema;
        }
    )*};
}
kinds!(Net NET, User USER, Group GROUP, Server SERVER, Rule RULE, Log LOG, Vault VAULT);

/// The resource type of a kind.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Of<K>(PhantomData<K>);

impl<K: Kind> Resource for Of<K> {
    type Attributes = ();
    type Fields<'a> = ();
    const SCHEMA: &'static Schema = K::SCHEMA;
}

/// A declaration of a resource, field by field.
pub(crate) struct Make<K>(Declaration, PhantomData<K>);

pub(crate) fn make<K: Kind>() -> Make<K> {
    Make(Declaration::new(K::SCHEMA), PhantomData)
}

impl<K: Kind> Make<K> {
    pub(crate) fn with<T: Field>(mut self, field: &'static str, value: impl IntoInput<T>) -> Self {
        self.0.set(field, value.into_input());
        self
    }

    pub(crate) fn text(self, field: &'static str, value: &str) -> Self {
        self.with::<String>(field, value)
    }

    /// Refers to the attribute `attribute` of `target`, if there is one.
    pub(crate) fn refer(self, field: &'static str, target: Option<&Address>, attribute: &str) -> Self {
        match target {
            Some(target) => self.with::<String>(field, output(target, attribute)),
            None => self,
        }
    }

    /// Refers to the ids of the resources.
    pub(crate) fn refer_all(self, field: &'static str, targets: &[&Address]) -> Self {
        self.with::<BTreeSet<String>>(field, targets.iter().map(|target| output(target, "id")).collect::<Vec<_>>())
    }

    pub(crate) fn add(self, stack: &mut Stack, name: &str) -> Address {
        let handle: Handle<Of<K>> = stack.add(name, self);
        handle.address().clone()
    }
}

impl<K: Kind> Declare for Make<K> {
    type Resource = Of<K>;
    type Brand = ();

    fn declare(self) -> Declaration {
        self.0
    }
}

pub(crate) fn output(target: &Address, attribute: &str) -> Output<String> {
    Output::new(Reference { address: target.clone(), attribute: attribute.to_owned() })
}

/// Users, by their resources and their names.
pub(crate) fn servers(names: &[(&str, &str)]) -> Graph {
    graph(|stack| names.iter().for_each(|(of, name)| _ = make::<Server>().text("name", name).add(stack, of)))
}

pub(crate) fn rules(peers: &[(&str, &str)]) -> Graph {
    graph(|stack| peers.iter().for_each(|(of, peer)| _ = make::<Rule>().text("peer", peer).add(stack, of)))
}

pub(crate) fn users(names: &[(&str, &str)]) -> Graph {
    graph(|stack| names.iter().for_each(|(of, name)| _ = make::<User>().text("name", name).add(stack, of)))
}

/// Logs, by their resources, places and targets.
pub(crate) fn logs(logs: &[(&str, &str, &str)]) -> Graph {
    graph(|stack| {
        logs.iter().for_each(|(of, place, to)| {
            make::<Log>().text("place", place).text("target", to).add(stack, of);
        });
    })
}
