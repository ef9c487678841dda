//! [`Cidr`] and [`PrivateRange`]: ranges of IPv4 addresses.

use std::{fmt, net::Ipv4Addr};

use palisade_core::{Field, Json};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::CheckError;

/// The addresses of a VPC or of a subnet, as in `10.0.0.0/16`: a prefix of 16 to 28 bits, and no bit set behind it. It
/// has none of the addresses that no host can have: 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16 and 224.0.0.0/3.
///
/// ```
/// use palisade_aws::{cidr, types::Cidr};
/// assert!(cidr!("10.0.0.0/16").contains(cidr!("10.0.1.0/24")));
/// assert_eq!(
///     Cidr::new("10.0.0.1/24").unwrap_err().to_string(),
///     "`10.0.0.1/24` is not a block of addresses: an address bit is set behind the prefix; 10.0.0.5/24 would be 10.0.0.0/24",
/// );
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Cidr {
    address: u32,
    prefix: u8,
}

/// A range of private addresses (RFC 1918: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16; RFC 6598: 100.64.0.0/10) to which a
/// security group may open a port. There is no way to write a range that a stranger could be in.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PrivateRange(Cidr);

impl Cidr {
    /// The block that `text` names.
    ///
    /// # Errors
    /// [`CheckError`] if the text is no `a.b.c.d/n`, if n is not within 16..=28, if an address bit is set behind the
    /// prefix, or if no host can have the addresses.
    pub fn new(text: &str) -> Result<Self, CheckError> {
        block(text).map_err(|rule| CheckError { value: text.to_owned(), what: "a block of addresses", rule })
    }

    /// The literal `text`, checked when the program is compiled: write `cidr!("10.0.0.0/16")`.
    ///
    /// # Panics
    /// On the conditions of [`Cidr::new`]; in a constant, that is a compile error.
    #[track_caller]
    pub const fn literal(text: &'static str) -> Self {
        match block(text) {
            Ok(cidr) => cidr,
            Err(rule) => panic!("{}", rule),
        }
    }

    /// The block as AWS reports it; `None` if the text is no block at all. The length of the prefix is not checked.
    pub fn reported(text: &str) -> Option<Self> {
        parse(text).ok()
    }

    /// The first address.
    pub fn address(self) -> Ipv4Addr {
        self.address.into()
    }

    /// The number of leading bits that all addresses of the block share.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// How many addresses of a subnet with this block can be used: AWS keeps the first four and the last one for itself.
    pub const fn usable_addresses(self) -> u64 {
        (1_u64 << (32 - self.prefix)).saturating_sub(5)
    }

    /// Whether all addresses of `other` are in this block.
    pub const fn contains(self, other: Self) -> bool {
        self.prefix <= other.prefix && (self.address ^ other.address) & mask(self.prefix) == 0
    }

    /// Whether nobody on the internet has an address of the block: RFC 1918 and RFC 6598 keep it for networks of one's own.
    pub const fn is_private(self) -> bool {
        const PRIVATE: [Cidr; 4] = [
            Cidr { address: 0x0a00_0000, prefix: 8 },
            Cidr { address: 0xac10_0000, prefix: 12 },
            Cidr { address: 0xc0a8_0000, prefix: 16 },
            Cidr { address: 0x6440_0000, prefix: 10 },
        ];
        let mut i = 0;
        while i < PRIVATE.len() {
            if PRIVATE[i].contains(self) {
                return true;
            }
            i += 1;
        }
        false
    }

    /// Whether the two have an address in common.
    pub const fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }
}

impl PrivateRange {
    /// The range that `text` names.
    ///
    /// # Errors
    /// [`CheckError`] if the text is no `a.b.c.d/n`, if an address bit is set behind the prefix, or if an address of it is
    /// public.
    pub fn new(text: &str) -> Result<Self, CheckError> {
        private(text).map_err(|rule| CheckError { value: text.to_owned(), what: "a private range", rule })
    }

    /// The literal `text`, checked when the program is compiled: write `private_range!("10.0.0.0/16")`.
    ///
    /// # Panics
    /// On the conditions of [`PrivateRange::new`]; in a constant, that is a compile error.
    #[track_caller]
    pub const fn literal(text: &'static str) -> Self {
        match private(text) {
            Ok(range) => range,
            Err(rule) => panic!("{}", rule),
        }
    }

    /// The range as AWS reports it, which may be any; `None` if the text is no range.
    pub fn reported(text: &str) -> Option<Self> {
        parse(text).ok().map(Self)
    }

    /// The addresses.
    pub const fn cidr(self) -> Cidr {
        self.0
    }
}

pub(super) const fn block(text: &str) -> Result<Cidr, &'static str> {
    const THIS_HOST: Cidr = Cidr { address: 0, prefix: 8 };
    const LOOPBACK: Cidr = Cidr { address: 0x7f00_0000, prefix: 8 };
    const LINK_LOCAL: Cidr = Cidr { address: 0xa9fe_0000, prefix: 16 };
    const MULTICAST: Cidr = Cidr { address: 0xe000_0000, prefix: 3 };
    match parse(text) {
        Ok(cidr) if cidr.prefix == 0 => {
            Err("these are all addresses there are, and no network of one's own: write the block \
                                             of the network, as 10.0.0.0/16")
        }
        Ok(cidr) if cidr.prefix < 16 || cidr.prefix > 28 => Err("a VPC or subnet has a prefix of /16 to /28"),
        Ok(cidr) if LINK_LOCAL.contains(cidr) => {
            Err("AWS keeps 169.254.0.0/16 for its own services in each network: choose a \
                                                      private block, as 10.0.0.0/16")
        }
        Ok(cidr) if THIS_HOST.contains(cidr) || LOOPBACK.contains(cidr) || MULTICAST.contains(cidr) => Err(
            "no host can have an address in 0.0.0.0/8, 127.0.0.0/8 or 224.0.0.0/3, and AWS refuses them: choose a private \
                 block, as 10.0.0.0/16",
        ),
        other => other,
    }
}

