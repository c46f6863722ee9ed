//! Active Directory gives at most 1,500 values of an attribute at once and names the rest by a range (MS-ADTS
//! §3.1.1.3.1.3.3): `member;range=0-1499`. A group with 1,501 members must not lose one, so the rest is asked for.

use std::time::Duration;

use tokio::time::Instant;

use super::client::DirectoryClient;
use super::direct::Direct;
use super::fault::DirectoryFault;
use super::search::{Found, MAX_RESULT_BYTES, Search};
use crate::domain::directory::Server;
use crate::wire::filter::Filter;
use crate::wire::message::{Entry, Scope};

/// Who is asked for the rest: the server that gave the beginning, because each numbers the values in its own order.
pub enum Rest<'a> {
    Shared { client: &'a DirectoryClient, server: &'a Server },
    Direct { direct: &'a mut Direct, operation_timeout: Duration },
}

impl Rest<'_> {
    /// Puts every attribute that came in parts together, under its plain name.
    pub async fn complete(&mut self, entries: &mut [Entry], deadline: Instant) -> Result<(), DirectoryFault> {
        // What all parts together may take, as one result may (SECURITY R12).
        let mut room = MAX_RESULT_BYTES;
        for entry in entries {
            while let Some((at, range)) = first_range(entry) {
                let (_, mut values) = entry.attributes.swap_remove(at);
                // The first part of an answer that did not ask for another begins with the first value.
                if range.from != 0 {
                    let what = format!("{} of {} begins with value {}", range.attribute, entry.dn, range.from);
                    return Err(self.incomplete(what));
                }
                let mut next = range.next;
                while let Some(from) = next {
                    let part = self.part(&entry.dn, &range.attribute, from, deadline).await?;
                    let size = part.values.iter().map(|value| value.len() + size_of::<Vec<u8>>()).sum();
                    room = room.checked_sub(size).ok_or_else(|| {
                        self.incomplete(format!("{} of {} is over {MAX_RESULT_BYTES} bytes", range.attribute, entry.dn))
                    })?;
                    next = part.next;
                    values.extend(part.values);
                }
                // The plain name may be there too, without a value.
                let named = |(name, _): &(String, Vec<Vec<u8>>)| name.eq_ignore_ascii_case(&range.attribute);
                match entry.attributes.iter_mut().find(|attribute| named(attribute)) {
                    Some((_, known)) => known.extend(values),
                    None => entry.attributes.push((range.attribute, values)),
                }
            }
        }
        Ok(())
    }

    /// The values from number `from` on, or as many of them as the server gives.
    async fn part(&mut self, dn: &str, attribute: &str, from: u64, deadline: Instant) -> Result<Part, DirectoryFault> {
        let wanted = format!("{attribute};range={from}-*");
        let filter = Filter::present("objectClass");
        let attributes = [wanted.as_str()];
        let search = Search { base: dn, scope: Scope::Base, filter: &filter, attributes: &attributes, limit: 1 };
        let mut entries = self.ask(&search, deadline).await?.entries;
        if let Some(entry) = entries.first_mut()
            && let Some((at, range)) = first_range(entry)
            && range.attribute.eq_ignore_ascii_case(attribute)
            && range.from == from
            && range.next.is_none_or(|next| next > from)
        {
            let (_, values) = entry.attributes.swap_remove(at);
            return Ok(Part { values, next: range.next });
        }
        Err(self.incomplete(format!("{attribute} of {dn} ends before value {from}")))
    }

    async fn ask(&mut self, search: &Search<'_>, deadline: Instant) -> Result<Found, DirectoryFault> {
        match self {
            Self::Shared { client, server } => {
                let found = client.whole(search, deadline).await?;
                if found.server == **server {
                    return Ok(found);
                }
                let what = format!("the rest of {} could be had from {} only", search.base, found.server);
                Err(self.incomplete(what))
            }
            Self::Direct { direct, operation_timeout } => {
                direct.ask(search, &[], deadline.min(Instant::now() + *operation_timeout)).await
            }
        }
    }

    fn incomplete(&self, what: String) -> DirectoryFault {
        let server = match self {
            Self::Shared { server, .. } => (*server).clone(),
            Self::Direct { direct, .. } => direct.server().clone(),
        };
        DirectoryFault::Incomplete { server, what }
    }
}

struct Part {
    values: Vec<Vec<u8>>,
    next: Option<u64>,
}

/// What the name of an attribute in parts says.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    attribute: String,
    /// The number of its first value.
    from: u64,
    /// The number of the first value after this part; `None` where it is the last.
    next: Option<u64>,
}

fn first_range(entry: &Entry) -> Option<(usize, Range)> {
    entry.attributes.iter().enumerate().find_map(|(at, (name, _))| Some((at, range(name)?)))
}

fn range(name: &str) -> Option<Range> {
    let (attribute, option) = name.split_once(';')?;
    let (key, span) = option.split_once('=')?;
    let (from, to) = span.split_once('-')?;
    if !key.eq_ignore_ascii_case("range") {
        return None;
    }
    let next = if to == "*" { None } else { Some(to.parse::<u64>().ok()?.checked_add(1)?) };
    Some(Range { attribute: attribute.to_owned(), from: from.parse().ok()?, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_from_an_attributes_name() {
        let part = |from, next| Some(Range { attribute: "member".into(), from, next });
        assert_eq!(range("member;range=0-1499"), part(0, Some(1_500)));
        assert_eq!(range("member;Range=1500-*"), part(1_500, None));
        for other in ["member", "cn;lang-de", "userCertificate;binary", "member;range=0", "member;range=0-x"] {
            assert_eq!(range(other), None, "{other}");
        }
    }
}
