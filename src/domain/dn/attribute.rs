//! Attribute types in a distinguished name: one normal name for each spelling (RFC 4514 §2.3, RFC 4519 §2).

use std::borrow::Cow;

struct Known {
    normal: &'static str,
    also: &'static [&'static str],
    oid: &'static str,
}

/// The normal, lower-case name of an attribute type, `None` if the text is neither a name nor an object identifier.
/// Types this table does not know keep their own name, in lower case.
pub(super) fn normal_name(spelled: &str) -> Option<Cow<'static, str>> {
    let spelled = without_oid_prefix(spelled);
    if !is_descriptor(spelled) && !is_numeric_oid(spelled) {
        return None;
    }
    let known = KNOWN.iter().find(|known| {
        known.oid == spelled
            || known.normal.eq_ignore_ascii_case(spelled)
            || known.also.iter().any(|name| name.eq_ignore_ascii_case(spelled))
    });
    Some(match known {
        Some(known) => Cow::Borrowed(known.normal),
        None => Cow::Owned(spelled.to_ascii_lowercase()),
    })
}

/// RFC 2253 §4 tells readers to accept `OID.2.5.4.3` for `2.5.4.3`, as LDAPv2 wrote it.
fn without_oid_prefix(spelled: &str) -> &str {
    match spelled.split_at_checked(4) {
        Some((prefix, oid)) if prefix.eq_ignore_ascii_case("oid.") => oid,
        Some(_) | None => spelled,
    }
}

/// RFC 4512 §1.4 `descr`.
pub(super) fn is_descriptor(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// RFC 4512 §1.4 `numericoid`: at least two arcs, no leading zeros.
pub(super) fn is_numeric_oid(text: &str) -> bool {
    let is_arc = |arc: &str| {
        !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'))
    };
    text.contains('.') && text.split('.').all(is_arc)
}

const fn known(normal: &'static str, also: &'static [&'static str], oid: &'static str) -> Known {
    Known { normal, also, oid }
}

/// RFC 4519 §2, then what directories name entries by besides (RFC 4524, RFC 2798, RFC 2985, Active Directory).
const KNOWN: &[Known] = &[
    known("cn", &["commonName"], "2.5.4.3"),
    known("ou", &["organizationalUnitName"], "2.5.4.11"),
    known("dc", &["domainComponent"], "0.9.2342.19200300.100.1.25"),
    known("uid", &["userid"], "0.9.2342.19200300.100.1.1"),
    known("o", &["organizationName"], "2.5.4.10"),
    known("c", &["countryName"], "2.5.4.6"),
    known("l", &["localityName"], "2.5.4.7"),
    known("st", &["stateOrProvinceName"], "2.5.4.8"),
    known("street", &["streetAddress"], "2.5.4.9"),
    known("sn", &["surname"], "2.5.4.4"),
    known("givenname", &["gn"], "2.5.4.42"),
    known("title", &[], "2.5.4.12"),
    known("serialnumber", &[], "2.5.4.5"),
    known("description", &[], "2.5.4.13"),
    known("businesscategory", &[], "2.5.4.15"),
    known("postaladdress", &[], "2.5.4.16"),
    known("postalcode", &[], "2.5.4.17"),
    known("postofficebox", &[], "2.5.4.18"),
    known("physicaldeliveryofficename", &[], "2.5.4.19"),
    known("telephonenumber", &[], "2.5.4.20"),
    known("telexnumber", &[], "2.5.4.21"),
    known("teletexterminalidentifier", &[], "2.5.4.22"),
    known("facsimiletelephonenumber", &["fax"], "2.5.4.23"),
    known("x121address", &[], "2.5.4.24"),
    known("internationalisdnnumber", &[], "2.5.4.25"),
    known("registeredaddress", &[], "2.5.4.26"),
    known("destinationindicator", &[], "2.5.4.27"),
    known("preferreddeliverymethod", &[], "2.5.4.28"),
    known("member", &[], "2.5.4.31"),
    known("owner", &[], "2.5.4.32"),
    known("roleoccupant", &[], "2.5.4.33"),
    known("seealso", &[], "2.5.4.34"),
    known("userpassword", &[], "2.5.4.35"),
    known("name", &[], "2.5.4.41"),
    known("initials", &[], "2.5.4.43"),
    known("generationqualifier", &[], "2.5.4.44"),
    known("x500uniqueidentifier", &[], "2.5.4.45"),
    known("dnqualifier", &[], "2.5.4.46"),
    known("distinguishedname", &[], "2.5.4.49"),
    known("uniquemember", &[], "2.5.4.50"),
    known("houseidentifier", &[], "2.5.4.51"),
    known("mail", &["rfc822Mailbox"], "0.9.2342.19200300.100.1.3"),
    known("email", &["emailAddress", "pkcs9email"], "1.2.840.113549.1.9.1"),
    known("employeenumber", &[], "2.16.840.1.113730.3.1.3"),
    known("displayname", &[], "2.16.840.1.113730.3.1.241"),
    known("entryuuid", &[], "1.3.6.1.1.16.4"),
    known("samaccountname", &[], "1.2.840.113556.1.4.221"),
    known("userprincipalname", &[], "1.2.840.113556.1.4.656"),
];
