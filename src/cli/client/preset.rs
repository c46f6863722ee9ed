//! `client add --gateway`: what fits a product, wherever the administrator has not said otherwise, and what is to be set on
//! it.

use super::super::failure::Failure;
use super::super::show;
use crate::domain::client::Client;
use crate::domain::gateway::{self, Door, Product, Side};

/// A product and the door it will come in by.
pub struct Preset {
    product: &'static Product,
    door: Door,
    pub side: &'static Side,
}

pub fn product(text: &str) -> Result<&'static Product, String> {
    gateway::find(text).ok_or_else(|| "`vestibule gateway list` shows the products that are known".to_owned())
}

impl Preset {
    pub fn new(product: &'static Product, speaks_radius: bool) -> Result<Self, Failure> {
        let door = if speaks_radius { Door::Radius } else { Door::Ldap };
        match product.side(door) {
            Some(side) => Ok(Self { product, door, side }),
            None => Err(Failure::Input(format!(
                "{} does not come in by {}; vestibule gateway show {} says how it does. RADIUS needs --radius-secret-file or \
                 --radius-secret-generate",
                product.title,
                door.title(),
                product.name
            ))),
        }
    }

    /// Whether it is asked by Access-Challenge unless that is said.
    pub fn dialogs(&self) -> bool {
        self.door == Door::Radius && self.product.radius.as_ref().is_some_and(gateway::Radius::dialogs)
    }

    /// Says what to set on the gateway.
    pub fn advise(&self, client: &Client) {
        for advice in gateway::advice(self.product, self.door, client.answer_by, client.grace, &client.factors) {
            show::note(advice);
        }
        show::note(format_args!(
            "vestibule gateway show {} says what to set on it, docs/gateways/{}.md more.",
            self.product.name, self.side.page
        ));
    }
}
