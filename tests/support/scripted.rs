//! A directory that knows one person and otherwise does as scripted, down to the byte: what a real server would never
//! do, or does only on bad days.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use vestibule::domain::directory::Directory;
use vestibule::wire::ber;
use vestibule::wire::frame::{Frame, op};
use vestibule::wire::message::{BindRequest, Proof, response};

use super::appliance::{directory_at, plain_server};
use super::ldap::message;
use super::stub::{Stub, request};

/// The person it knows, by any name; [`super::appliance::Arrangement::claimed_user`] takes these.
pub const DN: &str = "uid=alice,ou=people,dc=example,dc=test";
pub const UNIQUE_ID: &str = "7d2f1c34-0f6e-4b7a-9d0e-1c5a5f3b2a10";

/// What to do about a request.
pub enum Reaction {
    /// Send these bytes, which may be anything.
    Send(Vec<u8>),
    /// Send these bytes when told to.
    SendWhen(watch::Receiver<bool>, Vec<u8>),
    /// Never answer.
    Nothing,
    Close,
    /// Close with a TCP reset.
    Reset,
}

/// What came in, over all connections.
#[derive(Clone)]
pub struct Seen {
    frames: Arc<Mutex<Vec<Frame>>>,
    grown: watch::Sender<usize>,
}

/// Listens until dropped.
pub struct Scripted {
    pub addr: SocketAddr,
    pub seen: Seen,
    _stub: Stub,
}

impl Scripted {
    /// `script` is asked about each request first; where it says nothing, binds succeed, every search finds the person,
    /// and what else comes is not answered.
    pub async fn start(script: impl Fn(&Frame) -> Option<Reaction> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((IpAddr::from([127, 0, 7, 2]), 0)).await.unwrap();
        let seen = Seen { frames: Arc::default(), grown: watch::Sender::new(0) };
        let (noted, script) = (seen.clone(), Arc::new(script));
        let stub = Stub::on(listener, move |stream, _| serve(stream, Arc::clone(&script), noted.clone()));
        Self { addr: stub.addr, seen, _stub: stub }
    }

    pub fn directory(&self) -> Directory {
        directory_at(vec![plain_server(self.addr)])
    }
}

impl Seen {
    fn note(&self, frame: Frame) {
        self.frames.lock().unwrap().push(frame);
        self.grown.send_modify(|count| *count += 1);
    }

    /// Requests so far that fit.
    pub fn with(&self, fits: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        self.frames.lock().unwrap().iter().filter(|frame| fits(frame)).cloned().collect()
    }

    /// Waits for a request that fits, and returns the first.
    pub async fn wait_for(&self, what: &str, fits: impl Fn(&Frame) -> bool) -> Frame {
        let mut grown = self.grown.subscribe();
        super::in_time(what, async {
            loop {
                grown.borrow_and_update();
                if let Some(frame) = self.with(&fits).into_iter().next() {
                    return frame;
                }
                grown.changed().await.unwrap();
            }
        })
        .await
    }
}

async fn serve<Script>(mut stream: TcpStream, script: Arc<Script>, seen: Seen)
where
    Script: Fn(&Frame) -> Option<Reaction> + Send + Sync + 'static,
{
    let mut buffer = BytesMut::new();
    while let Some(frame) = request(&mut stream, &mut buffer).await {
        let reaction = script(&frame).unwrap_or_else(|| usual(&frame));
        seen.note(frame);
        let sent = match reaction {
            Reaction::Send(bytes) => stream.write_all(&bytes).await,
            Reaction::SendWhen(mut told, bytes) => {
                let _ = told.wait_for(|told| *told).await;
                stream.write_all(&bytes).await
            }
            Reaction::Nothing => Ok(()),
            Reaction::Close => return,
            Reaction::Reset => {
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn usual(frame: &Frame) -> Reaction {
    let id = frame.message_id();
    match frame.op() {
        op::BIND_REQUEST => Reaction::Send(response(id, op::BIND_RESPONSE, 0, "").to_vec()),
        op::SEARCH_REQUEST => Reaction::Send(the_person(id)),
        op::UNBIND_REQUEST => Reaction::Close,
        _ => Reaction::Nothing,
    }
}

/// A search result that holds the person and nobody else.
pub fn the_person(id: u32) -> Vec<u8> {
    let mut out = entry(id, DN, &[("entryUUID", UNIQUE_ID.as_bytes())]);
    out.extend_from_slice(&response(id, op::SEARCH_DONE, 0, ""));
    out
}

pub fn entry(id: u32, dn: &str, attributes: &[(&str, &[u8])]) -> Vec<u8> {
    message(id, &[], |out| {
        ber::put(out, op::SEARCH_ENTRY, |out| {
            ber::put_bytes(out, ber::OCTET_STRING, dn.as_bytes());
            ber::put(out, ber::SEQUENCE, |out| {
                for (name, value) in attributes {
                    ber::put(out, ber::SEQUENCE, |out| {
                        ber::put_bytes(out, ber::OCTET_STRING, name.as_bytes());
                        ber::put(out, ber::SET, |out| ber::put_bytes(out, ber::OCTET_STRING, value));
                    });
                }
            });
        });
    })
}

/// Is it the bind of the person, as opposed to that of our own account?
pub fn binds_the_person(frame: &Frame) -> bool {
    frame.op() == op::BIND_REQUEST && bind(frame).name.is_ok_and(|name| name == DN)
}

/// The password of a bind.
pub fn password(frame: &Frame) -> Bytes {
    let Proof::Simple(password) = bind(frame).proof else { panic!("only simple binds are sent") };
    Bytes::copy_from_slice(password.expose())
}

fn bind(frame: &Frame) -> BindRequest {
    BindRequest::parse(frame.bytes()).unwrap()
}
