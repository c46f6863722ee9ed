//! What we know of an upstream directory: where it is, how to trust it, how its schema names things.

pub mod attributes;
pub mod password;
pub mod profile;
pub mod state;

use std::time::Duration;

use self::attributes::{AttributeMap, Field, UniqueIdKind};
use super::ids::DirectoryId;
use super::secret::Password;

/// Which schema and which habits to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryKind {
    /// Microsoft Active Directory and Samba AD.
    ActiveDirectory,
    /// OpenLDAP and whatever else follows RFC 4519 and RFC 4530.
    OpenLdap,
}

/// How bytes to a directory server are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TLS from the first byte.
    Ldaps,
    /// TLS by the StartTLS operation (RFC 4511 §4.14); a server that refuses it is not used.
    StartTls,
    /// None: only by explicit choice of the administrator.
    Plain,
}

/// One server of a directory. Order in the list is order of preference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Server {
    /// A host name or address; with TLS the certificate must carry it.
    pub host: String,
    pub port: u16,
    pub transport: Transport,
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.transport == Transport::Ldaps { "ldaps" } else { "ldap" };
        let bracketed = self.host.contains(':');
        let (open, close) = if bracketed { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

/// An upstream directory with everything needed to ask it.
#[derive(Clone)]
pub struct Directory {
    pub id: DirectoryId,
    pub name: String,
    pub kind: DirectoryKind,
    pub servers: Vec<Server>,
    pub base_dn: String,
    /// The account we search with; empty = anonymous.
    pub bind_dn: String,
    pub bind_password: Password,
    /// PEM certificates to trust instead of the system's.
    pub ca_pem: Option<String>,
    /// The NetBIOS name in `DOMAIN\user`, where accounts have one.
    pub domain: Option<String>,
    /// What differs from the preset of its kind.
    pub attributes: AttributeMap,
    pub page_size: PageSize,
    pub connect_timeout: Duration,
    pub operation_timeout: Duration,
}

/// Entries asked for at a time. Active Directory gives at most 1000 (MaxPageSize), whatever is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    pub const LEAST: u16 = 1;
    pub const MOST: u16 = 1000;

    /// `None` outside 1 to 1000.
    pub fn new(entries: u16) -> Option<Self> {
        (Self::LEAST..=Self::MOST).contains(&entries).then_some(Self(entries))
    }

    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(500)
    }
}

impl Directory {
    /// The attribute that stays when an account is renamed or moved: RFC 4530 `entryUUID`, AD `objectGUID`.
    pub fn unique_id_attribute(&self) -> &str {
        self.first(&Field::UniqueId)
    }

    /// What a bare user name is compared with. Names that stand in for it in an import are no sign-in names by it.
    pub fn account_attribute(&self) -> &str {
        self.first(&Field::UserName)
    }

    /// The user names of an entry: the preferred attribute first.
    pub fn user_name_attributes(&self) -> Vec<&str> {
        self.attributes.names(self.kind, &Field::UserName)
    }

    /// The attribute in which the directory keeps `user@domain` unique, where it does (MS-ADA3 §2.349).
    pub fn principal_attribute(&self) -> Option<&str> {
        self.attributes.first(self.kind, &Field::Principal)
    }

