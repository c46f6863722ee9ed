use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn the_examples_of_rfc_4514_are_read_and_written_in_one_form() {
    for (text, written) in [
        ("UID=jsmith,DC=example,DC=net", "uid=jsmith,dc=example,dc=net"),
        ("OU=Sales+CN=J.  Smith,DC=example,DC=net", "cn=J.  Smith+ou=Sales,dc=example,dc=net"),
        ("CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net", "cn=James \\\"Jim\\\" Smith\\, III,dc=example,dc=net"),
        ("CN=Before\\0dAfter,DC=example,DC=net", "cn=Before\\0dAfter,dc=example,dc=net"),
        ("1.3.6.1.4.1.1466.0=#04024869", "1.3.6.1.4.1.1466.0=Hi"),
        ("CN=Lu\\C4\\8Di\\C4\\87", "cn=Lučić"),
    ] {
        assert_eq!(dn(text).to_string(), written);
        assert_eq!(dn(written), dn(text));
    }
}

#[test]
fn writing_escapes_what_would_be_read_as_something_else() {
    for (value, written) in [
        ("plain", "plain"),
        (" outer ", "\\ outer\\ "),
        (" ", "\\ "),
        ("#04024869", "\\#04024869"),
        ("a#b=c", "a#b=c"),
        ("a,b+c;d<e>f\"g\\h", "a\\,b\\+c\\;d\\<e\\>f\\\"g\\\\h"),
        ("a\0b\n\u{85}", "a\\00b\\0a\\c2\\85"),
        ("x,dc=evil", "x\\,dc=evil"),
    ] {
        assert_eq!(value_text(value), written);
    }
}

#[test]
fn equal_names_are_one_entry_of_a_set_and_one_key_of_the_store() {
    let spellings = ["CN=Alice+OU=x,DC=org", "ou=X + cn=alice ; dc=ORG", "2.5.4.3=#0c05616c696365+ou=\\58,dc=org"];
    let set: HashSet<Dn> = spellings.iter().map(|text| dn(text)).collect();
    assert_eq!(set.len(), 1);
    let keys: HashSet<Folded> = spellings.iter().map(|text| dn(text).folded()).collect();
    assert_eq!(keys.len(), 1);
    assert_ne!(dn("cn=a\\,dc=b"), dn("cn=a,dc=b"));
    assert_ne!(dn("cn=a\\,dc=b").folded(), dn("cn=a,dc=b").folded());
    assert_ne!(dn("cn=#020105").folded(), dn("cn=\\#020105").folded());
}

#[test]
fn a_name_is_under_its_own_parents_and_itself_only() {
    let alice = dn("uid=alice,ou=People,dc=example,dc=org");
    for base in
        ["uid=alice,ou=people,dc=example,dc=org", "OU=PEOPLE,DC=EXAMPLE,DC=ORG", "dc=example, dc=org", "dc=org", ""]
    {
        assert!(alice.is_under(&dn(base)), "{base}");
    }
    for base in [
        "uid=bob,ou=people,dc=example,dc=org",
        "ou=people,dc=example",
        "ou=people",
        "uid=alice,ou=people",
        "dc=ample,dc=org",
        "dc=xexample,dc=org",
        "ou=people\\,dc=example,dc=org",
        "cn=x,uid=alice,ou=people,dc=example,dc=org",
    ] {
        assert!(!alice.is_under(&dn(base)), "{base}");
    }
    assert!(!dn("dc=org").is_under(&alice));
}

#[test]
fn parents_lead_up_to_the_root() {
    let alice = dn("uid=alice,ou=people,dc=org");
    assert_eq!(alice.parent(), Some(dn("ou=People,dc=org")));
    assert_eq!(dn("dc=org").parent(), Some(dn("")));
    assert!(dn("").is_root());
    assert_eq!(dn("").parent(), None);
    assert_eq!(dn("").to_string(), "");
}

#[test]
fn the_parts_of_a_name_can_be_looked_at() {
    let alice = dn("UserID=Alice+CN=Alice \\2B,dc=org");
    let avas: Vec<(&str, &Value)> = alice.rdns()[0].avas().iter().map(|ava| (ava.attribute(), ava.value())).collect();
    assert_eq!(avas, [("cn", &Value::Text("Alice +".into())), ("uid", &Value::Text("Alice".into()))]);
    assert_eq!(dn("cn=#020105").rdns()[0].avas()[0].value(), &Value::Ber(vec![2, 1, 5]));
}

#[test]
fn a_name_past_the_bounds_is_refused_by_its_size() {
    let longest = format!("cn={}", "a".repeat(MAX_LENGTH - 3));
    assert_eq!(dn(&longest).to_string(), longest);
    assert_eq!(Dn::parse(&format!("{longest}a")), Err(DnFault::TooLong { length: MAX_LENGTH + 1 }));
    let deepest = vec!["ou=a"; MAX_RDNS].join(",");
    assert_eq!(dn(&deepest).rdns().len(), MAX_RDNS);
    assert_eq!(Dn::parse(&format!("{deepest},ou=a")), Err(DnFault::TooManyRdns));
}

