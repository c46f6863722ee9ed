//! A client: the system that asks us to sign users in, and the policy it asks under.

pub mod radius;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::dn::Dn;
use super::factor::Factor;
use super::ids::{ClientId, DirectoryId};
use radius::RadiusPolicy;

/// What becomes of an account of the directory that Vestibule does not know, or that has no factor yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserMatch {
    /// Stays out.
    Refuse,
    /// The password is enough, until a first factor is enrolled.
    PasswordOnly,
    /// Stays out, and the record says that enrolment is due.
    MustEnrol,
}

/// Which accounts pass on the password alone because machines use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceAccounts {
    /// This entry.
    Exact(Dn),
    /// Every entry strictly below this one.
    Subtree(Dn),
    /// Members of this group; the text is the group's DN as the directory spells it.
    Group(String),
}

impl ServiceAccounts {
    /// Is it one of these, whatever address it comes from? `groups`: the DNs of its groups in comparison form.
    pub fn covers(&self, entry: &Dn, groups: &[String]) -> bool {
        match self {
            Self::Exact(dn) => dn == entry,
            Self::Subtree(base) => entry != base && entry.is_under(base),
            Self::Group(dn) => Dn::parse(dn).is_ok_and(|dn| groups.iter().any(|group| group == dn.folded().as_str())),
        }
    }
}

/// One exemption, perhaps only from some addresses (empty = from any address of the client).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    pub who: ServiceAccounts,
    pub from: Vec<IpNet>,
}

/// How a code may stand in the password field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeForm {
    /// `password,123456`: the last one in the field counts.
    pub delimiter: Option<char>,
    /// `password123456`: this many digits at the end, 6 to 8.
    pub fixed_length: Option<u8>,
}

impl CodeForm {
    pub const DEFAULT: Self = Self { delimiter: Some(','), fixed_length: None };
}

/// A gateway and its policy; or the user portal, which asks like one.
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that an administrator sets")]
pub struct Client {
    pub id: ClientId,
    pub name: String,
    /// Clients of one group share prompts and grace; by default a client is a group of its own.
    pub group: String,
    pub directory: DirectoryId,
    pub addresses: Vec<IpNet>,
    pub user_match: UserMatch,
    /// What may serve as the second factor.
    pub factors: Vec<Factor>,
    /// An approval without a number to match. A door without a screen can do no other; never AAL2 (SP 800-63B §3.1.3).
    pub bare_approval: bool,
    /// We answer within this time, which must be shorter than the gateway's own; 1 s to 10 min.
    pub answer_by: Duration,
    /// How long a success serves the same bind again; 0 to 60 s.
    pub grace: Duration,
    /// Sources from which the password is enough.
    pub trusted_networks: Vec<IpNet>,
    pub service_accounts: Vec<ServiceAccount>,
    pub code_form: CodeForm,
    /// May passwords come without TLS?
    pub allow_plaintext: bool,
    /// May operations run without a bind?
    pub allow_anonymous: bool,
    /// May the root DSE be read without a bind? Health probes do.
    pub allow_root_dse: bool,
    /// May Compare ask about password attributes? It tests a password without a bind.
    pub allow_password_compare: bool,
    /// The user portal of the directory: it has no addresses, and no gateway is ever taken for it.
    pub portal: bool,
    /// At the portal: may somebody who has never enrolled come in on the password alone, to enrol and for nothing else?
    pub first_enrolment: bool,
    /// `None`: it does not speak RADIUS.
    pub radius: Option<RadiusPolicy>,
}

