//! Activation codes, as a phone brings them: short ones are few enough to be guessed, so tries are counted by address and
//! over all addresses. What a code is worth is the store's to say.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::domain::activation::{ActivationCode, Purpose};
use crate::domain::audit::Event;
use crate::domain::label::Label;
use crate::store::activations::Redeemed;
use crate::store::attempts::{Scope, Try};
use crate::store::audit::Actor;
use crate::store::{Store, StoreFault};

/// What came of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    Redeemed(Redeemed),
    /// No short code is looked at before then; the QR code still serves.
    Wait {
        until: Timestamp,
    },
}

/// Redeems what a phone scanned or a person typed into it.
pub async fn redeem(
    store: &Store,
    text: &str,
    purpose: Purpose,
    label: &Label,
    source: IpAddr,
    by: &Actor,
) -> Result<Redemption, StoreFault> {
    let Some(code) = ActivationCode::read(text) else { return Ok(Redemption::Redeemed(Redeemed::Unknown)) };
    if matches!(code, ActivationCode::Long(_)) {
        return store.redeem_activation(&code, purpose, label, by).await.map(Redemption::Redeemed);
    }
    let mut closings = vec![];
    for scope in [Scope::ShortFrom(source), Scope::Short] {
        match store.take_try(scope).await? {
            Try::Closed { until } => return Ok(Redemption::Wait { until }),
            Try::Taken { closes } => closings.extend(closes.map(|until| (scope, until))),
        }
    }
    let redeemed = store.redeem_activation(&code, purpose, label, by).await?;
    if redeemed == Redeemed::Unknown {
        for (scope, until) in closings {
            let event = Event::CodesThrottled { user: None, what: scope.purpose(), until, by: by.to_string() };
            store.note(vec![event]).await?;
        }
    } else {
        store.give_back_try(Scope::Short).await?;
        store.give_back_try(Scope::ShortFrom(source)).await?;
    }
    Ok(Redemption::Redeemed(redeemed))
}
