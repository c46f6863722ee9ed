//! A directory that shows its people in two pages, and from one moment to the next does something else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use vestibule::domain::directory::{Directory, PageSize};
use vestibule::wire::ber;
use vestibule::wire::frame::{Frame, op};
use vestibule::wire::message::paged;

use super::ldap::message;
use super::scripted::{Reaction, Scripted, entry};

/// Which part of its people a search asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    First,
    Second,
}

type Script = Box<dyn Fn(&Frame, Option<Page>) -> Option<Reaction> + Send>;

/// Listens until dropped.
pub struct Paged {
    pub scripted: Scripted,
    script: Arc<Mutex<Option<Script>>>,
}

/// What stands between the pages.
const COOKIE: &[u8] = b"the second page";

impl Paged {
    /// People 1 and 2 on the first page, person 3 on the second.
    pub async fn start() -> Self {
        let script: Arc<Mutex<Option<Script>>> = Arc::default();
        let now = Arc::clone(&script);
        let scripted = Scripted::start(move |frame| {
            let (id, asked) = (frame.message_id(), asked(frame));
            let special = now.lock().unwrap().as_ref().and_then(|script| script(frame, asked));
            special.or_else(|| asked.map(|page| Reaction::Send(usual(id, page))))
        });
        Self { scripted: scripted.await, script }
    }

    /// From now on it does so, where `script` says something; it is told which page of a search is asked for, if it is one.
    pub fn henceforth(&self, script: impl Fn(&Frame, Option<Page>) -> Option<Reaction> + Send + 'static) {
        *self.script.lock().unwrap() = Some(Box::new(script));
    }

    /// Instead of this page it now sends these bytes, made for the id of the request.
    pub fn instead_of(&self, page: Page, bytes: impl Fn(u32) -> Vec<u8> + Send + 'static) {
        self.henceforth(move |frame, asked| (asked == Some(page)).then(|| Reaction::Send(bytes(frame.message_id()))));
    }

    pub fn as_usual(&self) {
        *self.script.lock().unwrap() = None;
    }

    pub fn directory(&self) -> Directory {
        let page_size = PageSize::new(2).unwrap();
        Directory { page_size, operation_timeout: Duration::from_secs(1), ..self.scripted.directory() }
    }

    /// How often this page was asked for.
    pub fn asked_for(&self, page: Page) -> usize {
        self.scripted.seen.with(|frame| asked(frame) == Some(page)).len()
    }
}

fn asked(frame: &Frame) -> Option<Page> {
    let holds = |needle: &[u8]| frame.bytes().windows(needle.len()).any(|window| window == needle);
    let pages = frame.op() == op::SEARCH_REQUEST && holds(b"1.2.840.113556.1.4.319");
    pages.then(|| if holds(COOKIE) { Page::Second } else { Page::First })
}

pub fn usual(id: u32, page: Page) -> Vec<u8> {
    match page {
        Page::First => [person(id, 1), person(id, 2), done(id, 0, true)].concat(),
        Page::Second => [person(id, 3), done(id, 0, false)].concat(),
    }
}

/// A person who is called after the number.
pub fn person(id: u32, number: u32) -> Vec<u8> {
    let (uid, unique_id) = (format!("user{number:04}"), unique_id(number));
    let attributes: [(&str, &[u8]); 2] = [("entryUUID", unique_id.as_bytes()), ("uid", uid.as_bytes())];
    entry(id, &dn_of(number), &attributes)
}

pub fn dn_of(number: u32) -> String {
    format!("uid=user{number:04},ou=people,dc=example,dc=test")
}

pub fn unique_id(number: u32) -> String {
    format!("7d2f1c34-0f6e-4b7a-9d0e-{number:012}")
}

/// The end of a page, and whether another is to come.
pub fn done(id: u32, code: u32, more: bool) -> Vec<u8> {
    message(id, &[paged(0, if more { COOKIE } else { b"" })], |out| {
        ber::put(out, op::SEARCH_DONE, |out| {
            ber::put_number(out, ber::ENUMERATED, code);
            ber::put_bytes(out, ber::OCTET_STRING, b"");
            ber::put_bytes(out, ber::OCTET_STRING, b"as scripted");
        });
    })
}