    /// What `user@domain` is compared with.
    pub fn at_attributes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.principal_attribute().into_iter().collect();
        names.extend(self.attributes.names(self.kind, &Field::Mail));
        names
    }

    /// The attribute that lists an entry's groups by DN, if there is one.
    pub fn groups_attribute(&self) -> Option<&str> {
        self.attributes.first(self.kind, &Field::Groups)
    }

    /// People, as an import without a filter understands it.
    pub fn people_filter(&self) -> &str {
        self.attributes.people_filter.as_deref().unwrap_or(match self.kind {
            DirectoryKind::ActiveDirectory => "(&(objectCategory=person)(objectClass=user)(!(objectClass=computer)))",
            DirectoryKind::OpenLdap => "(objectClass=person)",
        })
    }

    /// Groups. In Active Directory only security groups: the bit 0x80000000 of groupType (MS-ADTS §2.2.12).
    pub fn group_filter(&self) -> &str {
        self.attributes.group_filter.as_deref().unwrap_or(match self.kind {
            DirectoryKind::ActiveDirectory => "(&(objectCategory=group)(groupType:1.2.840.113556.1.4.803:=2147483648))",
            DirectoryKind::OpenLdap => {
                "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))"
            }
        })
    }

    pub fn unique_id_kind(&self) -> UniqueIdKind {
        self.attributes.unique_id_kind.unwrap_or(match self.kind {
            DirectoryKind::ActiveDirectory => UniqueIdKind::Guid,
            DirectoryKind::OpenLdap => UniqueIdKind::Uuid,
        })
    }

    /// The unique id of an entry as text; UUIDs lower-case, hyphenated. `None` if the value is not one.
    pub fn unique_id(&self, value: &[u8]) -> Option<UniqueId> {
        match self.unique_id_kind() {
            UniqueIdKind::Guid => {
                let bytes = <[u8; 16]>::try_from(value).ok()?;
                Some(UniqueId(uuid::Uuid::from_bytes_le(bytes).to_string()))
            }
            UniqueIdKind::Uuid => {
                let text = std::str::from_utf8(value).ok()?;
                Some(UniqueId(uuid::Uuid::parse_str(text).ok()?.to_string()))
            }
            UniqueIdKind::Text => {
                let text = std::str::from_utf8(value).ok()?;
                let fine = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
                fine.then(|| UniqueId(text.to_owned()))
            }
        }
    }

    /// A unique id as the directory itself writes it, to ask for the entry.
    pub fn unique_id_value(&self, id: &UniqueId) -> Vec<u8> {
        match (self.unique_id_kind(), uuid::Uuid::parse_str(&id.0)) {
            (UniqueIdKind::Guid, Ok(uuid)) => uuid.to_bytes_le().to_vec(),
            (UniqueIdKind::Guid | UniqueIdKind::Uuid | UniqueIdKind::Text, _) => id.0.clone().into_bytes(),
        }
    }

    /// Would a stored password go to somebody it has not been given to before? A new host, port or transport, other
    /// certificates to trust or another account: then it must be entered anew (SECURITY R41, CVE-2024-5967).
    pub fn needs_password_anew(&self, before: &Self) -> bool {
        self.servers.iter().any(|server| !before.servers.contains(server))
            || self.ca_pem != before.ca_pem
            || self.bind_dn != before.bind_dn
    }

    /// The first attribute of a field that every directory has: a checked map cannot be without it.
    fn first(&self, field: &Field) -> &str {
        self.attributes.first(self.kind, field).unwrap_or_default()
    }
}

/// The identity of an account within its directory. Never a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UniqueId(pub String);

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn directory(kind: DirectoryKind) -> Directory {
        let servers = vec![server("dc1", 636, Transport::Ldaps), server("dc2", 636, Transport::Ldaps)];
        Directory { servers, base_dn: String::new(), bind_dn: "cn=svc".into(), ..fixture::directory(kind) }
    }

    fn server(host: &str, port: u16, transport: Transport) -> Server {
        Server { host: host.into(), port, transport }
    }

    #[test]
    fn a_guid_is_shown_as_active_directory_shows_it() {
        let directory = directory(DirectoryKind::ActiveDirectory);
        let bytes = [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        assert_eq!(directory.unique_id(&bytes).unwrap().0, "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(directory.unique_id(&bytes[1..]), None);
        assert_eq!(directory.unique_id_value(&directory.unique_id(&bytes).unwrap()), bytes);
    }

    #[test]
    fn a_unique_id_of_plain_text_is_itself_and_one_line() {
        let mut directory = directory(DirectoryKind::OpenLdap);
        directory.attributes.unique_id_kind = Some(UniqueIdKind::Text);
        assert_eq!(directory.unique_id(b"E-0815").unwrap().0, "E-0815");
        for refused in [&b""[..], b"\xff", b"a\nb", &[b'a'; 256]] {
            assert_eq!(directory.unique_id(refused), None);
        }
    }

    #[test]
    fn the_presets_name_what_a_sign_in_asks_for() {
        let (ad, openldap) = (directory(DirectoryKind::ActiveDirectory), directory(DirectoryKind::OpenLdap));
        assert_eq!((ad.unique_id_attribute(), ad.account_attribute()), ("objectGUID", "sAMAccountName"));
        assert_eq!((openldap.unique_id_attribute(), openldap.account_attribute()), ("entryUUID", "uid"));
        assert_eq!(ad.at_attributes(), ["userPrincipalName", "mail"]);
        assert_eq!(openldap.at_attributes(), ["mail"]);
    }

    #[test]
    fn a_stored_password_goes_nowhere_it_has_not_been_given_to() {
        let before = directory(DirectoryKind::ActiveDirectory);
        let changed = |change: fn(&mut Directory)| {
            let mut after = before.clone();
            change(&mut after);
            after.needs_password_anew(&before)
        };
        assert!(changed(|it| it.servers = vec![server("dc3", 636, Transport::Ldaps)]), "host");
        assert!(changed(|it| it.servers.push(server("dc1", 3269, Transport::Ldaps))), "port");
        assert!(changed(|it| it.servers.push(server("dc1", 636, Transport::Plain))), "transport");
        assert!(changed(|it| it.ca_pem = Some("another".into())), "trust");
        assert!(changed(|it| it.bind_dn = "cn=other".into()), "account");
        assert!(!changed(|it| it.servers.reverse()), "order");
        assert!(!changed(|it| it.servers.truncate(1)), "fewer");
        assert!(!changed(|it| it.base_dn = "dc=x".into()), "base");
    }
}
