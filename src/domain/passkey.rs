//! Passkeys (WebAuthn Level 3) as sign-ins judge them, and the names of what makes them. Ceremonies are
//! `factors/passkey`'s.

use uuid::Uuid;

use super::ids::AuthenticatorId;

/// What a credential is known by to its authenticator (§5.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// §6.5.1: "Value MUST be ≤ 1023".
    pub const LONGEST: usize = 1023;

    /// `None` if it has no bytes or too many.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        (1..=Self::LONGEST).contains(&bytes.len()).then_some(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What the last assertion said of the credential (§6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Rises with each assertion; 0 for ever from those that do not count.
    pub sign_count: u32,
    /// May be on several devices.
    pub backup_eligible: bool,
    pub backed_up: bool,
}

impl Standing {
    /// §7.2 step 22: a count that does not rise is the sign of a copy.
    pub const fn may_become(self, next: Self) -> bool {
        (self.sign_count == 0 && next.sign_count == 0) || next.sign_count > self.sign_count
    }
}

/// A credential as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub id: CredentialId,
    /// Public key and what else a ceremony needs, as `factors/passkey` writes and reads it.
    pub key: String,
    pub standing: Standing,
    /// AAGUID (§6.5.1.1), by the authenticator's own word.
    pub model: Option<Uuid>,
}

impl Credential {
    /// What made it, for people; `None` if it does not say, or is not known.
    pub fn model_name(&self) -> Option<&'static str> {
        self.model.and_then(model_name)
    }
}

/// A passkey whose assertion was verified, and where it stands by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    pub authenticator: AuthenticatorId,
    pub standing: Standing,
}

const MODELS: &str = include_str!("passkey/models.txt");

/// The name of a model.
pub fn model_name(model: Uuid) -> Option<&'static str> {
    MODELS.lines().filter_map(line).find_map(|(known, name)| (known == model).then_some(name))
}

fn line(line: &'static str) -> Option<(Uuid, &'static str)> {
    let (id, name) = line.split_once(' ')?;
    Some((Uuid::parse_str(id).ok()?, name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_of_the_models_is_an_id_of_its_own_and_a_name() {
        let lines: Vec<_> = MODELS.lines().filter(|line| !line.starts_with('#')).map(line).collect();
        let ids: HashSet<Uuid> = lines.iter().map(|line| line.unwrap().0).collect();
        assert_eq!(ids.len(), lines.len());
        assert!(lines.iter().all(|line| !line.unwrap().1.trim().is_empty()));
    }

    #[test]
    fn a_known_model_has_a_name_and_an_unknown_one_has_none() {
        assert_eq!(model_name(Uuid::from_u128(0xd548826e_79b4_db40_a3d8_11116f7e8349)), Some("Bitwarden"));
        assert_eq!(model_name(Uuid::from_u128(1)), None);
    }

    proptest! {
        #[test]
        fn r31_a_count_rises_or_is_never_kept(before: u32, after: u32) {
            let at = |sign_count| Standing { sign_count, backup_eligible: false, backed_up: false };
            let (before, after) = (at(before), at(after));
            prop_assert_eq!(
                before.may_become(after),
                after.sign_count > before.sign_count || (before.sign_count, after.sign_count) == (0, 0)
            );
            prop_assert!(!(before.may_become(after) && after.may_become(before)) || before.sign_count == 0);
        }
    }
}
