//! The user portal without its pages: a person signs in by the calls that the pages make, in a replica of the test's own.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else it is, the test fails")]

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use vestibule::ambient::Ambient;
use vestibule::domain::challenge::PromptRule;
use vestibule::domain::factor::Factor;
use vestibule::domain::judgement::LockRule;
use vestibule::domain::outcome::Denial;
use vestibule::domain::secret::Password;
use vestibule::flows::policy::{self, Spawns};
use vestibule::flows::portal::{Answer, Asked, Entered, Pending, Portal, PortalEnd};
use vestibule::flows::sign_in::{Limits, SignIns};
use vestibule::store::recorder::{Recorder, Rules};
use vestibule::store::seal::Keyring;
use vestibule::store::waits::{self, Link, Waits};
use vestibule::store::{Connect, Store};
use vestibule::tasks::Tasks;
use vestibule::upstream;

use super::appliance::{Appliance, Background, MASTER_KEY};
use super::{PATIENCE, in_time};

/// Dropping it ends its background work.
pub struct Desk {
    pub portal: Portal,
    running: Vec<JoinHandle<()>>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.running.iter().for_each(JoinHandle::abort);
    }
}

impl upstream::Spawn for Background {
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        vestibule::directory::Spawn::spawn(self, name, future);
    }
}

impl Desk {
    /// On the database of `appliance`.
    pub async fn of(appliance: &Appliance) -> Self {
        let options = appliance.database_url().parse().unwrap();
        let connect = Connect { options, max_connections: 5, acquire_timeout: PATIENCE };
        let store = Store::open(connect, Keyring::parse(MASTER_KEY).unwrap(), Ambient::system()).await.unwrap();
        let rules = Rules {
            lock: LockRule { failures: 5, duration: SignedDuration::from_mins(15) },
            prompts: PromptRule { per_hour: 3, cool_down: SignedDuration::from_secs(30) },
        };
        let (recorder, writer) = Recorder::start(store.clone(), rules).await.unwrap();
        let (waits, (link, link_seen)) = (Waits::default(), watch::channel(Link::Up));
        let background = Arc::new(Background::default());
        let spawns = Spawns { directories: background.clone(), upstreams: background };
        let (policies, reloader) = policy::load(store.clone(), spawns, link_seen).await.unwrap();
        let limits = Limits { waiting: 100, waiting_per_client: 100, denials_per_source_per_minute: 1_000, hashing: 2 };
        let stop = Tasks::new().stop_signal();
        let runtime = tokio::runtime::Handle::current();
        let told = policies.clone();
        let listening = waits::listen(store.clone(), waits.clone(), link, move || told.changed());
        let running = vec![runtime.spawn(writer.run()), runtime.spawn(reloader.run()), runtime.spawn(listening)];
        let sign_ins = SignIns::new(store.clone(), recorder, waits, policies, limits, stop);
        Self { portal: Portal::new(Arc::new(sign_ins), store), running }
    }

    /// The first page.
    pub async fn begin(&self, name: &str, password: &str) -> Page<'_> {
        let password = Password::new(password.as_bytes());
        let end = self.portal.begin(self.portal.new_id(), name, &password, SOURCE).await.unwrap();
        Page { desk: self, end }
    }
}

/// Where the person's browser is.
const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 44));

/// What the person sees.
pub struct Page<'a> {
    pub desk: &'a Desk,
    pub end: PortalEnd,
}

impl<'a> Page<'a> {
    pub fn state(&self) -> [u8; 16] {
        match &self.end {
            PortalEnd::Asked { state } => *state,
            other => panic!("nothing is asked: {}", name(other)),
        }
    }

    pub async fn pending(&self) -> Pending {
        let pending = self.desk.portal.pending(&self.state()).await.unwrap();
        pending.expect("the question waits")
    }

    pub async fn asked(&self) -> Asked {
        self.pending().await.question
    }

    /// The number to be confirmed on the phone.
    pub async fn number(&self) -> u8 {
        match self.asked().await {
            Asked::Number { number, .. } => number,
            other => panic!("no number is shown: {other:?}"),
        }
    }

    pub fn entered(&self) -> &Entered {
        match &self.end {
            PortalEnd::Entered(entered) => entered,
            other => panic!("not in: {}", name(other)),
        }
    }

    /// What the sign-in rests on.
    pub fn factor(&self) -> Option<Factor> {
        let entered = self.entered();
        assert!(!entered.enrolling);
        entered.factor
    }

    pub fn denial(&self) -> Denial {
        match &self.end {
            PortalEnd::Denied { denial } => *denial,
            other => panic!("not denied: {}", name(other)),
        }
    }

    pub async fn type_in(&self, text: &str) -> Page<'a> {
        self.answer(&Answer::Text(Password::new(text.as_bytes()))).await
    }

    pub async fn pick(&self, factor: Factor) -> Page<'a> {
        self.answer(&Answer::Pick(factor)).await
    }

    async fn answer(&self, answer: &Answer) -> Page<'a> {
        self.answer_at(self.desk, answer).await
    }

    /// The same at another replica.
    pub async fn answer_at<'b>(&self, desk: &'b Desk, answer: &Answer) -> Page<'b> {
        let end = desk.portal.answer(desk.portal.new_id(), &self.state(), answer, SOURCE).await.unwrap();
        Page { desk, end }
    }

    /// Waits as a page with a live status line does.
    pub async fn changed(&self) {
        let until = Instant::now() + Duration::from_hours(1);
        in_time("a change", self.desk.portal.await_change(&self.state(), until)).await.unwrap();
    }
}

fn name(end: &PortalEnd) -> String {
    match end {
        PortalEnd::Entered(entered) => format!("{entered:?}"),
        PortalEnd::Asked { .. } => "asked".to_owned(),
        PortalEnd::Denied { denial } => format!("{denial:?}"),
        PortalEnd::Throttled => "throttled".to_owned(),
        PortalEnd::EmptyPassword => "empty password".to_owned(),
    }
}
