//! Every rule that the account enforces, as a test whose name says the rule. The law is AWS's, as this project's guide to
//! its semantics has it.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

mod account;
mod consistency;
mod faults;
mod flow_log;
mod kms;
mod log_group;
mod network_acl;
mod parameter_group;
mod persistence;
mod replication_group;
mod replication_group_authentication;
mod replication_group_changes;
mod role;
mod route_table;
mod secret;
mod security_group;
mod shards;
mod subnet;
mod subnet_group;
mod tagging;
mod user;
mod user_group;
mod vpc;
