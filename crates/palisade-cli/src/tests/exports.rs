//! `graph` and `export terraform`.

use std::fs;

use insta::assert_snapshot;

use super::{
    fake::{reference, thing},
    harness::Desk,
};

#[test]
fn a_graph_is_drawn_without_a_cloud() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("graph --region nowhere-1").transcript(), @r#"
    exit code 0
    --- stdout
    flowchart TD
        r0["Thing.main"]
        r1["Thing.child"]
        r1 --> r0
    --- stderr
    Cloud: none is used
    "#);
    assert!(desk.run("graph --format dot").stdout.starts_with("digraph \"test\" {"));
}

#[test]
fn an_export_says_what_it_wrote() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("export terraform --out DESK/infra/network").transcript(), @r"
    exit code 0
    --- stdout
    Wrote DESK/infra/network/main.tf.json, which declares the 2 resources of the stack.
    Next: terraform -chdir=DESK/infra/network init && terraform -chdir=DESK/infra/network plan
    --- stderr
    Cloud: none is used
    State: none, so nothing is imported: Terraform would create all of it
    ");
    let file = desk.path("infra/network/main.tf.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"parent\": \"${fake_thing.main.id}\"") && text.ends_with("}\n"), "{text}");
    assert_snapshot!(desk.run("export terraform --out DESK/infra/network").stdout, @r"
    Replaced DESK/infra/network/main.tf.json, which declares the 2 resources of the stack.
    Next: terraform -chdir=DESK/infra/network init && terraform -chdir=DESK/infra/network plan
    ");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(fs::read_dir(desk.path("infra/network")).unwrap().count(), 2, "a temporary file is left");
}

#[test]
fn an_export_of_an_applied_stack_imports_what_exists() {
    let desk = Desk::new();
    desk.run("apply --auto-approve");
    assert_snapshot!(desk.run("export terraform --out DESK/infra").stderr, @r"
    Cloud: none is used
    State: 2 of the 2 resources exist in `fake`, and are imported as they are
    ");
    assert_snapshot!(fs::read_to_string(desk.path("infra/palisade.imports.tf")).unwrap(), @r#"
    # Written by Palisade with main.tf.json; the next export replaces it.

    import {
      to = fake_thing.child
      id = "thing-2"
    }

    import {
      to = fake_thing.main
      id = "thing-1"
    }
    "#);
    assert_snapshot!(fs::read_to_string(desk.path("infra/palisade.versions.tf")).unwrap(), @r#"
    # Written by Palisade with main.tf.json; the next export replaces it.

    terraform {
      required_version = ">= 1.11.0"
    }
    "#);
    desk.run("destroy --auto-approve");
    desk.run("export terraform --out DESK/infra");
    assert!(!desk.path("infra/palisade.imports.tf").exists(), "what does not exist any more is still imported");
}

#[test]
fn a_file_of_the_users_own_is_left_as_it_is() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("infra")).unwrap();
    let names = ["palisade.versions.tf", "palisade.imports.tf", ".checkov.yaml"];
    for name in names {
        fs::write(desk.path("infra").join(name), "# mine\n").unwrap();
    }
    let outcome = desk.run("export terraform --out DESK/infra");
    assert_snapshot!(outcome.stderr, @r#"
    Cloud: none is used
    State: none, so nothing is imported: Terraform would create all of it
    note: DESK/infra/palisade.versions.tf is not of an export, and is left as it is. It would be:

    # Written by Palisade with main.tf.json; the next export replaces it.

    terraform {
      required_version = ">= 1.11.0"
    }
    "#);
    for name in names {
        assert_eq!(fs::read_to_string(desk.path("infra").join(name)).unwrap(), "# mine\n", "{name}");
    }
}

#[test]
fn an_export_says_where_the_state_is_not_what_the_program_says() {
    let desk = Desk::new();
    desk.run("apply --auto-approve");
    let outcome = desk.run_with("export terraform --out DESK/infra", "", |stack| {
        stack.add("main", thing());
        stack.add("fresh", thing());
    });
    assert_snapshot!(outcome.stderr, @r"
    Cloud: none is used
    State: 1 of the 2 resources exist in `fake`, and are imported as they are
    note: not applied yet, so Terraform would create: Thing.fresh
    note: objects are left that the document does not have; run `apply` before Terraform, for: Thing.child
    ");
}

#[test]
fn a_state_that_cannot_be_read_is_an_error() {
    let desk = Desk::new();
    desk.write_state("{}");
    let outcome = desk.run("export terraform --out DESK/infra");
    assert_snapshot!(outcome.error(), @r"
    Cloud: none is used
    error: the state file DESK/state/test.state.json is damaged: it does not say which format it has
    help: put a copy of DESK/state/test.state.json in its place, from a backup of yours: without its state, a stack knows no objects
    ");
    assert!(!desk.path("infra").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let desk = Desk::new();
    fs::write(desk.path("infra"), "a file in the place of the folder").unwrap();
    assert_snapshot!(desk.run("export terraform --out DESK/infra").error(), @r"
    Cloud: none is used
    State: none, so nothing is imported: Terraform would create all of it
    error: cannot write DESK/infra: File exists (os error 17)
    help: something else is at DESK/infra: move it away, or name another folder with --out
    ");
}

#[test]
fn a_file_that_cannot_be_replaced_leaves_nothing_behind() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("infra/main.tf.json/in-the-way")).unwrap();
    assert_snapshot!(desk.run("export terraform --out DESK/infra").error(), @r"
    Cloud: none is used
    State: none, so nothing is imported: Terraform would create all of it
    error: cannot write DESK/infra/main.tf.json: Is a directory (os error 21)
    help: something else is at DESK/infra/main.tf.json: move it away, or name another folder with --out
    ");
    assert_eq!(fs::read_dir(desk.path("infra")).unwrap().count(), 1, "a temporary file is left");
}

#[test]
fn a_reference_to_another_stack_cannot_be_exported() {
    let outcome = Desk::new().run_with("export terraform --out DESK/infra", "", |stack| {
        stack.add("child", thing().set("parent", reference("elsewhere", "id")));
    });
    assert_snapshot!(outcome.error(), @r#"
    error: Thing.child refers to Thing.elsewhere, which is not in this stack
       --> crates/palisade-cli/src/tests/exports.rs:166:15
        |
    166 |         stack.add("child", thing().set("parent", reference("elsewhere", "id")));
        |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ its handle is one of another stack
        |
    help: add the resource to this stack, or name the object of the other with `id!(..)`, or by its ARN

    error: stopped by an error in the program: nothing was changed
    "#);
}
