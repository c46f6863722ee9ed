//! Active Directory gives at most 1,500 values of an attribute at once and names the rest by a range (MS-ADTS
//! §3.1.1.3.1.3.3): `member;range=0-1499`. A group with 1,501 members must not lose one, so the rest is asked for.

use tokio::time::Instant;

use super::client::DirectoryClient;
use super::fault::DirectoryFault;
use super::search::Search;
use crate::wire::filter::Filter;
use crate::wire::message::{Entry, Scope};

impl DirectoryClient {
    /// Puts every attribute that came in parts together, under its plain name.
    pub(super) async fn complete_ranges(&self, entries: &mut [Entry], deadline: Instant) -> Result<(), DirectoryFault> {
        for entry in entries {
            while let Some((at, range)) = first_range(entry) {
                let (_, mut values) = entry.attributes.swap_remove(at);
                let mut next = range.next;
                while let Some(from) = next {
                    let part = self.part(&entry.dn, &range.attribute, from, deadline).await?;
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
    async fn part(&self, dn: &str, attribute: &str, from: u64, deadline: Instant) -> Result<Part, DirectoryFault> {
        let wanted = format!("{attribute};range={from}-*");
        let filter = Filter::present("objectClass");
        let attributes = [wanted.as_str()];
        let search = Search { base: dn, scope: Scope::Base, filter: &filter, attributes: &attributes, limit: 1 };
        let found = self.whole(&search, deadline).await?;
        let mut entries = found.entries;
        if let Some(entry) = entries.first_mut()
            && let Some((at, range)) = first_range(entry)
            && range.attribute.eq_ignore_ascii_case(attribute)
            && range.next.is_none_or(|next| next > from)
        {
            let (_, values) = entry.attributes.swap_remove(at);
            return Ok(Part { values, next: range.next });
        }
        let what = format!("{attribute} of {dn} ends before value {from}");
        Err(DirectoryFault::Incomplete { server: found.server, what })
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
    /// The number of the first value after this part; `None` where it is the last.
    next: Option<u64>,
}

fn first_range(entry: &Entry) -> Option<(usize, Range)> {
    entry.attributes.iter().enumerate().find_map(|(at, (name, _))| Some((at, range(name)?)))
}

fn range(name: &str) -> Option<Range> {
    let (attribute, option) = name.split_once(';')?;
    let (key, span) = option.split_once('=')?;
    let (_, to) = span.split_once('-')?;
    if !key.eq_ignore_ascii_case("range") {
        return None;
    }
    let next = if to == "*" { None } else { Some(to.parse::<u64>().ok()?.checked_add(1)?) };
    Some(Range { attribute: attribute.to_owned(), next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_from_an_attributes_name() {
        let part = |next| Some(Range { attribute: "member".into(), next });
        assert_eq!(range("member;range=0-1499"), part(Some(1_500)));
        assert_eq!(range("member;Range=1500-*"), part(None));
        for other in ["member", "cn;lang-de", "userCertificate;binary", "member;range=0", "member;range=0-x"] {
            assert_eq!(range(other), None, "{other}");
        }
    }
}
