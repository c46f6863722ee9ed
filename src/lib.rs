//! Vestibule: a second factor in front of an LDAP directory.
//!
//! The module map is the ladder of ARCHITECTURE.md; imports go down only, neighbours never import each other
//! (`tests/layering.rs` holds this).
//!
//! ```text
//! 7  cli                                   starts
//! 6  app                                   wires
//! 5  ldap  radius  web  jobs               speak
//! 4  flows                                 do
//! 3  factors                               prove
//! 2  store  directory  upstream  mail  tls       reach out
//! 1  ambient  config  sockets  tasks  telemetry  wire  words   support
//! 0  domain                                decide
//! ```

pub mod domain;

pub mod ambient;
pub mod config;
pub mod sockets;
pub mod tasks;
pub mod telemetry;
pub mod wire;
pub mod words;

pub mod directory;
pub mod mail;
pub mod store;
pub mod tls;
pub mod upstream;

pub mod factors;

pub mod flows;

pub mod jobs;
pub mod ldap;
pub mod radius;
pub mod web;

pub mod app;

pub mod cli;
