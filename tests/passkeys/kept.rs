//! What the database keeps of passkeys, and how their assertions are judged there.

use std::sync::Arc;

use jiff::SignedDuration;
use vestibule::ambient::Ambient;
use vestibule::domain::challenge::PromptRule;
use vestibule::domain::directory::UniqueId;
use vestibule::domain::directory::profile::Profile;
use vestibule::domain::directory::state::AccountState;
use vestibule::domain::factor::Factor;
use vestibule::domain::ids::{ClientId, SignInId};
use vestibule::domain::judgement::LockRule;
use vestibule::domain::label::Label;
use vestibule::domain::name::fold;
use vestibule::domain::outcome::{Denial, Grant, Outcome};
use vestibule::domain::passkey::{Standing, Used};
use vestibule::domain::sign_in::Proof;
use vestibule::domain::user::{Account, Token};
use vestibule::flows::passkeys::{Added, Adding, MOST_PASSKEYS};
use vestibule::store::authenticators::Enrolment;
use vestibule::store::recorder::{Conclusion, Recorder, Rules};
use vestibule::store::seal::Keyring;
use vestibule::store::users::{Found, Listed};
use vestibule::store::{Connect, Store};

use super::support::PATIENCE;
use super::support::appliance::{MASTER_KEY, directory_at, import, netscaler};
use super::support::authenticator::Authenticator;
use super::support::people::tester;
use super::support::postgres::{TestDatabase, database};
use super::{ORIGIN, passkeys, registered};

/// A database with two people, and replicas that judge in it.
struct House {
    store: Store,
    database: TestDatabase,
    people: [Listed; 2],
}

impl House {
    async fn new() -> Self {
        let database = database().await;
        let store = store(&database).await;
        let directory = directory_at(vec![]);
        store.add_directory(&directory, &tester()).await.unwrap();
        let mut people = vec![];
        for name in ["anna", "bert"] {
            let found = Found {
                unique_id: UniqueId(name.to_owned()),
                name: name.to_owned(),
                dn: format!("uid={name},dc=example,dc=test"),
                profile: Profile::default(),
                state: AccountState::default(),
                member_of: vec![],
                primary_group: None,
                names: vec![fold(name).unwrap()],
            };
            people.push(import(&store, directory.id, found).await);
        }
        Self { store, database, people: people.try_into().map_err(|_| ()).unwrap() }
    }

    async fn account(&self, person: &Listed) -> Account {
        let directory = self.store.directories().await.unwrap()[0].id;
        let unique_id = UniqueId(person.name.clone());
        self.store.account(directory, &unique_id, &[]).await.unwrap().unwrap()
    }

    async fn replica(&self) -> Replica {
        let store = store(&self.database).await;
        let rules = Rules {
            lock: LockRule { failures: 10, duration: SignedDuration::from_mins(15) },
            prompts: PromptRule { per_hour: 5, cool_down: SignedDuration::from_secs(30) },
        };
        let (recorder, writer) = Recorder::start(store.clone(), rules).await.unwrap();
        tokio::runtime::Handle::current().spawn(writer.run());
        Replica { recorder, store }
    }
}

async fn store(database: &TestDatabase) -> Store {
    let connect = Connect { options: database.options(), max_connections: 3, acquire_timeout: PATIENCE };
    Store::open(connect, Keyring::parse(MASTER_KEY).unwrap(), Ambient::system()).await.unwrap()
}

struct Replica {
    recorder: Recorder,
    store: Store,
}

impl Replica {
    async fn judge(&self, person: &Listed, used: Used) -> Outcome {
        let conclusion = Conclusion {
            sign_in: SignInId(self.store.ambient().id()),
            door: "portal",
            client: Arc::new(netscaler()),
            source: [127, 0, 0, 1].into(),
            user: Some(person.id),
            name: person.name.clone(),
            whereabouts: None,
            proof: Proof::Passkey(used),
            due: false,
            recovery: None,
            join_key: [7; 32],
            pin: vestibule::domain::pin::PinCheck::NotAsked,
        };
        self.recorder.conclude(conclusion).await.unwrap()
    }
}

