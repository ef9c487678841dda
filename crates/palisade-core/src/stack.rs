//! [`Stack`]: what a program fills with resources.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    panic::Location,
};

use crate::{
    AcceptedRisk, Address, Assessment, Declare, Declared, Finding, Handle, Hold, Json, Output, Reason, Reference,
    Resource, Risk, Rule, Schema, Span, Status, Value, joined_with_and, rule::Policy,
};

/// The resources and outputs that a program declares.
///
/// Adding never fails: what is wrong is collected, and [`Stack::findings`] tells all of it at once.
#[derive(Debug)]
pub struct Stack {
    name: String,
    nodes: Vec<Node>,
    /// Where the first resource of each address stands among the nodes.
    indices: HashMap<Address, usize>,
    /// Where those stand that refer to an address, in their order.
    referrers: HashMap<Address, Vec<usize>>,
    outputs: Vec<OutputNode>,
    accepted: Vec<AcceptedRisk>,
    /// Where the first acceptance of a rule, by its id, stands for an address.
    accepted_at: HashMap<(Address, &'static str), usize>,
    policies: Vec<Policy>,
    renames: Vec<Rename>,
}

/// One resource of a [`Stack`].
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the resource stands in the stack.
    pub address: Address,
    /// What its kind is.
    pub schema: &'static Schema,
    /// The values of all its fields, by name.
    pub fields: BTreeMap<&'static str, Value>,
    /// Where the program added it.
    pub location: &'static Location<'static>,
}

/// One output of a [`Stack`].
#[derive(Clone, Debug)]
pub struct OutputNode {
    /// The output's name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Where the program declared it.
    pub location: &'static Location<'static>,
}

/// A resource that had another name at an earlier apply: [`Stack::moved`].
#[derive(Clone, Debug)]
pub struct Rename {
    /// The address that it had.
    pub from: Address,
    /// The address that it has.
    pub to: Address,
    /// Where the program says so.
    pub location: &'static Location<'static>,
}

impl Stack {
    /// An empty stack. `palisade::run` makes the one that a program fills.
    pub fn new(name: impl Into<String>) -> Self {
        let (nodes, outputs, accepted, policies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (indices, referrers, accepted_at, renames) = (HashMap::new(), HashMap::new(), HashMap::new(), Vec::new());
        Self { name: name.into(), nodes, indices, referrers, outputs, accepted, accepted_at, policies, renames }
    }

    /// Adds a resource under `name`, and returns the handle by which others refer to it.
    ///
    /// The name is the user's own: it stands in plans and in state, and the cloud never sees it. It begins with a letter,
    /// goes on with letters, digits, `-` and `_`, and is unique among the resources of its kind. A resource that gets another
    /// name keeps its object, as long as it is the only one that can be meant; otherwise, [`Stack::moved`] names its earlier
    /// name.
    #[track_caller]
    pub fn add<D: Declare>(&mut self, name: &str, declaration: D) -> Handle<D::Resource, D::Brand> {
        let schema = D::Resource::SCHEMA;
        let address = Address::new(schema.kind, name);
        let fields = declaration.declare().fields().clone();
        let node = Node { address: address.clone(), schema, fields, location: Location::caller() };
        let index = self.nodes.len();
        self.indices.entry(address.clone()).or_insert(index);
        for target in node.references().into_iter().map(|reference| &reference.address).collect::<BTreeSet<_>>() {
            self.referrers.entry(target.clone()).or_default().push(index);
        }
        self.nodes.push(node);
        Handle::new(address)
    }

    /// Declares that `resource` was called `earlier` at an earlier apply, so that it keeps the object that it had under that
    /// name. The line may stay once it was applied: it does nothing where the state has no resource of that name.
    ///
    /// A resource whose name alone changes needs no such line, nor does one that is the only one of its kind that can be
    /// meant. A plan that cannot tell says so, and names the line.
    ///
    /// [`Stack::findings`] reports an earlier name that the program still gives to a resource, or that it declares for two.
    ///
    /// ```
    /// # use palisade_core::{Declare, Handle, Resource, Stack};
    /// fn rename<R: Resource>(stack: &mut Stack, table: impl Declare<Resource = R, Brand = ()>) {
    ///     let table = stack.add("private", table);
    ///     stack.moved("main", &table);
    /// }
    /// ```
    #[track_caller]
    pub fn moved<R: Resource, Brand>(&mut self, earlier: &str, resource: &Handle<R, Brand>) {
        let to = resource.address().clone();
        let from = Address::new(to.kind(), earlier);
        self.renames.push(Rename { from, to, location: Location::caller() });
    }

    /// Declares that the value is shown after an apply, and kept for `output`, under `name`, which is spelt like that of a
    /// resource.
    ///
    /// There is no output of a secret: a secret has no [`Output`] of its value.
    #[track_caller]
    pub fn output<T>(&mut self, name: &str, value: Output<T>) {
        self.outputs.push(OutputNode { name: name.to_owned(), value: value.into(), location: Location::caller() });
    }

    /// Breaks one rule for one resource, and says why: `reason!("...")`, or a [`Reason::new`] of a text that is read when the
    /// program runs. The risk is shown by every plan, by `posture` and in the export.
    ///
    /// What has no honest exception, as a cache without encryption, has no [`Risk`] by which it could be accepted. A risk
    /// that does not exist, as the rule holds, is a finding.
    #[track_caller]
    pub fn accept_risk<R: Resource, Brand>(&mut self, resource: &Handle<R, Brand>, risk: Risk<R>, reason: Reason) {
        let (address, rule, location) = (resource.address().clone(), risk.rule(), Location::caller());
        self.accepted_at.entry((address.clone(), rule.id)).or_insert(self.accepted.len());
        self.accepted.push(AcceptedRisk { address, rule, reason, location });
    }

    /// Adds a rule of the program's own: `check` looks at the whole stack, and what it finds stops a plan as the built-in
    /// rules do.
    ///
    /// [`Stack::resources`] gives it the resources of a type with their fields; see [`Declared`] for an example.
    #[track_caller]
    pub fn policy(&mut self, name: impl Into<String>, check: impl Fn(&Self) -> Vec<Finding> + Send + Sync + 'static) {
        self.policies.push(Policy { name: name.into(), check: Box::new(check), location: Location::caller() });
    }

    /// The stack's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The resource at `address`.
    pub fn node(&self, address: &Address) -> Option<&Node> {
        self.indices.get(address).map(|&index| &self.nodes[index])
    }

    /// The resources of the type `R` with their fields, in the order of their declaration.
    pub fn resources<R: Resource>(&self) -> impl Iterator<Item = Declared<'_, R>> {
        self.nodes.iter().filter_map(|node| self.declared(node))
    }

