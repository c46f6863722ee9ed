//! store
pub mod seal;
