//! The whole appliance over real sockets: real directories, real clients, the real program. The list of files is the
//! coverage matrix.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod active_directory;
mod approval;
mod audit_trail;
mod bad_input;
mod binds;
mod cli_clients;
mod codes;
mod directory_state;
mod drain;
mod identity;
mod joining;
mod limits;
mod lockout;
mod mutated_streams;
mod names_openldap;
mod outage;
mod pending_bind;
mod people_files;
mod portal_sign_in;
mod portal_switches;
mod proxy_protocol;
mod radius_access;
mod radius_accounting;
mod radius_dialogs;
mod radius_outage;
mod radius_packets;
mod radius_pam;
mod radius_passwords_ad;
mod radius_peers;
mod radius_radsec;
mod radius_resends;
mod radius_upstream;
mod recovery_questions;
mod relay;
mod replicas;
mod secrets;
mod self_help;
mod service_accounts;
mod sync_changes;
mod sync_faults;
mod sync_groups;
mod sync_groups_ad;
mod sync_openldap;
mod sync_runners;
mod transport;
mod web_enrolment;
mod web_passkeys;
mod web_requests;
mod web_sign_in;

#[path = "../support/mod.rs"]
mod support;

use std::net::IpAddr;

use support::slapd::{Slapd, SlapdOptions};

/// A small OpenLDAP directory.
fn openldap() -> Slapd {
    openldap_with(SlapdOptions::default())
}

fn openldap_with(options: SlapdOptions) -> Slapd {
    Slapd::start(&SlapdOptions { address: IpAddr::from([127, 0, 7, 1]), ..options })
}

/// An answer without a text, as slapd gives them.
fn answer(code: u32) -> support::ldap::Answer {
    (code, String::new())
}
