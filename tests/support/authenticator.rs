//! An authenticator and the browser around it, in software: WebAuthn Level 3 §6 and §5.8, as far as tests need them. Every
//! part of what they make can be bent before it is signed.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SigningKey as _};
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Flags of authenticator data (§6.1).
pub const UP: u8 = 0x01;
pub const UV: u8 = 0x04;
pub const BE: u8 = 0x08;
pub const BS: u8 = 0x10;
const AT: u8 = 0x40;

/// One credential and what holds it.
pub struct Authenticator {
    key: KeyPair,
    pub id: Vec<u8>,
    pub user: Vec<u8>,
    pub count: u32,
    pub origin: String,
}

/// What is about to be signed and sent; change it to lie.
pub struct Made {
    pub kind: &'static str,
    pub challenge: Value,
    pub origin: String,
    pub cross_origin: Option<bool>,
    pub top_origin: Option<String>,
    pub rp_id: String,
    pub flags: u8,
    pub count: u32,
    pub id: Vec<u8>,
    pub raw_id: Vec<u8>,
    /// The id as text, where it is not that of `raw_id`.
    pub id_text: Option<String>,
    pub credential_type: &'static str,
    pub user: Option<Vec<u8>>,
    pub algorithm: i128,
    pub model: [u8; 16],
    pub format: &'static str,
    /// Another key than the credential's signs.
    pub foreign_key: bool,
}

impl Authenticator {
    /// With a counter that starts at 0 and, unless a test says otherwise, rises.
    pub fn at(origin: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let id = Sha256::digest(key.der_bytes()).to_vec();
        Self { key, id, user: vec![], count: 0, origin: origin.to_owned() }
    }

    fn made(&self, kind: &'static str, options: &Value, rp_id: &Value) -> Made {
        Made {
            kind,
            challenge: options["challenge"].clone(),
            origin: self.origin.clone(),
            cross_origin: Some(false),
            top_origin: None,
            rp_id: rp_id.as_str().unwrap().to_owned(),
            flags: UP | UV,
            count: self.count,
            id: self.id.clone(),
            raw_id: self.id.clone(),
            id_text: None,
            credential_type: "public-key",
            user: Some(self.user.clone()),
            algorithm: -7,
            model: [0; 16],
            format: "none",
            foreign_key: false,
        }
    }

    /// `navigator.credentials.create()`: the response as `toJSON()` gives it.
    pub fn create(&mut self, options: &str, bend: impl FnOnce(&mut Made)) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.user = BASE64URL_NOPAD.decode(options["user"]["id"].as_str().unwrap().as_bytes()).unwrap();
        let mut made = self.made("webauthn.create", &options, &options["rp"]["id"]);
        bend(&mut made);
        let mut data = made.authenticator_data(AT);
        data.extend(made.model);
        data.extend(u16::try_from(made.id.len()).unwrap().to_be_bytes());
        data.extend(&made.id);
        data.extend(serde_cbor_2::to_vec(&self.cose_key(made.algorithm)).unwrap());
        let text = |text: &str| Cbor::Text(text.to_owned());
        let object = BTreeMap::from([
            (text("fmt"), text(made.format)),
            (text("attStmt"), Cbor::Map(BTreeMap::new())),
            (text("authData"), Cbor::Bytes(data)),
        ]);
        let response = json!({
            "clientDataJSON": encoded(&made.client_data()),
            "attestationObject": encoded(&serde_cbor_2::to_vec(&Cbor::Map(object)).unwrap()),
            "transports": ["internal", "hybrid"],
        });
        made.credential(response)
    }

    /// `navigator.credentials.get()`.
    pub fn get(&mut self, options: &str, bend: impl FnOnce(&mut Made)) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let mut made = self.made("webauthn.get", &options, &options["rpId"]);
        bend(&mut made);
        let (client_data, data) = (made.client_data(), made.authenticator_data(0));
        let signed = [data.as_slice(), &Sha256::digest(&client_data)].concat();
        let foreign = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let key = if made.foreign_key { &foreign } else { &self.key };
        let mut response = json!({
            "clientDataJSON": encoded(&client_data),
            "authenticatorData": encoded(&data),
            "signature": encoded(&key.sign(&signed).unwrap()),
        });
        if let Some(user) = &made.user {
            response["userHandle"] = encoded(user).into();
        }
        made.credential(response)
    }

    /// RFC 9053 §7.1.1.
    fn cose_key(&self, algorithm: i128) -> Cbor {
        let point = self.key.der_bytes();
        let (x, y) = point[1..].split_at(32);
        let number = Cbor::Integer;
        Cbor::Map(BTreeMap::from([
            (number(1), number(2)),
            (number(3), number(algorithm)),
            (number(-1), number(1)),
            (number(-2), Cbor::Bytes(x.to_vec())),
            (number(-3), Cbor::Bytes(y.to_vec())),
        ]))
    }
}

impl Made {
    fn client_data(&self) -> Vec<u8> {
        let mut data = json!({ "type": self.kind, "challenge": self.challenge, "origin": self.origin });
        if let Some(cross_origin) = self.cross_origin {
            data["crossOrigin"] = cross_origin.into();
        }
        if let Some(top_origin) = &self.top_origin {
            data["topOrigin"] = top_origin.clone().into();
        }
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, more: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(self.flags | more);
        data.extend(self.count.to_be_bytes());
        data
    }

    #[allow(clippy::needless_pass_by_value, reason = "it is made where this is called")]
    fn credential(&self, response: Value) -> String {
        let raw_id = encoded(&self.raw_id);
        json!({
            "id": self.id_text.clone().unwrap_or_else(|| raw_id.clone()),
            "rawId": raw_id,
            "type": self.credential_type,
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        })
        .to_string()
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}
