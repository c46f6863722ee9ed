//! `vestibule challenge`: approval requests, answered here in place of a phone.

use clap::Subcommand;

use super::failure::Failure;
use super::show;
use super::world::World;
use crate::domain::challenge::{Reply, Status};
use crate::domain::ids::ChallengeId;
use crate::store::challenges::Answered;

#[derive(Subcommand)]
pub enum Command {
    /// Show the requests that wait for an answer, oldest first
    List {
        /// Print JSON: an array of objects with id, user, client, factor, source, needs_number, created_at, expires_at
        #[arg(long)]
        json: bool,
    },
    /// Answer yes: the sign-in that waits goes on
    Approve {
        /// The request's id, as `challenge list` shows it
        #[arg(value_parser = id)]
        id: ChallengeId,
        /// The number the person sees where they sign in, if one is shown there; a wrong one refuses the request
        #[arg(long, value_name = "NN", value_parser = clap::value_parser!(u8).range(0..=99))]
        number: Option<u8>,
    },
    /// Answer no: the sign-in that waits is denied
    Refuse {
        /// The request's id, as `challenge list` shows it
        #[arg(value_parser = id)]
        id: ChallengeId,
        /// It was not this person who signed in: block the user until `vestibule user unlock`
        #[arg(long)]
        fraud: bool,
    },
}

fn id(text: &str) -> Result<ChallengeId, String> {
    text.parse().map_err(|_| "write the id as `vestibule challenge list` shows it".to_owned())
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::List { json } => list(world, json).await,
            Self::Approve { id, number } => {
                let waiting = world.store.waiting_challenges().await?;
                let needs_number = waiting.iter().any(|waiting| waiting.id == id && waiting.needs_number);
                if needs_number && number.is_none() {
                    return Err(Failure::input(
                        "a number is shown where the person signs in; ask them for it and give it with --number",
                    ));
                }
                answer(world, id, Reply::Approve { number }).await
            }
            Self::Refuse { id, fraud: false } => answer(world, id, Reply::Refuse).await,
            Self::Refuse { id, fraud: true } => answer(world, id, Reply::ReportFraud).await,
        }
    }
}

async fn list(world: &World, json: bool) -> Result<(), Failure> {
    let waiting = world.store.waiting_challenges().await?;
    if json {
        return show::json(&waiting);
    }
    if waiting.is_empty() {
        show::note("No request waits for an answer.");
        return Ok(());
    }
    let rows: Vec<_> = waiting
        .into_iter()
        .map(|waiting| {
            let number = if waiting.needs_number { "needed" } else { "" }.to_owned();
            [
                waiting.id.to_string(),
                waiting.user,
                waiting.client,
                waiting.source,
                number,
                show::time(waiting.expires_at),
            ]
        })
        .collect();
    show::table(["id", "user", "client", "source", "number", "expires"], &rows)
}

async fn answer(world: &World, id: ChallengeId, reply: Reply) -> Result<(), Failure> {
    match world.store.answer_challenge(id, reply, &world.actor).await? {
        Answered::Now(Status::Approved) => show::line("approved"),
        Answered::Now(status) => match reply {
            Reply::Approve { .. } => {
                Err(Failure::No(format!("the number is wrong; the request is {}", status.as_str())))
            }
            Reply::Refuse => show::line("refused"),
            Reply::ReportFraud => show::line("refused, and the user is blocked until `vestibule user unlock`"),
        },
        Answered::TooLate(status) => {
            Err(Failure::No(format!("request {id} waits no longer: it is {}", status.as_str())))
        }
        Answered::Unknown => {
            Err(Failure::No(format!("there is no request {id}; `vestibule challenge list` shows those that wait")))
        }
    }
}
