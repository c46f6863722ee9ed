//! `vestibule session`: what gateways have told of the sessions they opened, by RADIUS accounting.

use clap::Subcommand;

use super::failure::Failure;
use super::show;
use super::world::World;
use crate::domain::name::LoginName;
use crate::store::accounting::{Session, Wanted};

#[derive(Subcommand)]
pub enum Command {
    /// Show sessions, newest first; 90 days of them are kept
    List {
        /// Only of this client
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
        /// Only of this user, by any name
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Only those that have not ended
        #[arg(long)]
        open: bool,
        /// Print JSON: an array of objects with client, nas, session, name, user, calling, framed, started_at, heard_at,
        /// ended_at, cause, seconds, bytes_in, bytes_out
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let Self::List { client, user, open, json } = self;
        let user = user.map(|name| LoginName::parse(&name).map(|name| name.folded())).transpose();
        let user = user.map_err(|fault| Failure::Input(fault.to_string()))?;
        let wanted = Wanted { client: client.as_deref(), user: user.as_ref(), open };
        let sessions = world.store.sessions(&wanted).await?;
        if json {
            return show::json(&sessions);
        }
        if sessions.is_empty() {
            show::note("No such session; gateways tell of them on the accounting port.");
            return Ok(());
        }
        let rows: Vec<_> = sessions.into_iter().map(row).collect();
        show::table(["user", "client", "from", "began", "ended", "seconds", "session"], &rows)
    }
}

fn row(session: Session) -> [String; 7] {
    let began = session.started_at.map_or_else(|| "not heard".to_owned(), show::time);
    let ended = session.ended_at.map_or_else(|| "open".to_owned(), show::time);
    let user = session.user.unwrap_or(session.name);
    [user, session.client, session.calling, began, ended, session.seconds.to_string(), session.session]
}
