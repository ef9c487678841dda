//! [`Address`]: where a resource stands in a stack.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The address of a resource in its stack: its kind and the name that the program gave it, as in `Subnet.private-a`.
///
/// It is how commands, plans and state speak of a resource. It is never an identity in the cloud.
///
/// ```
/// use palisade_core::Address;
/// let address: Address = "Subnet.private-a".parse()?;
/// assert_eq!((address.kind(), address.name()), ("Subnet", "private-a"));
/// assert!("Subnet".parse::<Address>().is_err());
/// # Ok::<(), palisade_core::AddressError>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// `KIND.NAME`, in memory once: graph, state and plan hold many copies of each address.
    text: Arc<str>,
    /// The length of the kind, in bytes.
    kind: usize,
}

/// A text that is no [`Address`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not the address of a resource: write KIND.NAME, as in `Subnet.private-a`")]
pub struct AddressError(String);

impl Address {
    /// The address of the resource `name` of the kind `kind`. Neither is checked here; [`Stack`](crate::Stack) checks
    /// the names that a program gives.
    pub fn new(kind: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        let (kind, name) = (kind.as_ref(), name.as_ref());
        Self { text: format!("{kind}.{name}").into(), kind: kind.len() }
    }

    /// The kind of the resource: the name of its Rust type, as in `Subnet`.
    pub fn kind(&self) -> &str {
        &self.text[..self.kind]
    }

    /// The name that the program gave the resource.
    pub fn name(&self) -> &str {
        &self.text[self.kind + 1..]
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
                Ok(Self { text: text.into(), kind: kind.len() })
            }
            _ => Err(AddressError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}
