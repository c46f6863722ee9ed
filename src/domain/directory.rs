//! What we know of an upstream directory: where it is, how to trust it, how its schema names things.

use std::time::Duration;

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
    pub connect_timeout: Duration,
    pub operation_timeout: Duration,
}

impl Directory {
    /// The attribute that stays when an account is renamed or moved: RFC 4530 `entryUUID`, AD `objectGUID`.
    pub fn unique_id_attribute(&self) -> &'static str {
        match self.kind {
            DirectoryKind::ActiveDirectory => "objectGUID",
            DirectoryKind::OpenLdap => "entryUUID",
        }
    }

    /// What a bare user name is compared with.
    pub fn account_attribute(&self) -> &'static str {
        match self.kind {
            DirectoryKind::ActiveDirectory => "sAMAccountName",
            DirectoryKind::OpenLdap => "uid",
        }
    }

    /// What `user@domain` is compared with.
    pub fn at_attributes(&self) -> &'static [&'static str] {
        match self.kind {
            DirectoryKind::ActiveDirectory => &["userPrincipalName", "mail"],
            DirectoryKind::OpenLdap => &["mail"],
        }
    }

    /// People, as an import without a filter understands it.
    pub fn people_filter(&self) -> &'static str {
        match self.kind {
            DirectoryKind::ActiveDirectory => "(&(objectCategory=person)(objectClass=user)(!(objectClass=computer)))",
            DirectoryKind::OpenLdap => "(objectClass=person)",
        }
    }

    /// The unique id of an entry as text: lower-case, hyphenated. `None` if the value is not one.
    ///
    /// AD stores the first three groups little-endian (MS-DTYP §2.3.4.2); `entryUUID` is text (RFC 4530 §2.1).
    pub fn unique_id(&self, value: &[u8]) -> Option<UniqueId> {
        match self.kind {
            DirectoryKind::ActiveDirectory => {
                let bytes = <[u8; 16]>::try_from(value).ok()?;
                Some(UniqueId(uuid::Uuid::from_bytes_le(bytes).to_string()))
            }
            DirectoryKind::OpenLdap => {
                let text = std::str::from_utf8(value).ok()?;
                Some(UniqueId(uuid::Uuid::parse_str(text).ok()?.to_string()))
            }
        }
    }
}

/// The identity of an account within its directory. Never a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UniqueId(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_shown_as_active_directory_shows_it() {
        let directory = Directory {
            id: DirectoryId(uuid::Uuid::nil()),
            name: "corp".into(),
            kind: DirectoryKind::ActiveDirectory,
            servers: vec![],
            base_dn: String::new(),
            bind_dn: String::new(),
            bind_password: Password::new([]),
            ca_pem: None,
            domain: None,
            connect_timeout: Duration::ZERO,
            operation_timeout: Duration::ZERO,
        };
        let bytes = [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        assert_eq!(directory.unique_id(&bytes).unwrap().0, "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(directory.unique_id(&bytes[1..]), None);
    }
}
