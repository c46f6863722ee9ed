//! store
pub mod backup;
pub mod embedded;
pub mod seal;
