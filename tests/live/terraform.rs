//! The real Terraform, as the user of an export starts it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;

use crate::{account::Account, program::text};

/// A folder with an export, and where Terraform finds AWS.
pub(crate) struct Terraform {
    pub(crate) folder: PathBuf,
    account: Account,
    endpoint: SocketAddr,
}

impl Terraform {
    /// Terraform in `folder`, initialised.
    pub(crate) fn new(folder: &Path, account: &Account, endpoint: SocketAddr) -> Self {
        let terraform = Self { folder: folder.to_owned(), account: account.clone(), endpoint };
        terraform.succeed(&["init", "-input=false"]);
        terraform
    }

    /// Runs a command to its end, which must be that of a success.
    #[track_caller]
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "terraform {arguments:?}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let config = std::env::var_os("PALISADE_TERRAFORM_CONFIG")
            .expect("this test needs Terraform, and a configuration with its provider: run `cargo xtask handover`");
        Command::new("terraform")
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TF_CLI_CONFIG_FILE", config)
            .env("TF_CLI_ARGS", "-no-color")
            .env("CHECKPOINT_DISABLE", "1")
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.endpoint))
            .env("AWS_ACCESS_KEY_ID", &self.account.access_key)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What Terraform's plan in the file `plan` would do, as JSON.
    pub(crate) fn plan_json(&self, plan: &str) -> Json {
        serde_json::from_str(&self.succeed(&["show", "-json", plan])).unwrap()
    }
}
