//! `[master_key]`: the key that every stored secret is sealed under. Parsing it into a key ring is the store's work;
//! here it is only seen to be well formed, so that `config check` finds a mangled key before a start does.

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::check::Check;
use super::secret_text::{self, SecretText};

/// The master key.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MasterKeyConfig {
    /// 32 bytes in base64 or hex; after a rotation several lines `id:key`, newest first.
    /// Absent: the file `master.key` in `state_dir`, made on first start.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret_text::masked")]
    pub key: Option<SecretText>,
}

impl MasterKeyConfig {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        if let Some(key) = &self.key
            && (key.expose().is_empty() || !key.expose().lines().all(is_key_line))
        {
            check.unfit(
                "master_key.key",
                "must be 32 bytes in base64 (44 characters) or hex (64 characters), or lines of `id:key`",
            );
        }
    }
}

/// `[id:]key`, where the id is a number and the key decodes to 32 bytes.
fn is_key_line(line: &str) -> bool {
    let key = match line.split_once(':') {
        Some((id, key)) if id.parse::<u32>().is_ok() => key,
        Some(_) => return false,
        None => line,
    };
    let decoded = match key.len() {
        64 => HEXLOWER_PERMISSIVE.decode(key.as_bytes()),
        43 => BASE64_NOPAD.decode(key.as_bytes()),
        _ => BASE64.decode(key.as_bytes()),
    };
    decoded.map(Zeroizing::new).is_ok_and(|bytes| bytes.len() == 32)
}
