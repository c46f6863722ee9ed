//! First factors that an upstream server checks, and what of its answer goes on to the gateway.
//!
//! An answer is taken apart where it arrives, because its hidden values open only with the secret shared with that server. What
//! is to go on is kept as bytes of ours, through a dialog if there is one, and hidden anew for the gateway at the end.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::desk::Request;
use crate::domain::client::radius::RadiusPolicy;
use crate::domain::radius::dictionary::{Code, Dictionary};
use crate::domain::radius::template::{Encoded, Encrypt, VENDOR_SPECIFIC};
use crate::domain::secret::Password;
use crate::flows::sign_in::{CheckFault, Checked, Checker};
use crate::upstream::{Answered, Question, Upstreams};
use crate::wire::radius::attribute::microsoft;
use crate::wire::radius::{attribute, code};

/// Asks the client's upstream servers about one request.
pub struct Relay<'a> {
    pub upstreams: Arc<Upstreams>,
    pub dictionary: &'a Dictionary,
    pub request: &'a Request,
    pub policy: &'a RadiusPolicy,
}

impl Checker for Relay<'_> {
    fn check<'a>(
        &'a self,
        password: Option<&'a Password>,
        deadline: Instant,
    ) -> Pin<Box<dyn Future<Output = Result<Checked, CheckFault>> + Send + 'a>> {
        Box::pin(async move {
            // A State is of a dialog of ours.
            let question = Question::relayed(&self.request.packet, password.cloned()).without(attribute::STATE);
            let answered = self.upstreams.ask(&self.policy.upstreams, &question, deadline).await;
            let answered = answered.map_err(|fault| CheckFault(fault.to_string()))?;
            let kept = Bytes::from(write(&self.kept(&answered)));
            match answered.code() {
                code::ACCESS_ACCEPT => Ok(Checked::Accepted(kept)),
                code::ACCESS_REJECT => Ok(Checked::Refused(kept)),
                _ => Err(CheckFault(format!(
                    "upstream server {} asks for more, which is not passed on",
                    answered.server
                ))),
            }
        })
    }
}

impl Relay<'_> {
    /// What goes on: MS-CHAP's own attributes, whose reader is the person's machine, and what the client's policy names.
    fn kept(&self, answered: &Answered) -> Vec<Encoded> {
        let plain = [
            microsoft::CHAP_ERROR,
            microsoft::CHAP_DOMAIN,
            microsoft::CHAP2_SUCCESS,
            microsoft::MPPE_ENCRYPTION_POLICY,
            microsoft::MPPE_ENCRYPTION_TYPES,
            microsoft::MPPE_SEND_KEY,
            microsoft::MPPE_RECV_KEY,
        ];
        let vendor = microsoft::VENDOR;
        let mut codes: Vec<Code> = plain.into_iter().map(|kind| Code::Vendor { vendor, kind }).collect();
        for name in &self.policy.pass_through {
            let Ok(known) = self.dictionary.attribute(name) else {
                tracing::warn!(attribute = name, "no dictionary has this attribute, which --pass-through names");
                continue;
            };
            if !codes.contains(&known.code) {
                codes.push(known.code);
            }
        }
        codes.into_iter().flat_map(|code| kept_of(answered, code)).collect()
    }
}

fn kept_of(answered: &Answered, code: Code) -> Vec<Encoded> {
    let is_key = |vendor, kind| {
        vendor == microsoft::VENDOR && [microsoft::MPPE_SEND_KEY, microsoft::MPPE_RECV_KEY].contains(&kind)
    };
    match code {
        // Each packet has its own of these.
        Code::Standard(
            attribute::STATE
            | attribute::PROXY_STATE
            | attribute::MESSAGE_AUTHENTICATOR
            | attribute::EAP_MESSAGE
            | attribute::USER_PASSWORD
            | attribute::CHAP_PASSWORD,
        ) => vec![],
        Code::Standard(kind @ attribute::TUNNEL_PASSWORD) => {
            let opened = answered.packet.all(kind).filter_map(|value| {
                let (tag, hidden) = value.split_first()?;
                let value = [&[*tag], answered.reveal(hidden).ok()?.as_slice()].concat();
                Some(Encoded { kind, vendor: None, value, encrypt: Encrypt::TunnelPassword, replaces: false })
            });
            opened.collect()
        }
        Code::Standard(kind) => {
            let values = answered.packet.all(kind).map(<[u8]>::to_vec);
            values.map(|value| Encoded { kind, vendor: None, value, encrypt: Encrypt::None, replaces: false }).collect()
        }
        Code::Vendor { vendor, kind } => {
            let encrypt = if is_key(vendor, kind) { Encrypt::Mppe } else { Encrypt::None };
            let opened = answered.packet.vendor(vendor, kind).filter_map(|value| {
                Some(if encrypt == Encrypt::Mppe { answered.reveal(value).ok()?.to_vec() } else { value.to_vec() })
            });
            let vendor = Some((vendor, kind));
            opened.map(|value| Encoded { kind: VENDOR_SPECIFIC, vendor, value, encrypt, replaces: false }).collect()
        }
    }
}

/// Octets before each value: how it is hidden, its type, its vendor and type there, its length.
const HEAD: usize = 9;

fn write(kept: &[Encoded]) -> Vec<u8> {
    let mut bytes = vec![];
    for Encoded { kind, vendor, value, encrypt, .. } in kept {
        let (vendor, number) = vendor.unwrap_or_default();
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let encrypt = match encrypt {
            Encrypt::None => 0,
            Encrypt::TunnelPassword => 1,
            Encrypt::Mppe => 2,
        };
        bytes.extend([encrypt, *kind]);
        bytes.extend(vendor.to_be_bytes());
        bytes.push(number);
        bytes.extend(length.to_be_bytes());
        bytes.extend(value);
    }
    bytes
}

/// What [`Relay`] has kept of an answer; ends where the bytes are none of its own.
pub fn read(mut bytes: &[u8]) -> Vec<Encoded> {
    let mut kept = vec![];
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let [encrypt, kind, v0, v1, v2, v3, number, high, low] = *head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((value, behind)) = rest.split_at_checked(length) else { break };
        let encrypt = match encrypt {
            0 => Encrypt::None,
            1 => Encrypt::TunnelPassword,
            2 => Encrypt::Mppe,
            _ => break,
        };
        let vendor = (kind == VENDOR_SPECIFIC).then(|| (u32::from_be_bytes([v0, v1, v2, v3]), number));
        kept.push(Encoded { kind, vendor, value: value.to_vec(), encrypt, replaces: false });
        bytes = behind;
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_kept_of_an_answer_reads_back_the_same() {
        let kept = [
            Encoded { kind: 25, vendor: None, value: b"class".to_vec(), encrypt: Encrypt::None, replaces: false },
            Encoded { kind: 69, vendor: None, value: vec![1], encrypt: Encrypt::TunnelPassword, replaces: false },
            Encoded { kind: 26, vendor: Some((311, 16)), value: vec![], encrypt: Encrypt::Mppe, replaces: false },
        ];
        assert_eq!(read(&write(&kept)), kept);
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes: Vec<u8>) {
            let kept = read(&bytes);
            prop_assert!(kept.len() <= bytes.len() / HEAD + 1);
        }
    }
}
