//! Passkeys: the ceremonies of WebAuthn Level 3, on a library that does the cryptography. What it leaves to us is checked
//! here: the exact origin and that no other site was around it (the library checks that for registrations alone), whose
//! credential it is, how long an id may be, and that the parts of an answer agree. Counters are judged under the user's lock
//! (`domain/judgement`); that a ceremony is finished once is the store's.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, Credential as Kept, DiscoverableAuthentication, Passkey, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, RequestChallengeResponse, Url, Webauthn,
    WebauthnBuilder, WebauthnError,
};

use crate::config::PublicUrl;
use crate::domain::ids::{AuthenticatorId, UserId};
use crate::domain::passkey::{Credential, CredentialId, Standing, Used};
use crate::domain::user::{Account, Authenticator, Token};

/// Bytes of the longest answer that is looked at. An attestation with its certificates takes a few thousand.
pub const LONGEST_ANSWER: usize = 32 * 1024;

/// The relying party: our pages under their public address.
pub struct Passkeys {
    webauthn: Webauthn,
    origin: String,
}

/// There can be no passkeys here.
#[derive(Debug, thiserror::Error)]
#[error("browsers have no passkeys for {host}: they need a host name in web.public_url (WebAuthn L3 §5.1.2)")]
pub struct NoHostName {
    host: String,
}

/// Whom a passkey is made for, and what they have already.
pub struct Person<'a> {
    pub user: UserId,
    /// As people and their browsers are to tell their accounts apart.
    pub name: &'a str,
    /// Empty where there is no other than the name.
    pub display: &'a str,
    pub has: &'a [Authenticator],
}

