//! store
pub mod embedded;
pub mod seal;
