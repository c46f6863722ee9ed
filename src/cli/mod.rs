//! cli
pub mod embedded_child;
