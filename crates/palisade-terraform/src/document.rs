//! [`export`]: a graph becomes a [`Document`].

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use palisade_core::{Address, Graph, Json, JsonMap};
use serde_json::json;

use crate::{
    ExportError,
    checkov::Exceptions,
    import::{Existing, Imports},
    render::Renderer,
    translate::translate,
};

/// The file with all that the stack declares.
pub const MAIN_FILE: &str = "main.tf.json";

/// The file with the `import` blocks of what exists. Its name, as that of the next, is none that people give to a file of
/// their own.
const IMPORTS_FILE: &str = "palisade.imports.tf";

/// The file with the version of Terraform.
const VERSIONS_FILE: &str = "palisade.versions.tf";

/// The file that tells checkov of the risks that the program accepts. checkov finds it by this name only.
const CHECKOV_FILE: &str = ".checkov.yaml";

/// The first line of each file but the main one: what begins with it was written here, and may be written again.
const MARK: &str = "# Written by Palisade with main.tf.json; the next export replaces it.";

/// The files that are there only where they say something.
pub const OPTIONAL_FILES: [&str; 2] = [IMPORTS_FILE, CHECKOV_FILE];

/// Whether `text` is that of a file which an export has written beside the main one.
pub fn is_written_here(text: &str) -> bool {
    text.starts_with(MARK)
}

/// Write-only arguments, which keep a secret out of Terraform's state, came with 1.11.
const VERSIONS: &str = "terraform {\n  required_version = \">= 1.11.0\"\n}\n";

/// What the document says that the graph does not know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExportOptions {
    /// The region of the provider, as in `us-east-1`.
    pub region: String,
}

/// A Terraform configuration: a few files of one folder. It is the same text for the same graph, on every run.
///
/// All that the stack declares is in one file, in JSON syntax. The version of Terraform and the `import` blocks are beside
/// it, in Terraform's own language: checkov reads no JSON file that has one of these. What checkov is to leave out, with the
/// reasons, is in a file that it finds by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    main: Json,
    imports: Imports,
    exceptions: Exceptions,
}

/// Writes `graph` as Terraform would declare it. What is `existing` gets an `import` block, so that Terraform takes it over
/// as it is; with no object in it, Terraform creates everything.
///
/// No secret is in the document: a graph holds none, and each resource that has one leaves it to a step that the comment
/// beside it describes.
///
/// # Errors
/// - [`ExportError::ForeignReference`] if a value refers to a resource of another stack.
/// - [`ExportError::NotInTerraform`] if a value refers to an attribute that Terraform does not have;
/// - [`ExportError::UnknownAttribute`] if a value refers to an attribute that the schema of its resource lacks.
/// - [`ExportError::Collision`] if two resources have one type and one name in Terraform.
/// - [`ExportError::NoImportId`] if something that exists lacks what Terraform imports it by.
pub fn export(graph: &Graph, options: &ExportOptions, existing: &Existing) -> Result<Document, ExportError> {
    let mut risks: HashMap<_, Vec<_>> = HashMap::new();
    for risk in graph.accepted_risks() {
        risks.entry(&risk.address).or_default().push(risk);
    }
    let translated = graph.nodes().map(|node| {
        let risks = risks.get(&node.address).map(Vec::as_slice).unwrap_or_default();
        (&node.address, translate(node, graph, risks))
    });
    let mut resources: BTreeMap<_, _> = translated.collect();
    let mut imports = Imports::default();
    for resource in resources.values_mut() {
        imports.take_over(resource, existing)?;
    }
    let renderer = Renderer::new(graph, &resources);
    let mut blocks = Blocks::default();
    for resource in resources.values().filter(|resource| !resource.left_out) {
        let address = &resource.address;
        blocks.insert("resource", &resource.resource_type, address, renderer.resource(resource)?)?;
        for companion in &resource.companions {
            let body = renderer.arguments(&address.to_string(), &companion.arguments)?;
            blocks.insert(companion.block, companion.resource_type, address, body)?;
        }
    }

    let mut document = header(options);
    document.extend(blocks.into_json());
    let mut outputs = JsonMap::new();
    for output in graph.outputs() {
        let value = renderer.value(&format!("the output `{}`", output.name), &output.value)?;
        outputs.insert(output.name.clone(), json!({ "value": value }));
    }
    if !outputs.is_empty() {
        document.insert("output".to_owned(), outputs.into());
    }
    let exceptions = Exceptions::new(graph, resources.values());
    Ok(Document { main: document.into(), imports, exceptions })
}

/// The settings of Terraform and of the provider.
fn header(options: &ExportOptions) -> JsonMap {
    let terraform = json!({
        "required_providers": { "aws": { "source": "hashicorp/aws", "version": "~> 5.100" } },
    });
    let provider = json!({
        "region": crate::render::escape(&options.region),
        // Our ownership tags are no part of the declaration: Terraform must neither show nor remove them.
        "ignore_tags": { "key_prefixes": ["palisade:"] },
    });
    JsonMap::from_iter([("terraform".to_owned(), terraform), ("provider".to_owned(), json!({ "aws": provider }))])
}

/// The blocks of a document, each with the resource that it belongs to.
#[derive(Default)]
struct Blocks(BTreeMap<BlockName, (Address, JsonMap)>);

/// What tells a block from all others: the kind of block, the type, and the name.
type BlockName = (String, String, String);

impl Blocks {
    fn insert(&mut self, block: &str, kind: &str, owner: &Address, body: JsonMap) -> Result<(), ExportError> {
        let name = owner.name();
        let key = (block.to_owned(), kind.to_owned(), name.to_owned());
        match self.0.insert(key, (owner.clone(), body)) {
            None => Ok(()),
            Some((first, _)) => {
                Err(ExportError::Collision { block: format!("{block} {kind}.{name}"), first, second: owner.clone() })
            }
        }
    }

    fn into_json(self) -> JsonMap {
        let mut json = Json::from(JsonMap::new());
        for ((block, kind, name), (_, body)) in self.0 {
            json[block][kind][name] = body.into();
        }
        match json {
            Json::Object(blocks) => blocks,
            _ => unreachable!("assigning by a key keeps an object an object"),
        }
    }
}

impl Document {
    /// What the stack declares, as JSON.
    pub fn as_json(&self) -> &Json {
        &self.main
    }

    /// The files, by name.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let marked = |text: &dyn fmt::Display| format!("{MARK}\n\n{text}");
        let mut files = vec![(MAIN_FILE, self.main_text()), (VERSIONS_FILE, marked(&VERSIONS))];
        if !self.imports.is_empty() {
            files.push((IMPORTS_FILE, marked(&self.imports)));
        }
        if !self.exceptions.is_empty() {
            files.push((CHECKOV_FILE, marked(&self.exceptions)));
        }
        files
    }

    fn main_text(&self) -> String {
        format!("{:#}\n", self.main)
    }
}

/// What the stack declares, and then the `import` blocks of what exists, for people to read.
impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.main_text())?;
        if self.imports.is_empty() { Ok(()) } else { write!(f, "\n{}", self.imports) }
    }
}
