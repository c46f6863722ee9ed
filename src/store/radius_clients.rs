//! The RADIUS side of clients: one row beside the client's own.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::seal::Place;
use super::{Store, StoreFault};
use crate::domain::client::radius::{FirstFactor, RadiusPolicy};
use crate::domain::ids::ClientId;
use crate::domain::secret::SharedSecret;

pub(super) fn place(client: &Uuid) -> Place<'_> {
    Place::new("radius_clients", "secret_sealed", client.as_bytes())
}

impl Store {
    pub(super) async fn radius_policies(&self) -> Result<HashMap<Uuid, RadiusPolicy>, StoreFault> {
        let rows = sqlx::query!(
            r#"select client_id, secret_sealed, nas_identifier, radsec_name, require_message_authenticator, first_factor,
                      upstreams, eap, dialogs, enrol, pin, password_change, pass_through,
                      monitors
               from radius_clients"#
        )
        .fetch_all(&self.pool)
        .await?;
        let mut replies = self.reply_rules().await?;
        let mut policies = HashMap::with_capacity(rows.len());
        for row in rows {
            let first_factor = FirstFactor::parse(&row.first_factor).ok_or_else(|| StoreFault::Unreadable {
                table: "radius_clients",
                row: row.client_id.to_string(),
                what: format!("first factor {:?}", row.first_factor),
            })?;
            let secret = self.keyring.open(&place(&row.client_id), &row.secret_sealed)?;
            let policy = RadiusPolicy {
                secret: SharedSecret::new(secret.as_slice()),
                nas_identifier: row.nas_identifier,
                radsec_name: row.radsec_name,
                require_message_authenticator: row.require_message_authenticator,
                first_factor,
                upstreams: row.upstreams,
                eap: row.eap,
                dialogs: row.dialogs,
                enrol: row.enrol,
                pin: row.pin,
                password_change: row.password_change,
                pass_through: row.pass_through,
                monitors: row.monitors,
                replies: replies.remove(&row.client_id).unwrap_or_default(),
            };
            policies.insert(row.client_id, policy);
        }
        Ok(policies)
    }

    pub(super) async fn add_radius_policy(
        &self,
        tx: &mut PgConnection,
        client: ClientId,
        policy: &RadiusPolicy,
    ) -> Result<(), StoreFault> {
        let sealed = self.keyring.seal(&place(&client.0), policy.secret.expose(), self.ambient.bytes());
        sqlx::query!(
            "insert into radius_clients (client_id, secret_sealed, nas_identifier, radsec_name,
                                         require_message_authenticator, first_factor, upstreams, eap, dialogs, enrol,
                                         password_change, pass_through, monitors, pin)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            client.0,
            sealed,
            policy.nas_identifier,
            policy.radsec_name,
            policy.require_message_authenticator,
            policy.first_factor.as_str(),
            &policy.upstreams,
            policy.eap,
            policy.dialogs,
            policy.enrol,
            policy.password_change,
            &policy.pass_through,
            &policy.monitors,
            policy.pin,
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}
