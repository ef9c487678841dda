//! [`Schema`]: what the tool knows of a kind of resource.

use std::fmt;

use crate::{Finding, Graph, Json, JsonMap, Node, Rule, Stack, terraform::TerraformResource};

/// What the tool knows of a kind of resource: enough to compare, to show and to export it without its Rust type.
///
/// `#[derive(Resource)]` writes it from the struct, so it cannot disagree with what is sent.
#[derive(Debug)]
pub struct Schema {
    /// The name of the Rust type, as in `Subnet`.
    pub kind: &'static str,
    /// The first paragraph of the type's documentation.
    pub doc: &'static str,
    /// How the cloud's ids of the kind begin, as in `vpc-`; empty where the user chooses the id.
    pub id_prefix: &'static str,
    /// What else an id that a program names must be, or must not be.
    pub ids: IdRules,
    /// The fields that a program sets, in the order of their declaration.
    pub fields: &'static [FieldSchema],
    /// The attributes that the object has once it exists, beside `id`.
    pub attributes: &'static [AttributeSchema],
    /// The kinds that a deleted object still refers to while it can be recovered. A creation may bring it back, with references
    /// that no state has.
    pub brings_back: &'static [&'static str],
    /// What becomes of the data of an object that is deleted with these inputs; `None` for a kind that holds no data.
    pub data: Option<fn(&JsonMap) -> Data>,
    /// How many objects there can be beside each other, if the cloud has room for a few only.
    pub room: Option<Room>,
    /// The type of the resource in Terraform, as in `aws_subnet`.
    pub terraform_type: &'static str,
    /// What the export writes that no single field says; see [`TerraformResource`].
    pub terraform: Option<fn(&mut TerraformResource, &Graph)>,
    /// The rules that need more than one field, or another resource of the stack.
    pub check: Option<fn(&Node, &Stack) -> Vec<Finding>>,
    /// The rules of safety, with those that no program can break.
    pub rules: &'static [Rule],
}

/// What an id that a program names must be beyond its prefix. It is data, as it is read when a program is compiled.
#[derive(Clone, Copy, Debug)]
pub struct IdRules {
    /// Whether 8 or 17 hexadecimal digits follow the prefix, and nothing else.
    pub hexadecimal: bool,
    /// The ids of objects that exist, and that no program may name, each with why and what to write.
    pub refused: &'static [(&'static str, &'static str)],
}

impl IdRules {
    /// No further rule.
    pub const NONE: Self = Self { hexadecimal: false, refused: &[] };

    /// The ids that EC2 gives its objects, as in `vpc-0a1b2c3d`.
    pub const HEXADECIMAL: Self = Self { hexadecimal: true, ..Self::NONE };
}

/// What becomes of the data of a deleted object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Data {
    /// What is lost and what is kept, as a clause: "all events in `/app` will be lost".
    pub fate: String,
    /// Whether the deletion needs consent, as data is lost that nobody can recover.
    pub needs_consent: bool,
}

/// How many objects of a kind have the same values of some fields, at most. Where those that come would be too many, some that go
/// are deleted before; unless there are more than that already, as most quotas can be raised.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// How many.
    pub at_most: usize,
    /// The names of the fields.
    pub fields: &'static [&'static str],
}

/// One field of a [`Schema`].
#[derive(Debug)]
pub struct FieldSchema {
    /// The field's name.
    pub name: &'static str,
    /// The first paragraph of the field's documentation.
    pub doc: &'static str,
    /// What is wrong with a declared value, if anything is; [`Field::problem`](crate::Field::problem) of the field's type.
    pub problem: fn(&Json) -> Option<String>,
    /// The value of a declaration that does not set the field; `None` where it must be set.
    pub default: Option<fn() -> Json>,
    /// Whether the cloud chooses a value where the program sets none, and what becomes of the object's value then. A field without
    /// this that a program leaves out gets its default back.
    pub chosen: Option<Chosen>,
    /// What becomes of the object when the field changes.
    pub on_change: OnChange,
    /// Which changes in place the cloud takes only once those that refer to the object have changed: until then they could
    /// not go with the new value.
    pub late: Option<fn(old: &Json, new: &Json) -> bool>,
    /// Whether two objects with this value (and that of all other such fields) cannot exist at a time. An object that is
    /// replaced without a change of these is deleted before its successor is created.
    pub identity: bool,
    /// What a value of an identity is to the cloud, where it tells fewer apart, as names without regard to case.
    pub folded: Option<fn(&Json) -> Json>,
    /// Which values of an identity cannot exist at a time although they differ, as blocks of addresses that overlap.
    pub clashes: Option<fn(&Json, &Json) -> bool>,
    /// Whether the cloud drops a reference in this field by itself when the object that it refers to is deleted.
    pub released: bool,
    /// Whether no two objects of the kind can have an item of it: one that gets it takes it from another.
    pub exclusive: bool,
    /// Where those that refer to the object may stand in an item of it, and the cloud does not move them: whether one does, by the inputs
    /// of the object that the item names, and by the attributes of the one that refers. It goes before the item leaves the object.
    pub occupied: Option<fn(item: &JsonMap, occupant: &JsonMap) -> bool>,
    /// Whether the value counts only when the object is deleted. No update sends it, so it counts once it is on record.
    pub at_deletion: bool,
    /// Which values the cloud comes to by itself from what the program says: where the function has something to say of the program's
    /// values and the value that the object has now, that is no difference, and it is shown as a note.
    pub ahead: Option<fn(wanted: &JsonMap, now: &Json) -> Option<String>>,
    /// What a user should know of a change in place from the first value to the second, as what is lost by it; of a field that counts
    /// only at the deletion, of a deletion by the first value in a replacement after which the program says the second.
    pub note: Option<fn(old: &Json, new: &Json) -> Option<String>>,
    /// The objects that a released field refers to and that the cloud does not let go all the same, by their inputs.
    pub held: Option<fn(&JsonMap) -> bool>,
    /// The argument's name in Terraform; `None` where only [`Schema::terraform`] writes it.
    pub terraform_name: Option<&'static str>,
}