#[tokio::test]
async fn r31_a_credential_id_belongs_to_one_user_alone() {
    let house = House::new().await;
    let [anna, bert] = &house.people;
    let (_, credential) = registered(&passkeys(), &house.account(anna).await);
    let token = Token::Passkey(Box::new(credential.clone()));
    let enrolment = Enrolment { token: &token, label: "laptop", serial: None };
    let id = house.store.enrol(anna, &enrolment, &tester()).await.unwrap();
    for person in [anna, bert] {
        let taken = house.store.enrol(person, &enrolment, &tester()).await;
        assert!(taken.unwrap_err().is_duplicate(), "{}", person.name);
    }
    let kept = house.store.passkeys(anna.id).await.unwrap();
    assert_eq!((kept.len(), kept[0].id, kept[0].label.as_str(), kept[0].last_used_at), (1, id, "laptop", None));
    assert_eq!(house.store.passkeys(bert.id).await.unwrap(), []);
    let owner = house.store.passkey_owner(anna.id, &credential.id).await.unwrap().unwrap();
    assert_eq!((owner.user, owner.name.as_str(), owner.unique_id.0.as_str()), (anna.id, "anna", "anna"));
    assert_eq!(house.store.passkey_owner(bert.id, &credential.id).await.unwrap(), None, "the handle of another");
    let again = &house.account(anna).await.authenticators[0].token;
    assert!(matches!(again, Token::Passkey(read) if **read == credential), "what was kept is what is read");
}

#[tokio::test]
async fn r31_one_assertion_opens_once_however_many_replicas_it_comes_to() {
    let house = House::new().await;
    let anna = &house.people[0];
    let (_, credential) = registered(&passkeys(), &house.account(anna).await);
    let token = Token::Passkey(Box::new(credential));
    let authenticator =
        house.store.enrol(anna, &Enrolment { token: &token, label: "key", serial: None }, &tester()).await.unwrap();
    let replicas = [house.replica().await, house.replica().await];
    let standing = Standing { sign_count: 5, backup_eligible: false, backed_up: false };
    let used = Used { authenticator, standing };
    let outcomes = futures_util::future::join_all((0..8).map(|at| replicas[at % 2].judge(anna, used))).await;
    let granted = Outcome::Granted(Grant::Factor(Factor::Passkey));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == granted).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Denied(Denial::CopiedPasskey)).count(), 7);
    let kept = house.account(anna).await;
    assert_eq!(kept.failures.count, 7, "each is a failure of the factor");
    let Token::Passkey(credential) = &kept.authenticators[0].token else { panic!("no passkey") };
    assert_eq!(credential.standing, standing);
    assert!(house.store.passkeys(anna.id).await.unwrap()[0].last_used_at.is_some());

    house.store.reset(anna, &tester()).await.unwrap();
    let higher = Used { standing: Standing { sign_count: 6, ..standing }, ..used };
    assert_eq!(replicas[0].judge(anna, higher).await, Outcome::Denied(Denial::FactorNotAllowed), "removed meanwhile");
    assert_eq!(house.store.passkeys(anna.id).await.unwrap(), []);
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// A client that the ceremonies are kept for.
async fn portal(house: &House) -> ClientId {
    let mut client = netscaler();
    client.directory = house.store.directories().await.unwrap()[0].id;
    house.store.add_client(&client, &tester()).await.unwrap();
    client.id
}

