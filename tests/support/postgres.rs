//! A database of its own for each test, in a throwaway cluster: the one that `scripts/test.sh` started for the whole
//! run, or one of this process alone.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError, Weak};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use vestibule::ambient::Ambient;

use super::environment;

/// A fresh, empty database. Gone with this value.
pub struct TestDatabase {
    pub url: String,
    name: String,
    admin: String,
    _cluster: Option<Arc<Cluster>>,
}

/// A cluster that lives while somebody holds it.
struct Cluster {
    url: String,
    keeper: Child,
}

static OWN: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

pub async fn database() -> TestDatabase {
    let (admin, cluster) = if let Some(url) = environment("TEST_DATABASE_URL") {
        (url, None)
    } else {
        let cluster = own();
        (cluster.url.clone(), Some(cluster))
    };
    let name = format!("test_{}", Ambient::system().id().simple());
    let mut connection = PgConnection::connect(&admin).await.expect("the throwaway PostgreSQL answers");
    connection.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    connection.close().await.unwrap();
    let (server, query) = admin.split_once('?').unwrap_or((&admin, ""));
    let server = server.rsplit_once('/').unwrap().0;
    TestDatabase { url: format!("{server}/{name}?{query}"), name, admin, _cluster: cluster }
}

impl TestDatabase {
    pub fn options(&self) -> PgConnectOptions {
        self.url.parse().unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // A runtime of its own: a test's may be ending right now.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&admin).await?;
                connection.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
                connection.close().await
            })
        });
        // What is left of it ends with the cluster.
        let _ = dropped.join();
    }
}

fn own() -> Arc<Cluster> {
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = own.upgrade() {
        return running;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-database.sh");
    let mut keeper = Command::new(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/test-database.sh runs");
    let mut url = String::new();
    BufReader::new(keeper.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    assert!(!url.is_empty(), "scripts/test-database.sh has no database");
    let running = Arc::new(Cluster { url: url.trim().to_owned(), keeper });
    *own = Arc::downgrade(&running);
    running
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
