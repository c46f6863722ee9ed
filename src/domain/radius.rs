//! What a RADIUS answer says beside yes: the names attributes go by.

pub mod dictionary;