/// A ceremony that begins: what the browser is given, as JSON, and what is kept of it here.
pub struct Started {
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON` (§5.1.8, §5.1.9).
    pub options: String,
    /// Opens with the `finish` of the same kind, once, and never leaves the server.
    pub ceremony: Vec<u8>,
}

/// What is kept of a ceremony.
#[derive(Serialize, Deserialize)]
enum Ceremony {
    Registration { user: Uuid, state: PasskeyRegistration },
    Authentication { user: Uuid, state: PasskeyAuthentication },
    Discoverable { state: DiscoverableAuthentication },
}

/// Nothing can be asked: the library would not, or what is kept cannot be read. Nobody's failure.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("the ceremony cannot begin: {0}")]
    Start(WebauthnError),
    #[error("passkey {0} cannot be read")]
    Unreadable(AuthenticatorId),
    #[error("the ceremony cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

/// An answer that proves nothing, and why: for the log, never for the page. What it quotes was written by strangers.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("it is no answer of WebAuthn: {0}")]
    Malformed(String),
    #[error("it answers no open ceremony of this kind and person")]
    Ceremony,
    #[error("it was made on {0:?}, which is not our origin")]
    Origin(String),
    #[error("it was made within another site's page")]
    CrossOrigin,
    #[error("the credential is not one of this person's")]
    NotTheirs,
    #[error("its id is longer than WebAuthn allows")]
    LongId,
    #[error("{0}")]
    NotVerified(WebauthnError),
    /// The signature is right, the counter is not: there may be two of it (§6.1.1).
    #[error("its counter went back: there may be a copy of it")]
    Copied,
}

impl From<WebauthnError> for Refused {
    fn from(error: WebauthnError) -> Self {
        if matches!(error, WebauthnError::CredentialPossibleCompromise) {
            Self::Copied
        } else {
            Self::NotVerified(error)
        }
    }
}

/// Of `clientDataJSON` (§5.8.1), what the library does not look at, or not closely enough.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<String>,
}

impl Passkeys {
    /// The relying party's id is the host name, its one origin the URL (§5.1.2, §13.4.9).
    pub fn new(url: &PublicUrl) -> Result<Self, NoHostName> {
        let no_host = || NoHostName { host: url.host().to_owned() };
        let origin = Url::parse(url.origin()).map_err(|_| no_host())?;
        let builder = WebauthnBuilder::new(url.host(), &origin).map_err(|_| no_host())?;
        let webauthn = builder.rp_name(url.host()).build().map_err(|_| no_host())?;
        // Browsers leave the usual port out; so does the URL once it was read.
        Ok(Self { webauthn, origin: origin.origin().ascii_serialization() })
    }

    /// A new passkey for this person. It is asked to be found without a name, so that it can sign in alone where that is
    /// allowed; attestation is neither asked for nor trusted.
    pub fn start_registration(&self, person: &Person<'_>) -> Result<Started, Broken> {
        let (user, name) = (person.user.0, person.name);
        let has = credentials(person.has).map(|(_, credential)| credential.id.as_bytes().to_vec()).collect();
        let display = if person.display.is_empty() { name } else { person.display };
        let (asked, state) =
            self.webauthn.start_passkey_registration(user, name, display, Some(has)).map_err(Broken::Start)?;
        let mut options = serde_json::to_value(&asked.public_key)?;
        // The library discourages it, for the sake of keys with room for few.
        if let Some(resident_key) = options.pointer_mut("/authenticatorSelection/residentKey") {
            *resident_key = "preferred".into();
        }
        Ok(Started { options: options.to_string(), ceremony: write(&Ceremony::Registration { user, state })? })
    }

    /// What the browser made, as it will be kept. Whether somebody has it already is the store's to say.
    pub fn finish_registration(&self, ceremony: &[u8], user: UserId, answer: &str) -> Result<Credential, Refused> {
        let Some(Ceremony::Registration { user: asked, state }) = read(ceremony) else { return Err(Refused::Ceremony) };
        if asked != user.0 {
            return Err(Refused::Ceremony);
        }
        let answer: RegisterPublicKeyCredential = parse(answer)?;
        self.check(&answer.id, &answer.raw_id, &answer.type_, &answer.response.client_data_json)?;
        let passkey = self.webauthn.finish_passkey_registration(&answer, &state)?;
        // §7.1 step 25. The id that counts is the one that was signed for.
        let id = CredentialId::new(passkey.cred_id().as_slice().to_vec()).ok_or(Refused::LongId)?;
        if id.as_bytes() != answer.raw_id.as_slice() {
            return Err(Refused::Malformed("its ids differ".to_owned()));
        }
        let key = serde_json::to_string(&passkey).map_err(|error| Refused::Malformed(error.to_string()))?;
        let kept = Kept::from(passkey);
        let standing =
            Standing { sign_count: kept.counter, backup_eligible: kept.backup_eligible, backed_up: kept.backup_state };
        Ok(Credential { id, key, standing, model: model(&answer.response.attestation_object) })
    }

    /// A question to a person who is known: one of their passkeys.
    pub fn start_authentication(&self, account: &Account) -> Result<Started, Broken> {
        let passkeys = credentials(&account.authenticators).map(|(id, credential)| open(id, credential));
        let passkeys = passkeys.collect::<Result<Vec<_>, _>>()?;
        let (asked, state) = self.webauthn.start_passkey_authentication(&passkeys).map_err(Broken::Start)?;
        let ceremony = Ceremony::Authentication { user: account.user.id.0, state };
        Ok(Started { options: options(&asked)?, ceremony: write(&ceremony)? })
    }

    /// A question to whoever is there, before any name was given: the browser offers the passkeys it has for us.
    pub fn start_discoverable(&self) -> Result<Started, Broken> {
        let (asked, state) = self.webauthn.start_discoverable_authentication().map_err(Broken::Start)?;
        Ok(Started { options: options(&asked)?, ceremony: write(&Ceremony::Discoverable { state })? })
    }

    /// Whom an answer to [`Self::start_discoverable`] says it is of (§7.2 step 6). Nothing is proven by that.
    pub fn claimed(&self, answer: &str) -> Result<(UserId, CredentialId), Refused> {
        let answer: PublicKeyCredential = parse(answer)?;
        let (user, id) = self.webauthn.identify_discoverable_authentication(&answer)?;
        Ok((UserId(user), CredentialId::new(id).ok_or(Refused::LongId)?))
    }

    /// Verifies an assertion with a passkey that the account has now. User verification was demanded, so that it is two
    /// factors in one (SP 800-63B §3.1.7); its counter is still to be judged.
    pub fn finish_authentication(&self, ceremony: &[u8], account: &Account, answer: &str) -> Result<Used, Refused> {
        let ceremony = read(ceremony).ok_or(Refused::Ceremony)?;
        let answer: PublicKeyCredential = parse(answer)?;
        self.check(&answer.id, &answer.raw_id, &answer.type_, &answer.response.client_data_json)?;
        let user = account.user.id.0;
        let handle = answer.get_user_unique_id();
        if handle.is_some_and(|handle| handle != user.as_bytes()) {
            return Err(Refused::NotTheirs);
        }
        let theirs = credentials(&account.authenticators)
            .find(|(_, credential)| credential.id.as_bytes() == answer.raw_id.as_slice());
        let (authenticator, credential) = theirs.ok_or(Refused::NotTheirs)?;
        let result = match ceremony {
            Ceremony::Authentication { user: asked, state } if asked == user => {
                self.webauthn.finish_passkey_authentication(&answer, &state)?
            }
            Ceremony::Discoverable { state } if handle.is_some() => {
                let passkey = open(authenticator, credential).map_err(|_| Refused::NotTheirs)?;
                self.webauthn.finish_discoverable_authentication_v2(&answer, state, &passkey)?
            }
            Ceremony::Registration { .. } | Ceremony::Authentication { .. } | Ceremony::Discoverable { .. } => {
                return Err(Refused::Ceremony);
            }
        };
        if !result.user_verified() {
            return Err(Refused::NotVerified(WebauthnError::UserNotVerified));
        }
        Ok(Used { authenticator, standing: standing(&result) })
    }

    /// What must be so of every answer, whatever the library thinks of it.
    fn check(&self, id: &str, raw_id: &[u8], kind: &str, client_data: &[u8]) -> Result<(), Refused> {
        if kind != "public-key" {
            return Err(Refused::Malformed(format!("its type is {kind:?}")));
        }
        if raw_id.len() > CredentialId::LONGEST {
            return Err(Refused::LongId);
        }
        if id != data_encoding::BASE64URL_NOPAD.encode(raw_id) {
            return Err(Refused::Malformed("its ids differ".to_owned()));
        }
        let data: ClientData =
            serde_json::from_slice(client_data).map_err(|error| Refused::Malformed(error.to_string()))?;
        if data.origin != self.origin {
            return Err(Refused::Origin(data.origin));
        }
        if data.cross_origin == Some(true) || data.top_origin.is_some() {
            return Err(Refused::CrossOrigin);
        }
        Ok(())
    }
}

fn credentials(has: &[Authenticator]) -> impl Iterator<Item = (AuthenticatorId, &Credential)> {
    has.iter().filter_map(|authenticator| match &authenticator.token {
        Token::Passkey(credential) => Some((authenticator.id, &**credential)),
        Token::App | Token::Totp { .. } | Token::Hotp { .. } => None,
    })
}

/// The library's form of a credential, as it stands by its last use.
fn open(id: AuthenticatorId, credential: &Credential) -> Result<Passkey, Broken> {
    let passkey: Passkey = serde_json::from_str(&credential.key).map_err(|_| Broken::Unreadable(id))?;
    let mut kept = Kept::from(passkey);
    kept.counter = credential.standing.sign_count;
    kept.backup_eligible = credential.standing.backup_eligible;
    kept.backup_state = credential.standing.backed_up;
    Ok(Passkey::from(kept))
}

fn standing(result: &AuthenticationResult) -> Standing {
    Standing {
        sign_count: result.counter(),
        backup_eligible: result.backup_eligible(),
        backed_up: result.backup_state(),
    }
}

fn options(asked: &RequestChallengeResponse) -> Result<String, Broken> {
    Ok(serde_json::to_string(&asked.public_key)?)
}

fn write(ceremony: &Ceremony) -> Result<Vec<u8>, Broken> {
    Ok(serde_json::to_vec(ceremony)?)
}

fn read(ceremony: &[u8]) -> Option<Ceremony> {
    serde_json::from_slice(ceremony).ok()
}

fn parse<'a, T: Deserialize<'a>>(answer: &'a str) -> Result<T, Refused> {
    if answer.len() > LONGEST_ANSWER {
        return Err(Refused::Malformed("it is too long".to_owned()));
    }
    serde_json::from_str(answer).map_err(|error| Refused::Malformed(error.to_string()))
}

/// Of an attestation object (§6.5.4).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestation<'a> {
    #[serde(borrow)]
    auth_data: &'a [u8],
}

/// Where the AAGUID is in authenticator data with attested credential data (§6.1, §6.5.1).
const AAGUID: std::ops::Range<usize> = 37..53;

/// What made it, by its own word; zeroes say that it does not say. The library has verified the rest of the object.
fn model(attestation: &[u8]) -> Option<Uuid> {
    let attestation: Attestation<'_> = serde_cbor_2::from_slice(attestation).ok()?;
    let model = Uuid::from_slice(attestation.auth_data.get(AAGUID)?).ok()?;
    (!model.is_nil()).then_some(model)
}
