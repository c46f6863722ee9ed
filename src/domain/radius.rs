//! What a RADIUS answer says beside yes: the names attributes go by, and the rules that fill them.

pub mod dictionary;
pub mod template;
pub mod upstream;