    /// A resource of this stack with its fields; `None` if it is not of the type `R`.
    pub fn declared<'a, R: Resource>(&'a self, node: &'a Node) -> Option<Declared<'a, R>> {
        Declared::new(self, node)
    }

    /// The resources that refer to the one at `address`, in the order of their declaration.
    pub fn referrers(&self, address: &Address) -> impl Iterator<Item = &Node> + use<'_> {
        self.referrers.get(address).into_iter().flatten().map(|&index| &self.nodes[index])
    }

    /// The resources in the order of their declaration, so that each stands after all that it refers to.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The outputs in the order of their declaration.
    pub fn outputs(&self) -> &[OutputNode] {
        &self.outputs
    }

    /// The risks that the program accepts, in the order of the program.
    pub fn accepted_risks(&self) -> &[AcceptedRisk] {
        &self.accepted
    }

    /// The earlier names of resources, in the order of the program.
    pub fn renames(&self) -> &[Rename] {
        &self.renames
    }

    /// How each resource stands to each rule of its kind.
    pub fn assessments(&self) -> Vec<Assessment<'_>> {
        let rules = self.nodes.iter().flat_map(|node| node.schema.rules.iter().map(move |rule| (node, rule)));
        rules.map(|(node, rule)| Assessment { rule, node, status: self.assess(node, rule) }).collect()
    }

    fn assess(&self, node: &Node, rule: &'static Rule) -> Status<'_> {
        let check = match rule.hold {
            Hold::Compile(how) => return Status::ByConstruction(how),
            Hold::Declare(_) => return Status::ByCheck,
            Hold::Check(check) | Hold::Risk { check, .. } => check,
        };
        let Some(violation) = check(node, self) else { return Status::ByCheck };
        match self.accepted_at.get(&(node.address.clone(), rule.id)) {
            Some(&at) => Status::Accepted(&self.accepted[at]),
            None => Status::Violated(violation),
        }
    }

    /// What breaks a rule of safety, or a policy of the program: empty for a stack that is safe, or says why it is not.
    ///
    /// [`Stack::findings`] tells of what cannot exist in the cloud at all, and this of what could.
    pub fn violations(&self) -> Vec<Finding> {
        let assessments = self.assessments();
        let mut findings: Vec<_> = assessments.iter().filter_map(violated).collect();
        let existing = assessments.iter().filter_map(|found| match found.status {
            Status::Accepted(risk) => Some((&found.node.address, risk.rule.id)),
            _ => None,
        });
        let existing: HashSet<_> = existing.collect();
        let mut seen = BTreeSet::new();
        for risk in &self.accepted {
            let AcceptedRisk { address, rule, location, .. } = risk;
            let path = rule.risk().unwrap_or(rule.id);
            let message = if !existing.contains(&(address, rule.id)) {
                format!("{address}: the risk {path} is accepted, and does not exist")
            } else if !seen.insert((address, rule.id)) {
                format!("{address}: the risk {path} is accepted twice")
            } else {
                continue;
            };
            let help = "remove the line, so that what is accepted is what there is".to_owned();
            findings.push(Finding { message, spans: vec![Span::new(location, "accepted here")], help });
        }
        for Policy { name, check, location } in &self.policies {
            findings.extend(check(self).into_iter().map(|mut finding| {
                finding.spans.push(Span::new(location, format!("by the policy `{name}`")));
                finding
            }));
        }
        findings
    }

    /// The names of the program's own policies, with what each of them finds.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &'static Location<'static>, Vec<Finding>)> {
        self.policies.iter().map(|policy| (policy.name.as_str(), policy.location, (policy.check)(self)))
    }

    /// All that is wrong with the stack; empty if it can be planned.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut seen = BTreeMap::new();
        for node in &self.nodes {
            let address = &node.address;
            if !is_name(address.name()) {
                findings.push(Finding {
                    message: format!("`{}` is not a name for a resource", address.name()),
                    spans: vec![Span::new(node.location, "this resource")],
                    help: "begin with a letter, and go on with letters, digits, `-` and `_`, as in `private-a`"
                        .to_owned(),
                });
            }
            if let Some(first) = seen.insert(address, node.location) {
                findings.push(duplicate(
                    &format!("{} named `{}`", address.kind(), address.name()),
                    first,
                    node.location,
                ));
            }
            let values = node.schema.fields.iter().filter_map(|field| Some((field, node.json(field.name)?)));
            for (field, problem) in values.filter_map(|(field, json)| Some((field, (field.problem)(json)?))) {
                findings.push(node.finding(&format!("`{}`: {problem}", field.name), ""));
            }
            findings.extend(self.strangers(&address.to_string(), node.references(), node.location));
            findings.extend(node.schema.check.map(|check| check(node, self)).unwrap_or_default());
        }
        findings.extend(self.duplicate_identities());
        findings.extend(self.wrong_renames());
        let mut outputs = BTreeMap::new();
        for output in &self.outputs {
            if !is_name(&output.name) {
                findings.push(Finding {
                    message: format!("`{}` is not a name for an output", output.name),
                    spans: vec![Span::new(output.location, "this output")],
                    help: "begin with a letter, and go on with letters, digits, `-` and `_`, as in `primary_endpoint`"
                        .to_owned(),
                });
            }
            if let Some(first) = outputs.insert(&output.name, output.location) {
                findings.push(duplicate(&format!("output named `{}`", output.name), first, output.location));
            }
            findings.extend(self.strangers(
                &format!("the output `{}`", output.name),
                output.value.references(),
                output.location,
            ));
        }
        findings
    }

    /// What is referred to and not in the stack, each resource once: the handle is of another stack.
    fn strangers(
        &self,
        who: &str,
        references: Vec<&Reference>,
        location: &'static Location<'static>,
    ) -> impl Iterator<Item = Finding> {
        let strangers = references.into_iter().map(|reference| &reference.address);
        let strangers: BTreeSet<_> = strangers.filter(|address| !self.indices.contains_key(*address)).collect();
        let findings = strangers.into_iter().map(|address| Finding {
            message: format!("{who} refers to {address}, which is not in this stack"),
            spans: vec![Span::new(location, "its handle is one of another stack")],
            help: "add the resource to this stack, or name the object of the other with `id!(..)`, or by its ARN"
                .to_owned(),
        });
        findings.collect::<Vec<_>>().into_iter()
    }

    /// Earlier names that no resource can have had, or that two have.
    fn wrong_renames(&self) -> Vec<Finding> {
        let mut seen: BTreeMap<&Address, &Rename> = BTreeMap::new();
        let mut findings = Vec::new();
        for rename in &self.renames {
            let Rename { from, to, location } = rename;
            let mut add = |message: String, other: Option<Span>, help: String| {
                let spans = [Span::new(location, "declared here")].into_iter().chain(other).collect();
                findings.push(Finding { message, spans, help });
            };
            if !is_name(from.name()) {
                let message = format!("`{}` is not a name that {to} can have had", from.name());
                add(message, None, "write the name alone, as in `private-a` for `Subnet.private-a`".to_owned());
                continue;
            }
            if let Some(node) = self.node(from) {
                let (message, help) = if from == to {
                    (format!("{from} is its own earlier name"), "write the name that it had before".to_owned())
                } else {
                    let message = format!("{from} is the earlier name of {to}, and the program still has it");
                    (message, format!("remove the line if {to} is a new resource; otherwise remove {from}"))
                };
                add(message, Some(Span::new(node.location, "this resource")), help);
            }
            if let Some(first) = seen.insert(from, rename).filter(|first| first.to != *to) {
                let message = format!("{from} is the earlier name of both {} and {to}", first.to);
                let other = Span::new(first.location, "the first");
                add(message, Some(other), "remove one of the two lines".to_owned());
            }
            if self.node(to).is_none() {
                let message = format!("{from} is the earlier name of {to}, which is not in this stack");
                add(message, None, "pass the handle of a resource of this stack".to_owned());
            }
        }
        findings
    }

    /// Objects that would be one and the same in the cloud, as two users with one id.
    fn duplicate_identities(&self) -> Vec<Finding> {
        let mut seen = BTreeMap::new();
        let mut findings = Vec::new();
        for node in &self.nodes {
            let identity = node.schema.fields.iter().filter(|field| field.identity);
            let values = identity.filter_map(|field| {
                let value = node.fields.get(field.name)?;
                Some((
                    field.name,
                    value.as_json().map_or_else(|| value.clone(), |json| field.fold(json.clone()).into()),
                ))
            });
            let values: Vec<_> = values.filter(|(_, value)| value.as_json() != Some(&Json::Null)).collect();
            if values.is_empty() {
                continue;
            }
            let key = (node.address.kind(), format!("{values:?}"));
            match seen.insert(key, node) {
                Some(first) if first.address != node.address => {
                    let names: Vec<_> = values.iter().map(|(name, _)| format!("`{name}`")).collect();
                    let differs = |(name, _): &(&str, _)| first.fields.get(name) != node.fields.get(name);
                    let to_aws = if values.iter().any(differs) { " to AWS" } else { "" };
                    findings.push(Finding {
                        message: format!(
                            "{} and {} have the same {}{to_aws}",
                            first.address,
                            node.address,
                            joined_with_and(&names)
                        ),
                        spans: vec![Span::new(node.location, "the second"), Span::new(first.location, "the first")],
                        help: "AWS refuses the second of them: change it, or remove it".to_owned(),
                    });
                }
                _ => {}
            }
        }
        findings
    }
}

