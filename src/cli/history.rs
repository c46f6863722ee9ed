//! `vestibule user history`: what happened to an account, as its owner sees it.

use clap::Args;

use super::failure::Failure;
use super::show;
use super::user::Who;
use super::world::World;
use crate::domain::history::{PAGE, Place, Row};

#[derive(Args)]
pub struct History {
    #[command(flatten)]
    who: Who,
    /// Go on behind this row: the place that the page before ended with
    #[arg(long, value_name = "PLACE")]
    before: Option<Place>,
    /// How many rows
    #[arg(short = 'n', value_name = "N", default_value_t = PAGE, value_parser = count)]
    count: usize,
    /// Print JSON: one object with rows, and older if there are older ones
    #[arg(long)]
    json: bool,
}

fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000).contains(count))
        .ok_or_else(|| "write a number from 1 to 1000".to_owned())
}

impl History {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let user = self.who.find(world).await?;
        let page = world.store.history(user.id, self.before, self.count).await?;
        if self.json {
            return show::json(&page);
        }
        if page.rows.is_empty() {
            show::note("Nothing is on record.");
            return Ok(());
        }
        let rows: Vec<_> = page.rows.into_iter().map(cells).collect();
        show::table(["time", "what", "outcome", "by", "client", "source", "whereabouts"], &rows)?;
        if let Some(older) = page.older {
            show::note(format_args!("There are older rows: --before {older}"));
        }
        Ok(())
    }
}

fn cells(row: Row) -> [String; 7] {
    let address = |address: Option<std::net::IpAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let words = [row.outcome, row.reason].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let client = row.client.or(row.door).unwrap_or_default();
    let event = if row.event.is_empty() { "unreadable".to_owned() } else { row.event };
    let by = row.by.unwrap_or_default();
    [show::time(row.at), event, words, by, client, address(row.source), address(row.whereabouts)]
}