#[tokio::test]
async fn r31_a_passkey_is_added_by_the_session_that_asked_for_it_and_once() {
    let house = House::new().await;
    let (client, passkeys) = (portal(&house).await, passkeys());
    let [anna, bert] = &house.people;
    let adding = |user, session| Adding {
        store: &house.store,
        passkeys: &passkeys,
        client,
        session: uuid::Uuid::from_u128(session),
        user,
    };
    let hers = adding(anna, 1);
    let begun = hers.start().await.unwrap().unwrap();
    let mut authenticator = Authenticator::at(ORIGIN);
    let answer = authenticator.create(&begun.options, |_| {});
    let finish = async |adding: &Adding<'_>, state: &[u8], first| {
        adding.finish(state, &answer, &label("laptop"), first, &tester()).await.unwrap()
    };
    let added = finish(&hers, &begun.state, true).await;
    assert!(matches!(added, Added::Now(_)), "{added:?}");
    assert_eq!(finish(&hers, &begun.state, false).await, Added::Over, "a second tab");
    assert_eq!(house.store.passkeys(anna.id).await.unwrap()[0].label, "laptop");

    for other in [adding(anna, 2), adding(bert, 1)] {
        let begun = hers.start().await.unwrap().unwrap();
        assert!(begun.options.contains("excludeCredentials"));
        let added = finish(&other, &begun.state, false).await;
        assert!(matches!(added, Added::Over | Added::Refused), "another session: {added:?}");
        assert_eq!(finish(&hers, &begun.state, false).await, Added::Over, "and it is used up");
    }
    let begun = adding(bert, 1).start().await.unwrap().unwrap();
    let lent = authenticator.create(&begun.options, |_| {});
    let taken = adding(bert, 1).finish(&begun.state, &lent, &label("lent"), false, &tester()).await.unwrap();
    assert_eq!(taken, Added::Taken);
    let begun = hers.start().await.unwrap().unwrap();
    let second = Authenticator::at(ORIGIN).create(&begun.options, |_| {});
    let late = hers.finish(&begun.state, &second, &label("late"), true, &tester()).await.unwrap();
    assert_eq!(late, Added::NotFirst, "somebody was faster");
    let begun = hers.start().await.unwrap().unwrap();
    let forged = Authenticator::at(ORIGIN).create(&begun.options, |made| made.origin = "https://evil.test".into());
    assert_eq!(hers.finish(&begun.state, &forged, &label("x"), false, &tester()).await.unwrap(), Added::Refused);
}

#[tokio::test]
async fn nobody_has_more_than_twenty_passkeys() {
    let house = House::new().await;
    let (client, passkeys) = (portal(&house).await, passkeys());
    let anna = &house.people[0];
    let adding = Adding { store: &house.store, passkeys: &passkeys, client, session: uuid::Uuid::nil(), user: anna };
    let spare = adding.start().await.unwrap().unwrap();
    for _ in 0..MOST_PASSKEYS {
        let begun = adding.start().await.unwrap().unwrap();
        let answer = Authenticator::at(ORIGIN).create(&begun.options, |_| {});
        adding.finish(&begun.state, &answer, &label("one of many"), false, &tester()).await.unwrap();
    }
    assert!(adding.start().await.unwrap().is_none());
    let answer = Authenticator::at(ORIGIN).create(&spare.options, |_| {});
    let added = adding.finish(&spare.state, &answer, &label("one too many"), false, &tester()).await.unwrap();
    assert_eq!(added, Added::TooMany);
}

#[tokio::test]
async fn r31_a_ceremony_is_finished_once_by_the_client_it_was_kept_for() {
    let house = House::new().await;
    let client = portal(&house).await;
    let started = passkeys().start_discoverable().unwrap();
    let state = house.store.keep_dialog(client, &started.ceremony, std::time::Duration::from_mins(5)).await.unwrap();
    let elsewhere = store(&house.database).await;
    let taken = elsewhere.take_dialog(client, &state).await.unwrap().unwrap();
    assert_eq!((taken.bytes.as_slice(), taken.used), (started.ceremony.as_slice(), false));
    assert!(house.store.take_dialog(client, &state).await.unwrap().unwrap().used, "the second time it shows");
    assert!(house.store.take_dialog(netscaler().id, &state).await.unwrap().is_none());
}
