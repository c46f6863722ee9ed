//! What the product does, one verb a file. Flows ask the domain what comes next and have the parts below do it; they
//! know no wire.

pub mod activations;
pub mod authenticators;
pub mod enrol;
pub mod groups;
pub mod import;
pub mod mail;
pub mod passkeys;
pub mod people_file;
pub mod places;
pub mod policy;
pub mod portal;
pub mod resolve;
pub mod rotate;
pub mod self_help;
pub mod sign_in;
pub mod sync;
mod sync_changes;
mod sync_members;
pub mod sync_one;
pub mod throttle;
pub mod token_stock;
