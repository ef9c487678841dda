//! What ministack leaves out of network ACLs: the ports of their entries, and which subnet has which. It takes every
//! association for one with nothing, and a new subnet for one without.

use std::collections::HashMap;

/// What was told of network ACLs.
#[derive(Debug, Default)]
pub(crate) struct Acls {
    /// The ports of the entries, by the ACL, whether they are about what goes out, and the number.
    ports: HashMap<(String, bool, String), (String, String)>,
    subnets: HashMap<String, Association>,
}

#[derive(Debug)]
struct Association {
    id: String,
    vpc: String,
    /// The ACL; `None` for the one that comes with the VPC.
    acl: Option<String>,
}

impl Acls {
    /// Remembers what a call told, and what it was answered.
    pub(crate) fn remember(&mut self, action: &str, form: &HashMap<String, String>, answer: &str) {
        let told = |parameter: &str| form.get(parameter).cloned().unwrap_or_default();
        let answered = |element: &str| within(answer, element).unwrap_or_default().to_owned();
        match action {
            "CreateSubnet" => {
                let (subnet, vpc) = (answered("subnetId"), answered("vpcId"));
                let id = format!("aclassoc-{}", subnet.trim_start_matches("subnet-"));
                self.subnets.insert(subnet, Association { id, vpc, acl: None });
            }
            "DeleteSubnet" => drop(self.subnets.remove(&told("SubnetId"))),
            "ReplaceNetworkAclAssociation" => {
                let old = told("AssociationId");
                if let Some(association) = self.subnets.values_mut().find(|association| association.id == old) {
                    association.id = answered("newAssociationId");
                    association.acl = Some(told("NetworkAclId"));
                }
            }
            "CreateNetworkAclEntry" | "ReplaceNetworkAclEntry" => {
                let place = (told("NetworkAclId"), told("Egress") == "true", told("RuleNumber"));
                self.ports.insert(place, (told("PortRange.From"), told("PortRange.To")));
            }
            _ => {}
        }
    }

    /// The answer to `DescribeNetworkAcls` as AWS would give it.
    pub(crate) fn mend(&self, form: &HashMap<String, String>, answer: &str) -> String {
        let (begin, rest) = answer.split_once("<networkAclSet>").unwrap();
        let (items, end) = rest.split_once("</networkAclSet>").unwrap();
        // Behind the list of its associations, an ACL has its tags and its owner.
        let acls = items.split_inclusive("</ownerId>\n        </item>").filter(|acl| acl.contains("<ownerId>"));
        let mended: String = acls.filter_map(|acl| self.acl(acl, &wanted(form))).collect();
        format!("{begin}<networkAclSet>{mended}</networkAclSet>{end}")
    }

    /// The ACL with all that was told of it, if one of the subnets that are `wanted` has it.
    fn acl(&self, acl: &str, wanted: &[&String]) -> Option<String> {
        let (id, vpc) = (within(acl, "networkAclId")?, within(acl, "vpcId")?);
        let is_default = within(acl, "default")? == "true";
        let has = |association: &Association| match &association.acl {
            Some(of) => of == id,
            None => is_default && association.vpc == vpc,
        };
        let subnets: Vec<_> = self.subnets.iter().filter(|(_, association)| has(association)).collect();
        if !wanted.is_empty() && !subnets.iter().any(|(subnet, _)| wanted.contains(subnet)) {
            return None;
        }
        let association = |(subnet, association): &(&String, &Association)| {
            let id_of = format!("<networkAclAssociationId>{}</networkAclAssociationId>", association.id);
            format!("<item>{id_of}<networkAclId>{id}</networkAclId><subnetId>{subnet}</subnetId></item>")
        };
        let associations: String = subnets.iter().map(association).collect();
        let entries: String =
            within(acl, "entrySet")?.split_inclusive("</item>").map(|entry| self.entry(id, entry)).collect();
        let acl = with(acl, "associationSet", &associations);
        Some(with(&acl, "entrySet", &entries))
    }

    fn entry(&self, acl: &str, entry: &str) -> String {
        let Some(number) = within(entry, "ruleNumber") else { return entry.to_owned() };
        let place = (acl.to_owned(), within(entry, "egress") == Some("true"), number.to_owned());
        match self.ports.get(&place) {
            Some((from, to)) => {
                let range = format!("<portRange><from>{from}</from><to>{to}</to></portRange></item>");
                entry.replace("</item>", &range)
            }
            None => entry.to_owned(),
        }
    }
}

/// The subnets whose ACLs a description is to tell of; none where it is about others.
fn wanted(form: &HashMap<String, String>) -> Vec<&String> {
    let filter = form.iter().find(|(_, value)| *value == "association.subnet-id");
    let Some((name, _)) = filter else { return Vec::new() };
    let values = name.replace(".Name", ".Value.");
    form.iter().filter(|(parameter, _)| parameter.starts_with(&values)).map(|(_, value)| value).collect()
}

/// What is in the first element of a name.
fn within<'a>(xml: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    Some(rest.split_once(&format!("</{element}>"))?.0)
}

/// The text with something else in the first element of a name.
fn with(xml: &str, element: &str, content: &str) -> String {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let (before, rest) = xml.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{content}{end}{after}")
}
