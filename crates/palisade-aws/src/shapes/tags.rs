//! What descriptions of the tags of EC2 objects are about, and what they tell.

/// Which tags a description is about.
#[derive(Clone, Debug)]
pub enum SelectTags {
    /// The tags `palisade:stack` with this value, whatever carries them: the filters `key` and `value`.
    OfStack(String),
    /// The tags `palisade:stack`, `palisade:resource` and `palisade:token` of the objects with these ids: the filters `key` and
    /// `resource-id`.
    OfObjects(Vec<String>),
}

/// A tag of an EC2 object.
#[derive(Clone, Debug)]
pub struct TagDescription {
    /// `resourceId`.
    pub resource_id: String,
    /// `key`.
    pub key: String,
    /// `value`.
    pub value: String,
}