impl Node {
    /// All references in the fields of the resource, field by field.
    pub fn references(&self) -> Vec<&crate::Reference> {
        self.fields.values().flat_map(Value::references).collect()
    }

    /// The value of `field`, if it holds no reference and the declaration has one.
    pub fn json(&self, field: &str) -> Option<&Json> {
        self.fields.get(field)?.as_json().filter(|json| !json.is_null())
    }

    /// The value of `field`, if it is a text without a reference.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.json(field)?.as_str()
    }

    /// The resources of `stack` that `field` refers to.
    pub fn targets<'a>(&self, stack: &'a Stack, field: &str) -> Vec<&'a Node> {
        let references = self.fields.get(field).map(Value::references).unwrap_or_default();
        references.into_iter().filter_map(|reference| stack.node(&reference.address)).collect()
    }

    /// A finding about this resource.
    pub fn finding(&self, message: &str, help: &str) -> Finding {
        Finding {
            message: format!("{}: {message}", self.address),
            spans: vec![Span::new(self.location, "declared here")],
            help: help.to_owned(),
        }
    }

    /// A finding about this resource, in which another one has part.
    pub fn finding_with(&self, other: &Self, label: &str, message: &str, help: &str) -> Finding {
        let mut finding = self.finding(message, help);
        finding.spans.push(Span::new(other.location, label));
        finding
    }
}

fn violated(assessment: &Assessment<'_>) -> Option<Finding> {
    let Assessment { rule, node, status: Status::Violated(violation) } = assessment else { return None };
    let mut finding = node.finding(&violation.message, &violation.help);
    finding.spans[0].label = rule.why.to_owned();
    if let Some(path) = rule.risk() {
        finding.help += &format!("; or say why not: `stack.accept_risk(&.., {path}, reason!(\"..\"))`");
    }
    Some(finding)
}

fn duplicate(what: &str, first: &'static Location<'static>, second: &'static Location<'static>) -> Finding {
    Finding {
        message: format!("there are two {what}"),
        spans: vec![Span::new(second, "the second"), Span::new(first, "the first")],
        help: "give one of them another name".to_owned(),
    }
}

/// Whether `name` may name a resource or an output; the rule is Terraform's, so that every stack can be exported.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
