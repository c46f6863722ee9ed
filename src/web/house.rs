//! What all pages share.

use std::sync::Arc;

use crate::config::{PublicUrl, WebConfig};
use crate::flows::portal::Portal;
use crate::flows::self_help::SelfHelp;
use crate::store::Store;

/// One per process.
pub struct House {
    pub store: Store,
    pub portal: Portal,
    pub url: PublicUrl,
    pub settings: WebConfig,
    pub help: SelfHelp,
}

pub(super) type Shared = Arc<House>;
