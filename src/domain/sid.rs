//! Security identifiers of Active Directory. An account's primary group stands in neither `member` nor `memberOf`, only in
//! `primaryGroupID`, as the last part of a SID whose other parts are the account's.

use std::fmt;

/// Most sub-authorities of a SID (MS-DTYP §2.4.2.2).
const MAX_SUB_AUTHORITIES: usize = 15;
/// Revision, count and identifier authority, in bytes.
const HEAD: usize = 8;

/// A security identifier, such as `S-1-5-21-1-2-3-513`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sid {
    /// Six bytes, most significant first.
    authority: [u8; 6],
    sub_authorities: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SidFault {
    #[error("the SID has revision {0}; only 1 is known")]
    Revision(u8),
    #[error("the SID names {0} sub-authorities; 1 to {MAX_SUB_AUTHORITIES} are allowed")]
    Count(u8),
    #[error("the SID is {0} bytes long, which is not the length it names")]
    Length(usize),
}

impl Sid {
    /// Reads `objectSid` (MS-DTYP §2.4.2.2): exactly one SID, nothing behind it.
    pub fn parse(bytes: &[u8]) -> Result<Self, SidFault> {
        let Some((&[revision, count, ref authority @ ..], rest)) = bytes.split_first_chunk::<HEAD>() else {
            return Err(SidFault::Length(bytes.len()));
        };
        if revision != 1 {
            return Err(SidFault::Revision(revision));
        }
        if count == 0 || usize::from(count) > MAX_SUB_AUTHORITIES {
            return Err(SidFault::Count(count));
        }
        if rest.len() != usize::from(count) * 4 {
            return Err(SidFault::Length(bytes.len()));
        }
        let quads = rest.chunks_exact(4).filter_map(|quad| <[u8; 4]>::try_from(quad).ok());
        Ok(Self { authority: *authority, sub_authorities: quads.map(u32::from_le_bytes).collect() })
    }

    /// The SID in the same domain with another last part: an account's `objectSid` and `primaryGroupID` give the group.
    #[must_use]
    pub fn sibling(&self, rid: u32) -> Self {
        let mut sub_authorities = self.sub_authorities.clone();
        sub_authorities.pop();
        sub_authorities.push(rid);
        Self { authority: self.authority, sub_authorities }
    }
}

/// MS-DTYP §2.4.2.1, the authority always in decimal: one text for one SID.
impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        write!(f, "S-1-{authority}")?;
        self.sub_authorities.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(parts: &[u32]) -> Vec<u8> {
        let mut bytes = vec![1, u8::try_from(parts.len()).unwrap(), 0, 0, 0, 0, 0, 5];
        bytes.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
        bytes
    }

    #[test]
    fn the_primary_group_is_in_the_accounts_domain() {
        let alice = Sid::parse(&sid(&[21, 1, 2, 3, 1104])).unwrap();
        assert_eq!(alice.sibling(513), Sid::parse(&sid(&[21, 1, 2, 3, 513])).unwrap());
        assert_eq!(alice.sibling(513).to_string(), "S-1-5-21-1-2-3-513");
    }

    #[test]
    fn a_sid_that_is_not_what_it_says_is_refused() {
        let good = sid(&[21, 1]);
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            Sid::parse(&bytes)
        };
        assert_eq!(with(0, 2), Err(SidFault::Revision(2)));
        assert_eq!(with(1, 0), Err(SidFault::Count(0)));
        assert_eq!(with(1, 16), Err(SidFault::Count(16)));
        assert_eq!(with(1, 3), Err(SidFault::Length(16)));
        assert_eq!(Sid::parse(&good[..15]), Err(SidFault::Length(15)));
        assert_eq!(Sid::parse(&[]), Err(SidFault::Length(0)));
    }
}
