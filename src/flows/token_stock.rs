//! Hardware tokens come into stock from a file, each row by itself.

use std::collections::HashSet;

use crate::domain::people_file::Refusal;
use crate::domain::token_file::{NewToken, Row};
use crate::store::audit::Actor;
use crate::store::{Store, StoreFault};

/// What becomes of one row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    Added {
        factor: &'static str,
        /// Its secret is shorter than 128 bits.
        is_weak: bool,
    },
    Refused(Refusal),
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct RowReport {
    pub row: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Puts the tokens of a file into stock; with `dry_run` it is only said what would become of each.
pub async fn bring_in(store: &Store, rows: Vec<Row>, dry_run: bool, by: &Actor) -> Result<Vec<RowReport>, StoreFault> {
    let serials: Vec<String> = rows.iter().filter_map(|row| Some(row.token.as_ref().ok()?.serial.clone())).collect();
    let stocked: HashSet<String> = store.stocked_serials(&serials).await?.into_iter().collect();
    let owners = store.serial_owners(&serials).await?;
    let mut reports = vec![];
    for row in rows {
        let (serial, outcome) = match row.token {
            Err(refusal) => (None, Outcome::Refused(refusal)),
            Ok(NewToken { serial, token, is_weak }) => {
                let outcome = if owners.contains_key(&serial) {
                    Outcome::Refused(Refusal::row("somebody has it already", "leave the row out"))
                } else if stocked.contains(&serial) || !(dry_run || store.stock_token(&serial, &token, by).await?) {
                    Outcome::Refused(Refusal::row(
                        "a token with its serial number is in stock already",
                        "leave the row out, or take that one out with `token remove` first",
                    ))
                } else {
                    Outcome::Added { factor: token.factor().as_str(), is_weak }
                };
                (Some(serial), outcome)
            }
        };
        reports.push(RowReport { row: row.line, serial, outcome });
    }
    Ok(reports)
}
