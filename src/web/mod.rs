//! HTTP. So far the management listener alone; pages and the API come behind the same accept loop.

pub mod management;