#[test]
fn a_refused_name_is_told_where_and_why() {
    for (text, fault) in [
        ("alice", DnFault::Attribute { at: 5 }),
        ("=alice", DnFault::Attribute { at: 0 }),
        ("cn=a,", DnFault::Attribute { at: 5 }),
        ("  ", DnFault::Attribute { at: 2 }),
        ("cn=a<b", DnFault::Unescaped { found: '<', at: 4 }),
        ("cn=a\tb", DnFault::Unescaped { found: '\t', at: 4 }),
        ("cn=\"a\" b", DnFault::Unescaped { found: 'b', at: 7 }),
        ("cn=a\\xb", DnFault::Escape { at: 4 }),
        ("cn=a\\", DnFault::Escape { at: 4 }),
        ("cn= \"a", DnFault::Unclosed { at: 4 }),
        ("cn=\\FF", DnFault::NotUtf8 { at: 3 }),
        ("cn=#abc", DnFault::Hex { at: 3 }),
        ("cn=#0c0261", DnFault::Ber { at: 3 }),
        ("cn=a\\00", DnFault::Nul { at: 3 }),
        ("cn=", DnFault::Incomparable { at: 3, why: FoldFault::Empty }),
        ("cn=a+2.5.4.3=b", DnFault::Repeated { attribute: "cn".into() }),
    ] {
        assert_eq!(Dn::parse(text), Err(fault), "{text}");
    }
}

#[test]
fn plain_spellings_are_those_no_two_readers_take_differently() {
    for text in [
        "cn=svc,ou=Service Accounts,dc=example,dc=org",
        "CN=svc, OU=Service Accounts, DC=example, DC=org",
        "2.5.4.3=svc,dc=org",
        "cn=svc.netscaler@example.org,dc=x-y",
    ] {
        assert!(is_plain(text), "{text}");
        assert!(Dn::parse(text).is_ok(), "{text}");
    }
    for text in [
        "",
        "svc",
        "cn=",
        "=a",
        "cn=a\\,b",
        "cn=a\\2Cb",
        "cn=\"a\"",
        "cn=#0401",
        "cn=a#b",
        "cn=a+ou=b",
        "cn=a;dc=b",
        "cn=é",
        "cn=a  b",
        " cn=a",
        "cn=a ",
        "cn= a",
        "cn =a",
        "cn=a ,dc=b",
        "cn=a,  dc=b",
        "cn=a,",
        ",cn=a",
        "cn=a=b",
        "cn=<a>",
        "cn=a\tb",
        "cn=a\0",
        "cn=ａ",
        "OID.2.5.4.3=a",
        "cn;x=a",
    ] {
        assert!(!is_plain(text), "{text}");
    }
}

/// Text close enough to the grammar for many to be names.
fn dn_like() -> impl Strategy<Value = String> {
    let attribute = prop::sample::select(vec![
        "cn",
        "CN",
        "commonName",
        "uid",
        "2.5.4.11",
        "oid.2.5.4.10",
        "dc",
        "x-y",
        "1.2.3",
        "",
    ]);
    let piece = prop_oneof![
        "[ -~]{0,6}",
        "[a-zA-Z0-9 ]{1,8}",
        Just("\\2C".to_owned()),
        Just("\\C3\\AB".to_owned()),
        Just("\\20".to_owned()),
        Just("\\ ".to_owned()),
        Just("\\0A".to_owned()),
        Just("e\u{308}".to_owned()),
        Just("\u{ad}\u{3000}Ｋ".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    let text = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    let value = prop_oneof![
        6 => text.clone(),
        1 => text.prop_map(|text| format!("\"{text}\"")),
        1 => prop::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| {
            format!("#{:02x}{:02x}{}", bytes.first().unwrap_or(&4) & 0x1f, bytes.len(), data_encoding::HEXLOWER.encode(&bytes))
        }),
    ];
    let separator = prop::sample::select(vec![",", ", ", ";", "+", " + "]);
    prop::collection::vec((attribute, value, separator), 0..5).prop_map(|parts| {
        let mut text = String::new();
        for (i, (attribute, value, separator)) in parts.iter().enumerate() {
            if i > 0 {
                text.push_str(separator);
            }
            text.extend([attribute, "=", value.as_str()]);
        }
        text
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same_name(text in dn_like()) {
        if let Ok(name) = Dn::parse(&text) {
            let written = name.to_string();
            prop_assert_eq!(Dn::parse(&written), Ok(name.clone()), "{}", written);
            prop_assert_eq!(Dn::parse(&written).map(|name| name.to_string()), Ok(written));
            prop_assert_eq!(Dn::parse(name.folded().as_str()), Ok(name));
        }
    }

    #[test]
    fn equality_is_equality_of_the_folded_form(one in dn_like(), other in dn_like()) {
        if let (Ok(one), Ok(other)) = (Dn::parse(&one), Dn::parse(&other)) {
            prop_assert_eq!(one == other, one.folded() == other.folded());
        }
    }

    #[test]
    fn any_value_can_be_written_and_read(value in "[^\0]{1,40}") {
        if let Ok(name) = Dn::parse(&format!("cn={},dc=x", value_text(&value))) {
            prop_assert_eq!(name.rdns().len(), 2);
            prop_assert_eq!(name.rdns()[0].avas()[0].value(), &Value::Text(value));
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in any::<String>()) {
        let _ = Dn::parse(&text);
        let _ = is_plain(&text);
    }

    #[test]
    fn a_plain_spelling_reads_as_what_it_shows(
        text in "(cn|OU|dc|2\\.5\\.4\\.3)=[a-z .@=#-]{1,8}(, ?(dc|o)=[A-Za-z0-9 ]{1,6}){0,3}",
    ) {
        if is_plain(&text) {
            let read = dn(&text);
            prop_assert_eq!(read.rdns().len(), text.split(',').count());
            for (rdn, part) in read.rdns().iter().zip(text.split(',')) {
                prop_assert_eq!(rdn.avas()[0].value(), &Value::Text(part.split_once('=').unwrap().1.to_owned()));
            }
        }
    }
}