/// What becomes of a value that the cloud has chosen, or an earlier program has set, where the program leaves the field out. The object
/// keeps it, unless it cannot have it together with the other values that the program wants; `wanted` has all of those that are known.
pub type Chosen = fn(now: &Json, wanted: &JsonMap) -> Json;

/// What becomes of an object when a field changes.
#[derive(Clone, Copy)]
pub enum OnChange {
    /// The object is replaced by a new one.
    Replace,
    /// The object is replaced where the function says so of the old and the new value, and else updated.
    ReplaceIf(fn(old: &Json, new: &Json) -> bool),
    /// The object is updated in place.
    Update,
}

/// One attribute of a [`Schema`].
#[derive(Debug)]
pub struct AttributeSchema {
    /// The attribute's name.
    pub name: &'static str,
    /// The first paragraph of the attribute's documentation.
    pub doc: &'static str,
    /// The fields with whose update in place the attribute changes too. It never changes otherwise.
    pub changes_with: &'static [&'static str],
    /// The attribute's name in Terraform, relative to the resource; `None` where Terraform has none.
    pub terraform_name: Option<&'static str>,
}

impl Schema {
    /// A kind with these fields, and nothing else to say: what it does not say is written over it, as in
    /// `Schema { id_prefix: "net-", ..Schema::new("Net", FIELDS) }`.
    pub const fn new(kind: &'static str, fields: &'static [FieldSchema]) -> Self {
        let (doc, id_prefix, terraform_type) = ("", "", "");
        let (ids, attributes, brings_back) = (IdRules::NONE, &[], &[]);
        let (data, room, terraform, check, rules) = (None, None, None, None, &[]);
        Self {
            kind,
            doc,
            id_prefix,
            ids,
            fields,
            attributes,
            brings_back,
            data,
            room,
            terraform_type,
            terraform,
            check,
            rules,
        }
    }

    /// The field `name`.
    pub fn field(&self, name: &str) -> Option<&'static FieldSchema> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The attribute `name`, which is not `id`.
    pub fn attribute(&self, name: &str) -> Option<&'static AttributeSchema> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

impl FieldSchema {
    /// A field that must be set, takes any value, and is no part of an identity.
    pub const fn new(name: &'static str, on_change: OnChange) -> Self {
        Self {
            name,
            doc: "",
            problem: |_| None,
            default: None,
            chosen: None,
            on_change,
            late: None,
            identity: false,
            folded: None,
            clashes: None,
            released: false,
            exclusive: false,
            occupied: None,
            at_deletion: false,
            ahead: None,
            note: None,
            held: None,
            terraform_name: None,
        }
    }
}

impl FieldSchema {
    /// The value that an object keeps in this field, which is `now` and not in the program; `None` where the program sets it, or leaving
    /// it out means its default.
    pub fn kept(&self, now: &Json, wanted: &JsonMap) -> Option<Json> {
        let keep = self.chosen.filter(|_| wanted.get(self.name).is_some_and(Json::is_null))?;
        Some(keep(now, wanted))
    }

    /// A value of an identity as the cloud tells it from others.
    pub fn fold(&self, value: Json) -> Json {
        self.folded.map_or_else(|| value.clone(), |fold| fold(&value))
    }
}

impl OnChange {
    /// Whether a change from `old` to `new` replaces the object. A value that is not yet known counts as any other.
    pub fn replaces(&self, old: &Json, new: Option<&Json>) -> bool {
        match (self, new) {
            (Self::Replace, _) => true,
            (Self::ReplaceIf(decide), Some(new)) => decide(old, new),
            (Self::ReplaceIf(_), None) | (Self::Update, _) => false,
        }
    }
}

impl fmt::Debug for OnChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replace => "Replace",
            Self::ReplaceIf(_) => "ReplaceIf",
            Self::Update => "Update",
        })
    }
}
