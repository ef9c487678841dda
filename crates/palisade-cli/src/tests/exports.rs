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
    ");
    let file = desk.path("infra/network/main.tf.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"parent\": \"${fake_thing.main.id}\"") && text.ends_with("}\n"), "{text}");
    assert_snapshot!(desk.run("export terraform --out DESK/infra/network").stdout, @r"
    Replaced DESK/infra/network/main.tf.json, which declares the 2 resources of the stack.
    Next: terraform -chdir=DESK/infra/network init && terraform -chdir=DESK/infra/network plan
    ");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(fs::read_dir(desk.path("infra/network")).unwrap().count(), 1, "a temporary file is left");
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let desk = Desk::new();
    fs::write(desk.path("infra"), "a file in the place of the folder").unwrap();
    assert_snapshot!(desk.run("export terraform --out DESK/infra").error(), @r"
    Cloud: none is used
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
    assert_snapshot!(outcome.error(), @r"
    Cloud: none is used
    error: Thing.child refers to Thing.elsewhere, which is not in this stack
    help: add the resource to this stack, or write its id with `id!`
    ");
}
