//! The people of the benchmark's directory, each made from a number, so that directory, database and load generator
//! agree without asking each other.

use std::fmt::Write as _;
use std::io::{self, Write};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::{Digest as _, Sha1};
use uuid::Uuid;

pub const SUFFIX: &str = "dc=bench,dc=test";
/// The gateway's service account.
pub const GATEWAY: &str = "cn=gateway,ou=services,dc=bench,dc=test";
/// The appliance's own account.
pub const APPLIANCE: &str = "cn=vestibule,ou=services,dc=bench,dc=test";
/// An entry with a large photograph.
pub const LARGE: &str = "cn=large,ou=services,dc=bench,dc=test";
pub const LARGE_BYTES: usize = 1024 * 1024;
/// Everybody below it passes on the password alone.
pub const EXEMPT_BASE: &str = "ou=exempt,dc=bench,dc=test";

/// What somebody's sign-in needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The password.
    Exempt,
    /// A counter-based code. Has an app, too.
    Hotp,
    /// A time-based code. Has an app, too.
    Totp,
    /// An approval by an app.
    App,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Exempt, Self::Hotp, Self::Totp, Self::App];

    /// How many there are of them.
    pub fn count(self) -> usize {
        match self {
            Self::Exempt | Self::Hotp => 10_000,
            Self::Totp => 5_000,
            Self::App => 50_000,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Exempt => 'e',
            Self::Hotp => 'h',
            Self::Totp => 't',
            Self::App => 'a',
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Exempt => "exempt",
            Self::Hotp | Self::Totp | Self::App => "people",
        }
    }

    /// Eight digits where nobody types them: two of an authenticator's neighbouring six-digit codes are equal once in
    /// fifty thousand sign-ins, and such a one is rightly refused as a replay.
    pub fn digits(self) -> u32 {
        if self == Self::Totp { 6 } else { 8 }
    }
}

/// One person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Person {
    pub kind: Kind,
    pub number: usize,
}

impl Person {
    pub fn all(kind: Kind) -> impl Iterator<Item = Self> {
        (0..kind.count()).map(move |number| Self { kind, number })
    }

    pub fn uid(&self) -> String {
        format!("{}{:06}", self.kind.letter(), self.number)
    }

    pub fn dn(&self) -> String {
        format!("uid={},ou={},{SUFFIX}", self.uid(), self.kind.unit())
    }

    pub fn password(&self) -> String {
        format!("pw-{}", self.uid())
    }

    /// entryUUID.
    pub fn unique_id(&self) -> Uuid {
        self.drawn("entry")
    }

    /// The id in the appliance's database; drawn, so that neighbours in the directory are no neighbours there.
    pub fn user_id(&self) -> Uuid {
        self.drawn("user")
    }

    pub fn drawn(&self, what: &str) -> Uuid {
        let [first @ .., _, _, _, _] = self.digest(what);
        Uuid::from_bytes(first)
    }

    pub fn seed(&self) -> [u8; 20] {
        self.digest("seed")
    }

    fn digest(&self, what: &str) -> [u8; 20] {
        Sha1::new().chain_update(what).chain_update(self.uid()).finalize().into()
    }

    /// RFC 4226 §5.3.
    pub fn code(&self, counter: u64) -> String {
        code(&self.seed(), counter, self.kind.digits())
    }

    /// The time-based code of this moment (RFC 6238, 30 seconds).
    pub fn code_at(&self, unix_seconds: i64) -> String {
        self.code(u64::try_from(unix_seconds).unwrap_or(0) / 30)
    }
}

fn code(seed: &[u8], counter: u64, digits: u32) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(seed) else { return String::new() };
    mac.update(&counter.to_be_bytes());
    let hash: [u8; 20] = mac.finalize().into_bytes().into();
    let offset = usize::from(hash[19] & 0x0f);
    let word = hash.iter().skip(offset).take(4).fold(0, |word, byte| word << 8 | u32::from(*byte)) & 0x7fff_ffff;
    let number = word % 10_u32.pow(digits);
    format!("{number:0width$}", width = digits as usize)
}

/// `{SSHA}`: RFC 2307 with a salt, as OpenLDAP stores it.
fn salted(password: &str, salt: [u8; 4]) -> String {
    let mut bytes = Sha1::new().chain_update(password).chain_update(salt).finalize().to_vec();
    bytes.extend(salt);
    format!("{{SSHA}}{}", BASE64.encode(&bytes))
}

/// Passwords of the two service accounts.
pub struct Services<'a> {
    pub gateway: &'a str,
    pub appliance: &'a str,
}

/// A member of a crowd, by number.
pub fn member(number: usize) -> String {
    format!("uid=m{number:07},ou=people,{SUFFIX}")
}

/// A directory of people that is only read, as LDIF (RFC 2849).
pub fn write_crowd(out: &mut impl Write, people: usize, appliance_password: &str) -> io::Result<()> {
    writeln!(out, "dn: {SUFFIX}\nobjectClass: domain\ndc: bench\n")?;
    for unit in ["services", "people"] {
        writeln!(out, "dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n")?;
    }
    let password = salted(appliance_password, *b"salt");
    writeln!(out, "dn: {APPLIANCE}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject")?;
    writeln!(out, "userPassword: {password}\n")?;
    for number in 0..people {
        let dn = member(number);
        writeln!(out, "dn: {dn}\nobjectClass: inetOrgPerson\nuid: m{number:07}\ncn: Person {number}")?;
        writeln!(out, "givenName: Person\nsn: {number}\nmail: m{number:07}@bench.test")?;
        writeln!(out, "telephoneNumber: +49 30 {number:07}\nmobile: +49 170 {number:07}\n")?;
    }
    Ok(())
}

/// The whole directory as LDIF (RFC 2849).
pub fn write_ldif(out: &mut impl Write, services: &Services<'_>) -> io::Result<()> {
    writeln!(out, "dn: {SUFFIX}\nobjectClass: domain\ndc: bench\n")?;
    for unit in ["services", "exempt", "people"] {
        writeln!(out, "dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n")?;
    }
    for (dn, password) in [(GATEWAY, services.gateway), (APPLIANCE, services.appliance)] {
        let password = salted(password, *b"salt");
        writeln!(out, "dn: {dn}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject")?;
        writeln!(out, "userPassword: {password}\n")?;
    }
    let photograph: Vec<u8> = (0..LARGE_BYTES).map(|at| u8::try_from(at * 7 % 251).unwrap_or(0)).collect();
    writeln!(out, "dn: {LARGE}\nobjectClass: inetOrgPerson\ncn: large\nsn: large")?;
    writeln!(out, "jpegPhoto:: {}\n", BASE64.encode(&photograph))?;
    for person in Kind::ALL.into_iter().flat_map(Person::all) {
        let (dn, uid, unique_id) = (person.dn(), person.uid(), person.unique_id());
        let salt = person.seed();
        let password = salted(&person.password(), [salt[0], salt[1], salt[2], salt[3]]);
        let mut entry = format!("dn: {dn}\nobjectClass: inetOrgPerson\nuid: {uid}\nentryUUID: {unique_id}\n");
        let number = person.number;
        let _ = write!(entry, "cn: Person {number}\nsn: {number}\nmail: {uid}@bench.test\n");
        let _ = write!(entry, "telephoneNumber: +49 30 5550{number}\nmobile: +49 170 555{number}\n");
        writeln!(out, "{entry}userPassword: {password}\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let codes: Vec<String> = (0..4).map(|counter| code(b"12345678901234567890", counter, 6)).collect();
        assert_eq!(codes, ["755224", "287082", "359152", "969429"]);
    }
}
