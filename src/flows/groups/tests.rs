use proptest::prelude::*;

use super::*;
use crate::domain::fixture::directory;

fn entry(dn: &str, attributes: &[(&str, &[&[u8]])]) -> Entry {
    let attributes = attributes
        .iter()
        .map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| value.to_vec()).collect::<Vec<_>>()));
    Entry { dn: dn.into(), attributes: attributes.collect() }
}

fn read(entry: &Entry) -> FoundGroup {
    group(&directory(DirectoryKind::OpenLdap), "1".into(), entry).unwrap()
}

fn members(attribute: &str, values: &[&[u8]]) -> Vec<String> {
    let found = read(&entry("cn=g,dc=x", &[(attribute, values)]));
    found.members.into_iter().map(Folded::into_string).collect()
}

#[test]
fn members_are_compared_by_meaning_whatever_attribute_names_them() {
    assert_eq!(members("member", &[b"CN=A, DC=X", b"cn=a,dc=x", b"no dn", b"", b"\xff"]), ["cn=a,dc=x"]);
    let named: [&[u8]; 3] = [b"cn=a,dc=x#'0101'B", b"cn=c\\#1,dc=x", b"cn=b,dc=x"];
    assert_eq!(members("uniqueMember", &named), ["cn=a,dc=x", "cn=b,dc=x", "cn=c#1,dc=x"]);
    let named: [&[u8]; 4] = [b"Alice", b"a@x.org", b"uid=b,dc=x", b"CORP\\c"];
    assert_eq!(members("memberUid", &named), ["alice"], "memberUid is an account name and nothing else");
}

#[test]
fn a_group_without_a_usable_cn_is_called_as_its_dn_begins() {
    let long = vec![b'x'; MAX_NAME + 1];
    for cn in [&b""[..], b"\x00", b"\xff", &long] {
        assert_eq!(read(&entry("cn=Vpn,dc=x", &[("cn", &[cn])])).name, "Vpn", "{cn:?}");
    }
    assert_eq!(read(&entry("cn=#0401ff,dc=x", &[])).name, "cn=#0401ff,dc=x");
}

#[test]
fn a_dn_that_no_index_takes_makes_no_group_and_no_member() {
    let long = format!("cn={},dc=x", "x".repeat(MAX_FOLDED));
    let fault = group(&directory(DirectoryKind::OpenLdap), "1".into(), &entry(&long, &[])).err().unwrap();
    assert!(fault.contains("2600 bytes"), "{fault}");
    assert_eq!(members("member", &[long.as_bytes(), b"cn=a,dc=x"]), ["cn=a,dc=x"]);
}

#[test]
fn who_names_more_groups_than_are_followed_is_told_and_not_cut() {
    let values: Vec<String> = (0..=MOST_NAMED).map(|number| format!("cn={number},dc=x")).collect();
    let values: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
    let directory = directory(DirectoryKind::OpenLdap);
    assert!(named(&directory, &entry("uid=a,dc=x", &[("memberOf", &values)])).unwrap_err().contains("2001"));
    let (groups, primary) = named(&directory, &entry("uid=a,dc=x", &[("memberOf", &values[1..])])).unwrap();
    assert_eq!((groups.len(), primary), (MOST_NAMED, None));
}

#[test]
fn a_primary_group_is_named_alike_by_the_account_and_by_the_group() {
    let sid = |rid: u8| [&[1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, rid, 2, 0, 0][..]].concat();
    let (alice, users) = (sid(9), sid(1));
    let account = entry("cn=a,dc=x", &[("objectSid", &[&alice]), ("primaryGroupID", &[b"513"])]);
    let ad = directory(DirectoryKind::ActiveDirectory);
    let found = group(&ad, "1".into(), &entry("cn=Domain Users,dc=x", &[("objectSid", &[&users])])).unwrap();
    assert_eq!(found.primary_id.as_deref(), Some("S-1-5-21-513"));
    assert_eq!(named(&ad, &account).unwrap().1, found.primary_id);
    let posix = entry("uid=a,dc=x", &[("gidNumber", &[b"0100"])]);
    assert_eq!(named(&directory(DirectoryKind::OpenLdap), &posix).unwrap().1, read(&posix).primary_id);
}

proptest! {
    #[test]
    fn whatever_a_directory_says_of_a_group_fits_the_database(
        dn in "(cn|ou)=[^,+\"\\\\<>;=#]{1,20},dc=x",
        cn in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..3),
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
    ) {
        let lend = |values: &'_ [Vec<u8>]| values.to_vec();
        let attributes = ["member", "uniqueMember", "memberUid", "gidNumber", "objectSid"];
        let mut all: Vec<(String, Vec<Vec<u8>>)> = attributes.map(|name| (name.to_owned(), lend(&values))).into();
        all.push(("cn".to_owned(), cn));
        let entry = Entry { dn, attributes: all };
        for kind in [DirectoryKind::OpenLdap, DirectoryKind::ActiveDirectory] {
            if let Ok(found) = group(&directory(kind), "1".into(), &entry) {
                let texts = [found.name.as_str(), found.folded.as_str(), found.folded_dn.as_str()];
                let members = found.members.iter().map(Folded::as_str);
                for text in texts.into_iter().chain(members) {
                    prop_assert!(!text.is_empty() && text.len() <= MAX_FOLDED && !text.contains('\0'), "{:?}", text);
                }
                let mut once = found.members.clone();
                once.dedup();
                prop_assert_eq!(once, found.members);
            }
        }
    }
}
