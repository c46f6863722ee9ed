//! Each step of asking a server, one by one, for whoever sets it up.

use std::sync::Arc;

use tokio::time::Instant;

use super::server::Server;
use super::{Question, Spawn};
use crate::ambient::Ambient;
use crate::domain::radius::upstream::UpstreamServer;
use crate::domain::secret::Password;
use crate::wire::radius::attribute::{MESSAGE_AUTHENTICATOR, NAS_IDENTIFIER};
use crate::wire::radius::code;

/// One step and what came of it, in words.
pub struct TestStep {
    pub step: &'static str,
    pub outcome: Result<String, String>,
}

/// Resolves the name, asks for the status and, with somebody to sign in, for a sign-in.
pub async fn examine(
    server: UpstreamServer,
    person: Option<(&str, Password)>,
    ambient: &Ambient,
    spawn: Arc<dyn Spawn>,
) -> Vec<TestStep> {
    let server = Arc::new(Server::new(server, ambient.clone(), spawn));
    let address = server.resolve().await;
    let mut steps = vec![TestStep {
        step: "address",
        outcome: address.as_ref().map(ToString::to_string).map_err(ToString::to_string),
    }];
    if address.is_err() {
        return steps;
    }
    steps.push(TestStep { step: "status", outcome: ask(&server, &Question::status()).await });
    if let Some((name, password)) = person {
        let question = Question::access(name, Some(password)).with(NAS_IDENTIFIER, b"vestibule");
        steps.push(TestStep { step: "sign-in", outcome: ask(&server, &question).await });
    }
    steps
}

async fn ask(server: &Server, question: &Question) -> Result<String, String> {
    let tries = server.settings.tries;
    let begin = Instant::now();
    let deadline = begin + server.settings.timeout * tries.max(1);
    let answered = server.exchange(question, tries, deadline).await.map_err(|fault| fault.to_string())?;
    let took = begin.elapsed().as_millis();
    let what = match answered.code() {
        code::ACCESS_ACCEPT => "Access-Accept",
        code::ACCESS_CHALLENGE => "Access-Challenge",
        // Nothing else is taken for an answer. That it says no shows that it works.
        _ => "Access-Reject",
    };
    let signed = match answered.packet.first(MESSAGE_AUTHENTICATOR) {
        Some(_) => "with a right Message-Authenticator",
        None => "without Message-Authenticator",
    };
    Ok(format!("{what} after {took} ms, {signed}"))
}