const fn private(text: &str) -> Result<PrivateRange, &'static str> {
    let cidr = match parse(text) {
        Ok(cidr) => cidr,
        Err(rule) => return Err(rule),
    };
    if cidr.is_private() {
        return Ok(PrivateRange(cidr));
    }
    if cidr.prefix == 0 {
        return Err(
            "this is open to everybody, and whoever scans the internet finds it within minutes: name a security \
                    group, or a range within the network, as 10.0.0.0/16",
        );
    }
    Err("a cache is never open to public addresses: name a range within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or \
         100.64.0.0/10, or better a security group")
}

const fn parse(text: &str) -> Result<Cidr, &'static str> {
    const FORM: &str = "write four numbers up to 255 and a prefix, as in 10.0.0.0/16";
    let bytes = text.as_bytes();
    // Four octets and the prefix, each ended by its separator.
    let (mut numbers, mut digits, mut part, mut i) = ([0u32; 5], 0, 0, 0);
    while i < bytes.len() {
        match bytes[i] {
            digit @ b'0'..=b'9' => {
                // A leading zero would be octal to some and decimal to others.
                if digits == 3 || (digits > 0 && numbers[part] == 0) {
                    return Err(FORM);
                }
                numbers[part] = numbers[part] * 10 + (digit - b'0') as u32;
                digits += 1;
            }
            separator @ (b'.' | b'/') => {
                let expected = if part == 3 { b'/' } else { b'.' };
                if digits == 0 || part == 4 || separator != expected {
                    return Err(FORM);
                }
                (part, digits) = (part + 1, 0);
            }
            b':' => {
                return Err(
                    "the networks have IPv4 addresses, and nothing is open to those of IPv6: write a block as 10.0.0.0/16",
                );
            }
            _ => return Err(FORM),
        }
        i += 1;
    }
    let [a, b, c, d, prefix] = numbers;
    if part != 4 || digits == 0 || a > 255 || b > 255 || c > 255 || d > 255 || prefix > 32 {
        return Err(FORM);
    }
    let (address, prefix) = (a << 24 | b << 16 | c << 8 | d, prefix as u8);
    if address & !mask(prefix) != 0 {
        return Err("an address bit is set behind the prefix; 10.0.0.5/24 would be 10.0.0.0/24");
    }
    Ok(Cidr { address, prefix })
}

const fn mask(prefix: u8) -> u32 {
    if prefix == 0 { 0 } else { u32::MAX << (32 - prefix) }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.prefix)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PrivateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PrivateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for PrivateRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PrivateRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cidr::deserialize(deserializer).map(Self)
    }
}

impl Field for Cidr {
    fn problem(json: &Json) -> Option<String> {
        Self::new(json.as_str().unwrap_or_default()).err().map(|error| error.to_string())
    }
}

impl Field for PrivateRange {
    fn problem(json: &Json) -> Option<String> {
        Self::new(json.as_str().unwrap_or_default()).err().map(|error| error.to_string())
    }
}

/// A [`Cidr`](crate::types::Cidr) from a literal, checked when the program is compiled.
#[macro_export]
macro_rules! cidr {
    ($text:expr) => {{
        const VALUE: $crate::types::Cidr = $crate::types::Cidr::literal($text);
        VALUE
    }};
}

/// A [`PrivateRange`](crate::types::PrivateRange) from a literal, checked when the program is compiled.
#[macro_export]
macro_rules! private_range {
    ($text:expr) => {{
        const VALUE: $crate::types::PrivateRange = $crate::types::PrivateRange::literal($text);
        VALUE
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_its_form_its_prefix_and_no_host_bits() {
        for good in ["10.0.0.0/16", "192.168.255.240/28", "8.8.0.0/16", "223.255.0.0/16"] {
            assert_eq!(Cidr::new(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "10.0.0.0",
            "10.0.0/16",
            "10.0.0.0/15",
            "10.0.0.0/29",
            "10.0.0.5/24",
            "256.0.0.0/16",
            "10.00.0.0/16",
            "10.0.0.0/16/",
            "10.0.0.0.0/16",
            "10.0.0.0/016",
            "10.0.0.0/ 16",
            "10.0.0.0/1600",
            "::/0",
            "0.0.0.0/0",
            "0.0.0.0/16",
            "127.0.0.0/16",
            "169.254.1.0/24",
            "224.0.0.0/16",
            "255.255.255.240/28",
        ] {
            assert!(Cidr::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_private_range_holds_no_public_address() {
        for good in ["10.0.0.0/8", "172.16.0.0/12", "192.168.1.0/24", "100.64.0.0/10", "10.1.2.3/32"] {
            assert!(PrivateRange::new(good).is_ok(), "{good}");
        }
        for bad in ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/7", "172.0.0.0/8", "8.8.8.8/32"] {
            assert!(PrivateRange::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn containment_and_overlap() {
        let [vpc, a, b] = ["10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24"].map(|text| Cidr::new(text).unwrap());
        assert!(vpc.contains(a) && !a.contains(vpc) && !a.overlaps(b) && a.overlaps(vpc));
    }
}
