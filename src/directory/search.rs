//! What a search asks for, and when its answer is whole. Half an answer is a fault: "no such group" must never come out
//! of a size limit.

use super::fault::DirectoryFault;
use crate::domain::directory::{DirectoryKind, Server};
use crate::wire::filter::Filter;
use crate::wire::frame::{Frame, op};
use crate::wire::message::{Control, Entry, LdapResult, Scope, SearchRequest};

/// One question to a directory.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    pub base: &'a str,
    pub scope: Scope,
    pub filter: &'a Filter,
    /// What to return of each entry; `["1.1"]` for nothing but its name.
    pub attributes: &'a [&'a str],
    /// More entries than this are a fault, not a cut.
    pub limit: usize,
}

/// All answers to one search together may not be larger: more is a directory that wants our memory (SECURITY R12).
pub const MAX_RESULT_BYTES: usize = 64 * 1024 * 1024;

impl<'a> Search<'a> {
    /// `seconds` is how long the server may work on it.
    pub fn request(&self, seconds: u64, controls: &'a [Control]) -> SearchRequest<'a> {
        // RFC 4511 §4.1.1: maxInt; beyond it a limit means nothing to the server, and ours still holds.
        let wire = |limit: u64| u32::try_from(limit).ok().filter(|limit| *limit <= i32::MAX.cast_unsigned());
        SearchRequest {
            base: self.base,
            scope: self.scope,
            filter: self.filter,
            size_limit: wire(self.limit as u64).unwrap_or(0),
            time_limit: wire(seconds).unwrap_or(0),
            attributes: self.attributes,
            controls,
        }
    }
}

/// The answers to one search while they come in.
pub struct Answers {
    limit: usize,
    base_only: bool,
    kind: DirectoryKind,
    entries: Vec<Entry>,
    bytes: usize,
    /// What values take beside their bytes.
    overhead: usize,
    references: usize,
}

/// A whole result.
pub struct Found {
    pub server: Server,
    pub entries: Vec<Entry>,
    pub controls: Vec<Control>,
    /// Parts of the result that are said to be elsewhere, and were not asked for there.
    pub references: usize,
}

/// What one message did to a search.
pub enum Progress {
    More,
    Done(Result<Found, DirectoryFault>),
    /// The answer is broken, or none to a search: what follows on this connection cannot be trusted either.
    Broken(String),
}

impl Answers {
    pub fn new(search: &Search<'_>, kind: DirectoryKind) -> Self {
        let base_only = search.scope == Scope::Base;
        Self { limit: search.limit, base_only, kind, entries: vec![], bytes: 0, overhead: 0, references: 0 }
    }

    /// How much has been taken.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn take(&mut self, frame: &Frame, server: &Server) -> Progress {
        let incomplete =
            |what: String| Progress::Done(Err(DirectoryFault::Incomplete { server: server.clone(), what }));
        self.bytes += frame.bytes().len();
        if self.bytes + self.overhead > MAX_RESULT_BYTES {
            return incomplete(format!("the result is over {MAX_RESULT_BYTES} bytes"));
        }
        match frame.op() {
            op::SEARCH_ENTRY => match Entry::parse(frame) {
                Ok(_) if self.entries.len() >= self.limit => incomplete(format!("over {} entries", self.limit)),
                Ok(entry) => {
                    // Short values take more room here than on the wire.
                    let values: usize = entry.attributes.iter().map(|(_, values)| values.len()).sum();
                    self.overhead += values * size_of::<Vec<u8>>();
                    self.entries.push(entry);
                    Progress::More
                }
                Err(fault) => Progress::Broken(format!("an entry is broken: {fault}")),
            },
            op::SEARCH_REFERENCE => {
                self.references += 1;
                Progress::More
            }
            // RFC 4511 §4.13: sent only to who asks for it, which we do not; without meaning for the result.
            INTERMEDIATE_RESPONSE => Progress::More,
            op::SEARCH_DONE => match LdapResult::parse(frame, op::SEARCH_DONE) {
                Ok(result) => Progress::Done(self.done(result, server)),
                Err(fault) => Progress::Broken(format!("a search result is broken: {fault}")),
            },
            other => Progress::Broken(format!("it answers a search with operation {other:#04x}")),
        }
    }

    fn done(&mut self, result: LdapResult, server: &Server) -> Result<Found, DirectoryFault> {
        let server = server.clone();
        let LdapResult { code, diagnostic, controls } = result;
        match code {
            // Active Directory always adds references to its other partitions, which hold no people. Elsewhere a
            // referral is where somebody moved a branch to, and it may hold the one we look for.
            0 if self.entries.is_empty() && self.references > 0 && self.kind == DirectoryKind::OpenLdap => {
                Err(DirectoryFault::Incomplete { server, what: "only referrals to other servers".to_owned() })
            }
            0 => {
                Ok(Found { server, entries: std::mem::take(&mut self.entries), controls, references: self.references })
            }
            // noSuchObject: of the one entry asked about that is an answer; of a subtree it is a wrong base.
            32 if self.base_only => Ok(Found { server, entries: vec![], controls, references: self.references }),
            3 => Err(DirectoryFault::Incomplete { server, what: format!("time limit, {diagnostic:?}") }),
            4 => Err(DirectoryFault::Incomplete { server, what: format!("size limit, {diagnostic:?}") }),
            10 => Err(DirectoryFault::Incomplete { server, what: "a referral to another server".to_owned() }),
            11 => Err(DirectoryFault::Incomplete { server, what: format!("administrative limit, {diagnostic:?}") }),
            code => Err(DirectoryFault::Unavailable { server, code, diagnostic }),
        }
    }
}

const INTERMEDIATE_RESPONSE: u8 = 0x79;
