//! Enrolment: fresh seeds, recovery codes, and finding a token again that has drifted away.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::domain::crockford;
use crate::domain::offered::RECOVERY_LENGTH;
use crate::domain::otp::{self, CodeFault, Hash, MAX_SEARCH, Parameters, typed_code};
use crate::domain::secret::{Code, Seed};
use crate::domain::user::{Authenticator, Token};
use crate::factors::recovery;
use crate::store::audit::Actor;
use crate::store::enrolment_links;
use crate::store::users::Listed;
use crate::store::{Store, StoreFault};

/// How many recovery codes a person gets.
pub const RECOVERY_CODES: usize = 10;

/// A seed as long as the hash's output (RFC 6238 §5.1 with RFC 4226 §4 R6).
pub fn fresh_seed(hash: Hash, ambient: &Ambient) -> Seed {
    match hash {
        Hash::Sha1 => Seed::new(ambient.bytes::<20>()),
        Hash::Sha256 => Seed::new(ambient.bytes::<32>()),
        Hash::Sha512 => Seed::new(ambient.bytes::<64>()),
    }
}

/// Where an enrolment link leads: the path of its page.
pub fn link_path(token: &Code) -> Zeroizing<String> {
    enrolment_links::path(token)
}

/// The token at the end of such a path; `None` for what can be none.
pub fn link_token(text: &str) -> Option<Code> {
    let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
    (bytes.len() == enrolment_links::TOKEN).then(|| Code::new(bytes.as_slice()))
}

/// One recovery code, before it is hashed away.
pub struct RecoveryCode {
    /// For the person: `XXXX-XXXX-XXXX-XXXX`. Shown once.
    pub shown: Zeroizing<String>,
    /// Finds the row.
    pub handle: String,
    /// Proves the code.
    pub secret: Code,
}

/// Ten codes whose handles differ.
pub fn new_recovery_codes(ambient: &Ambient) -> Vec<RecoveryCode> {
    let mut handles = BTreeSet::new();
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    while codes.len() < RECOVERY_CODES {
        let bytes = Zeroizing::new(ambient.bytes::<RECOVERY_LENGTH>());
        let letters = crockford::letters(&*bytes);
        let Some((handle, secret)) = letters.split_at_checked(recovery::HANDLE_LENGTH) else { continue };
        if !handles.insert(handle.to_owned()) {
            continue;
        }
        let shown = crockford::grouped(&letters);
        codes.push(RecoveryCode { shown, handle: handle.to_owned(), secret: Code::new(secret.as_bytes()) });
    }
    codes
}

/// One set of codes is hashed at a time: each hash takes 19 MiB, and whoever is signed in can ask for many sets.
static MAKING: Semaphore = Semaphore::const_new(1);

/// Gives a user new recovery codes; the old ones are void at once.
pub async fn replace_recovery_codes(store: &Store, user: &Listed, by: &Actor) -> Result<Vec<RecoveryCode>, StoreFault> {
    let ambient = store.ambient().clone();
    let _turn = MAKING.acquire().await.map_err(|_| StoreFault::Stopped)?;
    let hashed = tokio::task::spawn_blocking(move || {
        let codes = new_recovery_codes(&ambient);
        let rows = codes.iter().map(|code| (code.handle.clone(), recovery::hash(&code.secret, ambient.bytes())));
        let rows: Vec<(String, String)> = rows.collect();
        (codes, rows)
    });
    let (codes, rows) = hashed.await.map_err(|_| StoreFault::Stopped)?;
    store.replace_recovery_codes(user, &rows, by).await?;
    Ok(codes)
}

/// The token, put where two consecutive codes show it to be; `None` if they are not among the codes near it.
pub fn found_again(
    authenticator: Authenticator,
    (first, second): (&str, &str),
    now: Timestamp,
) -> Result<Option<Authenticator>, CodeFault> {
    let typed = |parameters: &Parameters| -> Result<(Code, Code), CodeFault> {
        Ok((typed_code(first, parameters.digits)?, typed_code(second, parameters.digits)?))
    };
    let Authenticator { id, label, token } = authenticator;
    let token = match token {
        Token::App | Token::Passkey(_) => None,
        Token::Totp { seed, parameters, memory } => {
            let (first, second) = typed(&parameters)?;
            let token = otp::Token { seed: &seed, parameters };
            let memory = token.resync_totp((&first, &second), now.as_second(), MAX_SEARCH, memory.last_accepted);
            memory.map(|memory| Token::Totp { seed, parameters, memory })
        }
        Token::Hotp { seed, parameters, next_counter } => {
            let (first, second) = typed(&parameters)?;
            let token = otp::Token { seed: &seed, parameters };
            let next_counter = token.resync_hotp(&first, &second, next_counter, MAX_SEARCH);
            next_counter.map(|next_counter| Token::Hotp { seed, parameters, next_counter })
        }
    };
    Ok(token.map(|token| Authenticator { id, label, token }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::CodeForm;
    use crate::domain::offered::{Extra, Offered};
    use crate::domain::secret::Password;

    #[test]
    fn ten_codes_with_different_handles_in_a_form_the_password_field_takes() {
        let codes = new_recovery_codes(&Ambient::system());
        let handles: BTreeSet<&str> = codes.iter().map(|code| code.handle.as_str()).collect();
        assert_eq!((codes.len(), handles.len()), (10, 10));
        for code in &codes {
            let field = Password::new(format!("geheim,{}", code.shown.to_lowercase()).into_bytes());
            let readings = Offered::readings(&field, CodeForm::DEFAULT);
            let Extra::Recovery(read) = &readings[0].extra else { panic!("not read as a recovery code") };
            let whole = [code.handle.as_bytes(), code.secret.expose()].concat();
            assert!(read.same_as(&whole));
        }
    }
}
