//! dn