impl Client {
    /// The portal of a directory, as it is made: nothing stands in the password field but the password, and a prompt always
    /// shows its number.
    pub fn portal_of(id: ClientId, directory: DirectoryId, name: String) -> Self {
        Self {
            id,
            group: name.clone(),
            name,
            directory,
            addresses: vec![],
            user_match: UserMatch::MustEnrol,
            factors: Factor::ALL.to_vec(),
            bare_approval: false,
            answer_by: Duration::from_mins(1),
            grace: Duration::ZERO,
            trusted_networks: vec![],
            service_accounts: vec![],
            code_form: CodeForm { delimiter: None, fixed_length: None },
            allow_plaintext: false,
            allow_anonymous: false,
            allow_root_dse: false,
            allow_password_compare: false,
            portal: true,
            first_enrolment: true,
            radius: None,
        }
    }

    /// May an expired password be changed where this client asks?
    pub fn changes_passwords(&self) -> bool {
        self.portal || self.radius.as_ref().is_some_and(|radius| radius.password_change)
    }

    pub fn speaks_from(&self, address: IpAddr) -> bool {
        contains(&self.addresses, address)
    }

    /// The longest prefix of the networks it speaks from that holds this address.
    fn prefix_at(&self, address: IpAddr) -> Option<u8> {
        let address = address.to_canonical();
        self.addresses.iter().filter(|net| net.contains(&address)).map(IpNet::prefix_len).max()
    }

    /// May others speak from the same addresses? Such a client speaks RADIUS alone, which tells them apart.
    pub fn shares_addresses(&self) -> bool {
        self.radius.as_ref().is_some_and(|radius| radius.nas_identifier.is_some())
    }

    /// Is the password enough from there? Nowhere known is nowhere trusted.
    pub fn trusts(&self, whereabouts: Option<IpAddr>) -> bool {
        whereabouts.is_some_and(|whereabouts| contains(&self.trusted_networks, whereabouts))
    }

    /// Is this entry a service account by its own DN, bound from this source? Groups are the directory's to answer:
    /// [`Client::exempt_groups`].
    pub fn exempts(&self, entry: &Dn, source: IpAddr) -> bool {
        self.service_accounts.iter().any(|account| account.applies_from(source) && account.who.covers(entry, &[]))
    }

    /// Groups whose members are service accounts when they bind from this source.
    pub fn exempt_groups(&self, source: IpAddr) -> impl Iterator<Item = &str> {
        self.service_accounts.iter().filter(move |account| account.applies_from(source)).filter_map(|account| {
            match &account.who {
                ServiceAccounts::Group(dn) => Some(dn.as_str()),
                ServiceAccounts::Exact(_) | ServiceAccounts::Subtree(_) => None,
            }
        })
    }
}

impl ServiceAccount {
    fn applies_from(&self, source: IpAddr) -> bool {
        self.from.is_empty() || contains(&self.from, source)
    }
}

/// An IPv4 address that came over an IPv6 socket is that IPv4 address (RFC 4291 §2.5.5.2).
pub fn contains(nets: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    nets.iter().any(|net| net.contains(&address))
}

/// The client that speaks from an address where nothing but the address tells: the one with the longest matching prefix.
pub fn by_address(clients: &[Arc<Client>], address: IpAddr) -> Option<&Arc<Client>> {
    let alone = clients.iter().filter(|client| !client.shares_addresses());
    closest(alone, address).map(|(_, client)| client)
}

/// The RADIUS clients that may speak from an address: those with the longest matching prefix. More than one only where
/// each has a NAS-Identifier of its own.
pub fn radius_by_address(clients: &[Arc<Client>], address: IpAddr) -> Vec<&Arc<Client>> {
    let speakers = || clients.iter().filter(|client| client.radius.is_some());
    let Some((longest, _)) = closest(speakers(), address) else { return vec![] };
    speakers().filter(|client| client.prefix_at(address) == Some(longest)).collect()
}

fn closest<'c>(clients: impl Iterator<Item = &'c Arc<Client>>, address: IpAddr) -> Option<(u8, &'c Arc<Client>)> {
    clients
        .filter_map(|client| client.prefix_at(address).map(|prefix| (prefix, client)))
        .max_by_key(|(prefix, _)| *prefix)
}
