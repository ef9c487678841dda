//! The way out: Terraform takes over what an apply has made, and makes of an export what an apply makes.

use std::{fs, path::Path, thread, time::Duration};

use crate::{
    account::{Account, ministack},
    life::rehearsal_at,
    mended::mended,
    network_acls,
    objects::Objects,
    program::Program,
    terraform::Terraform,
};

const EXAMPLES: [&str; 2] = ["secured-redis", "auth-token"];

#[test]
fn terraform_takes_over_what_an_apply_has_made_and_changes_nothing() {
    thread::scope(|scope| {
        for example in EXAMPLES {
            scope.spawn(move || is_taken_over(example));
        }
    });
}

fn is_taken_over(example: &'static str) {
    let account = Account::unused();
    let endpoint = mended(ministack());
    let program = Program::of(example, &account);
    program.succeed(endpoint, &["apply", "--auto-approve"]);
    let declared = program.succeed(endpoint, &["state", "list"]).lines().filter(|line| !line.contains(' ')).count();
    let out = tempfile::tempdir().unwrap();
    let said = program.succeed(endpoint, &["export", "terraform", "--out", out.path().to_str().unwrap()]);
    assert!(said.contains(" resources exist in `aws "), "what is imported, and from where: {said}");

    let terraform = Terraform::new(out.path(), &account, endpoint);
    terraform.succeed(&["plan", "-input=false", "-out=first"]);
    let first = terraform.plan_json("first");
    let changes = first["resource_changes"].as_array().unwrap();
    let changed: Vec<_> =
        changes.iter().filter(|change| change["change"]["actions"] != serde_json::json!(["no-op"])).collect();
    assert!(changed.is_empty(), "{example}: the first plan changes something: {changed:#?}");
    let imported = changes.iter().filter(|change| change["change"]["importing"]["id"].is_string()).count();
    // Beside some resources stand others in Terraform: the alias of a key, the policy of a role, the group of a network.
    assert_eq!(imported, changes.len(), "{example}: what is planned is imported");
    assert!(imported > declared, "{example}: {imported} imported, of {declared} declared");

    terraform.succeed(&["apply", "-input=false", "first"]);
    terraform.succeed(&["plan", "-input=false", "-detailed-exitcode"]);
    program.succeed(endpoint, &["plan", "--detailed-exitcode"]);
    let secrets = account.secret_values();
    assert_eq!(secrets.len(), usize::from(example == "auth-token"), "{example}: the secrets that there are");
    for secret in secrets {
        assert!(!first.to_string().contains(&secret), "{example}: a secret is in Terraform's plan");
        assert_eq!(files_with(out.path(), &secret), [""; 0], "{example}: Terraform keeps a secret");
    }
}

/// No example has one.
#[test]
fn terraform_takes_over_a_network_acl_and_makes_one_of_an_export() {
    let (account, endpoint) = (Account::unused(), mended(ministack()));
    let mut rehearsal = rehearsal_at(endpoint, &account, Duration::from_secs(30));
    let stack = |all: &mut palisade::Stack| network_acls::stack(all, true);
    rehearsal.apply(stack);
    let export = rehearsal.export(stack);
    let (main, imports) = export.split_once("\n}\n").unwrap();
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("main.tf.json"), format!("{main}\n}}\n")).unwrap();
    fs::write(out.path().join("imports.tf"), imports).unwrap();
    let terraform = Terraform::new(out.path(), &account, endpoint);
    terraform.succeed(&["plan", "-input=false", "-out=first"]);
    let first = terraform.plan_json("first");
    let changes = first["resource_changes"].as_array().unwrap();
    assert!(changes.iter().any(|change| change["type"] == "aws_network_acl"), "{changes:#?}");
    for change in changes {
        assert_eq!(change["change"]["actions"], serde_json::json!(["no-op"]), "{change:#}");
        assert!(change["change"]["importing"]["id"].is_string(), "{change:#}");
    }
    terraform.succeed(&["apply", "-input=false", "first"]);
    assert!(!rehearsal.plan(stack).has_changes());

    let (account, out) = (Account::unused(), tempfile::tempdir().unwrap());
    let rehearsal = rehearsal_at(endpoint, &account, Duration::from_secs(30));
    fs::write(out.path().join("main.tf.json"), rehearsal.export(stack)).unwrap();
    let terraform = Terraform::new(out.path(), &account, endpoint);
    terraform.succeed(&["apply", "-input=false", "-auto-approve"]);
    terraform.succeed(&["plan", "-input=false", "-detailed-exitcode"]);
}

/// The files of a folder in which `text` is. Terraform packs its plan, which is looked at as JSON.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let with = files.filter(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).contains(text));
    with.map(|path| path.display().to_string()).collect()
}

/// What Terraform leaves otherwise than our apply does: the place, and why.
const OTHERWISE: [(&str, &str); 5] = [
    (
        "SecurityGroupRule SecurityGroupRule(egress of SecurityGroup(redis of Vpc(10.0.0.0/16)): ):",
        "Terraform revokes the rule that AWS makes with the group, and names ports with it, which AWS does not look at for \
         a rule for all protocols; ministack does, and keeps the rule",
    ),
    ("SecurityGroupRule SecurityGroupRule(egress of SecurityGroup(redis of Vpc(10.1.0.0/16)): ):", "the same"),
    (
        "SecurityGroupRule SecurityGroupRule(ingress of SecurityGroup(redis of Vpc(10.1.0.0/16)): Redis over TLS from \
         inside the VPC):",
        "the export leaves it out until the cache has its token",
    ),
    (
        "ReplicationGroup auth-token-redis.fields.auth_token:",
        "the export leaves the token out, as Terraform would keep it in its state",
    ),
    (
        "Secret Secret(auth-token-redis/token).attributes.value.version:",
        "each tool has an id of its own for the version that it puts",
    ),
];

#[test]
fn terraform_makes_of_an_export_what_an_apply_makes() {
    let account = Account::unused();
    let exports: Vec<_> = EXAMPLES.iter().map(|example| fresh_export(example, &account)).collect();
    thread::scope(|scope| {
        for out in &exports {
            let account = &account;
            scope.spawn(move || {
                let terraform = Terraform::new(out.path(), account, ministack());
                terraform.succeed(&["apply", "-input=false", "-auto-approve"]);
            });
        }
    });
    let (theirs, their_nodes) = (Objects::of(&account), account.inventory()["CacheCluster"]);

    let account = Account::unused();
    for example in EXAMPLES {
        Program::of(example, &account).succeed(ministack(), &["apply", "--auto-approve"]);
    }
    let (ours, our_nodes) = (Objects::of(&account), account.inventory()["CacheCluster"]);

    assert!(ours.0.len() > 30, "what is compared: {:?}", ours.0.keys());
    let differences = theirs.differences(&ours);
    let is_known = |difference: &&String| OTHERWISE.iter().any(|(place, _)| difference.starts_with(place));
    let unknown: Vec<_> = differences.iter().filter(|difference| !is_known(difference)).collect();
    assert!(unknown.is_empty(), "Terraform there, and our apply here: {unknown:#?}");
    for (place, reason) in OTHERWISE {
        let is_different = differences.iter().any(|difference| difference.starts_with(place));
        assert!(is_different, "{place} is the same now, so it needs no reason: {reason}");
    }
    assert_eq!(their_nodes, our_nodes, "the nodes of the caches");
}

/// The export of an example that has never been applied.
fn fresh_export(example: &'static str, account: &Account) -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    let arguments = ["export", "terraform", "--out", out.path().to_str().unwrap()];
    Program::of(example, account).succeed(ministack(), &arguments);
    out
}
