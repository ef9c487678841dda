//! Wrong arguments, and the help.

use insta::assert_snapshot;

use super::harness::Desk;

#[test]
fn a_misspelt_command_gets_the_one_that_is_meant() {
    assert_snapshot!(Desk::new().run("plam").error(), @r"
    error: unrecognized subcommand 'plam'

      tip: a similar subcommand exists: 'plan'

    Usage: test [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn a_misspelt_flag_gets_the_one_that_is_meant() {
    assert_snapshot!(Desk::new().run("apply --auto-aprove").error(), @r"
    error: unexpected argument '--auto-aprove' found

      tip: a similar argument exists: '--auto-approve'

    Usage: test apply --auto-approve [FILE]

    For more information, try '--help'.
    ");
}

#[test]
fn a_parallelism_that_is_none_is_refused() {
    assert_snapshot!(Desk::new().run("apply --parallelism 0").error(), @r"
    error: invalid value '0' for '--parallelism <N>': write a number of calls, 1 or more

    For more information, try '--help'.
    ");
    // It is not taken for an option, nor is a way shown to take it for a file.
    assert_snapshot!(Desk::new().run("apply --parallelism -1").error(), @r"
    error: invalid value '-1' for '--parallelism <N>': write a number of calls, 1 or more

    For more information, try '--help'.
    ");
}

#[test]
fn a_missing_argument_is_named() {
    assert_snapshot!(Desk::new().run("export terraform").error(), @r"
    error: the following required arguments were not provided:
      --out <DIR>

    Usage: test export terraform --out <DIR> --state-dir <DIR> --region <REGION>

    For more information, try '--help'.
    ");
}

#[test]
fn without_a_command_the_help_is_shown_and_nothing_is_done() {
    let outcome = Desk::new().run("");
    assert_snapshot!(outcome.error(), @r"
    Plans and applies the infrastructure that this program declares

    Usage: test [OPTIONS] <COMMAND>

    Commands:
      plan        Show what an apply would change, and why; change nothing
      apply       Bring the cloud to what the program declares, or carry out a plan that was saved
      destroy     Delete all objects of the stack
      show        Show a plan that was saved
      output      Show the outputs of the last apply
      state       Look into the state: the objects that the last applies made
      graph       Draw the resources and what they refer to
      posture     Show which rules of security hold, which are broken, and why
      iam-policy  Print the least IAM policy that lets the stack be planned, applied and destroyed
      export      Write the stack in another tool's language
      help        Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Options of every command:
          --state-dir <DIR>
              The folder that holds the state of the stack

              [env: PALISADE_STATE_DIR]
              [default: .palisade]

          --state <s3://BUCKET/PREFIX>
              Where the state is that a team shares, in place of a folder; it needs AWS, and the feature
              `s3-state`

              [env: PALISADE_STATE]

          --region <REGION>
              The region to work in

              [env: AWS_REGION]
              [default: us-east-1]

          --color <WHEN>
              When to use colors; `auto` also respects NO_COLOR

              Possible values:
              - auto:   On a terminal
              - always: Always
              - never:  Never

              [default: auto]

    Examples:
      cargo run -- plan                     what would change, and why
      cargo run -- apply                    change it, after a question
      cargo run -- apply --auto-approve     change it without a question, as in CI
      cargo run -- apply --auto-approve --allow-data-loss LogGroup.slow-log
                                            the same, and consent to lose this data
      cargo run -- plan --out next.plan     save the plan, to be read by others
      cargo run -- apply next.plan          do what it says, and nothing else
      cargo run -- plan --detailed-exitcode tell a script whether anything would change
      cargo run -- output primary_endpoint --raw
      cargo run -- export terraform --out infra

    Exit codes:
      0  done
      1  an error, or a plan that was not approved
      2  the plan holds changes (only with plan --detailed-exitcode)
      130, 143, 129
         an apply was stopped by Ctrl-C, SIGTERM or the end of its terminal; run it again to go on
    ");
}

#[test]
fn help_is_a_result_and_no_error() {
    let desk = Desk::new();
    let outcome = desk.run("apply --help");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_snapshot!(outcome.stdout, @r"
    Bring the cloud to what the program declares, or carry out a plan that was saved

    Usage: test apply [OPTIONS] [FILE]

    Arguments:
      [FILE]
              A file that `plan --out` wrote: do what it says, and ask only before a destroy

    Options:
          --allow-data-loss <ADDRESS>
              Consent to lose the data of this resource; may be repeated

          --replace <ADDRESS>
              Replace the object of this resource, whether it differs from the program or not; may be
              repeated

      -y, --auto-approve
              Do not ask before the changes are made; to lose data, an apply also needs
              --allow-data-loss

              [alias: --yes]

          --fail-fast
              Begin nothing new after a failure; else only what depends on the failed step is left out

          --parallelism <N>
              How many calls may be under way at a time; what only waits for the cloud counts for none

              [default: 10]

      -h, --help
              Print help (see a summary with '-h')

    Options of every command:
          --state-dir <DIR>
              The folder that holds the state of the stack

              [env: PALISADE_STATE_DIR]
              [default: .palisade]

          --state <s3://BUCKET/PREFIX>
              Where the state is that a team shares, in place of a folder; it needs AWS, and the feature
              `s3-state`

              [env: PALISADE_STATE]

          --region <REGION>
              The region to work in

              [env: AWS_REGION]
              [default: us-east-1]

          --color <WHEN>
              When to use colors; `auto` also respects NO_COLOR

              Possible values:
              - auto:   On a terminal
              - always: Always
              - never:  Never

              [default: auto]
    ");
    assert!(!desk.state_dir().exists());
}

#[test]
fn colors_are_the_users_choice() {
    let desk = Desk::new();
    assert!(!desk.run("plan").stdout.contains('\u{1b}'));
    assert!(desk.run("plan --color always").stdout.contains('\u{1b}'));
    assert!(!desk.run("plan --color never").stdout.contains('\u{1b}'));
}

#[test]
fn the_emulated_account_is_a_choice_where_there_is_another_cloud() {
    let desk = Desk::with_choice();
    assert_snapshot!(desk.run("plan").error(), @r"
    error: no credentials for any region
    help: log in
    ");
    assert_snapshot!(desk.run("plan --region eu-west-1").error(), @r"
    error: no credentials for eu-west-1
    help: log in
    ");
    assert_snapshot!(desk.run("export terraform --out DESK/infra").error(), @r"
    Cloud: none is used
    error: no region is chosen, and the provider's block names one
    help: name one with --region
    ");
    assert!(desk.run("plan --emulated").stdout.starts_with("Cloud: a fake account, region us-east-1\n"));
    let help = desk.run("plan --help").stdout;
    assert!(help.contains("--emulated") && !help.contains("[default: us-east-1]"), "{help}");
}
