use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const SAME: &str = include_str!("../../../tests/data/names/same.txt");
const DIFFERENT: &str = include_str!("../../../tests/data/names/different.txt");
const REFUSED: &str = include_str!("../../../tests/data/names/refused.txt");

fn folded(text: &str) -> Folded {
    LoginName::parse(text).unwrap_or_else(|fault| panic!("{text:?}: {fault}")).folded()
}

/// The `|...|` entries of a table, comments left out and code points put in; `true` for those after `= `.
fn entries(table: &str) -> Vec<(bool, String)> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (opens, entry) = line.strip_prefix("= ").map_or((false, line), |entry| (true, entry));
            let entry = entry.strip_prefix('|').and_then(|entry| entry.strip_suffix('|')).expect(line);
            (opens, with_code_points(entry))
        })
        .collect()
}

fn with_code_points(entry: &str) -> String {
    let mut parts = entry.split("{U+");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('}').unwrap();
        text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        text.push_str(rest);
    }
    text
}

/// The spellings of each user of the table.
fn users() -> Vec<Vec<String>> {
    let mut users: Vec<Vec<String>> = Vec::new();
    for (opens, entry) in entries(SAME) {
        if opens {
            users.push(Vec::new());
        }
        users.last_mut().unwrap().push(entry);
    }
    users
}

#[test]
fn every_spelling_of_a_user_reads_as_that_user() {
    let users = users();
    for spellings in &users {
        let distinct: HashSet<&String> = spellings.iter().collect();
        assert_eq!(distinct.len(), spellings.len(), "an entry stands twice for {}", spellings[0]);
        for spelling in spellings {
            assert_eq!(folded(spelling), folded(&spellings[0]), "{spelling:?}");
        }
    }
    assert!(users[0].len() >= 100, "one user has at least a hundred spellings");
}

#[test]
fn names_that_mean_somebody_else_stay_apart() {
    let mut seen: HashMap<Folded, String> = HashMap::new();
    let others = entries(DIFFERENT).into_iter().map(|(_, entry)| entry);
    let names: Vec<String> = users().into_iter().map(|spellings| spellings[0].clone()).chain(others).collect();
    assert!(names.len() >= 50);
    for name in names {
        if let Some(other) = seen.insert(folded(&name), name.clone()) {
            panic!("{name:?} reads as {other:?}");
        }
    }
}

#[test]
fn names_that_cannot_be_told_for_certain_are_refused() {
    for (_, entry) in entries(REFUSED) {
        if let Ok(read) = LoginName::parse(&entry) {
            panic!("{entry:?} was read as {read:?}");
        }
    }
}

#[test]
fn each_form_of_login_name_is_recognised() {
    let form = |text: &str| match LoginName::parse(text).unwrap() {
        LoginName::Dn { .. } => "dn",
        LoginName::Upn { .. } => "upn",
        LoginName::DownLevel { .. } => "down-level",
        LoginName::Plain { .. } => "plain",
    };
    for (text, expected) in [
        ("uid=alice,dc=example,dc=org", "dn"),
        ("uid=a@b.c,dc=x", "dn"),
        ("cn=CORP\\\\alice,dc=x", "dn"),
        ("a=b@c.d", "dn"),
        ("alice@corp.example", "upn"),
        ("CORP\\alice", "down-level"),
        ("CORP\\alice@corp.example", "down-level"),
        ("alice", "plain"),
        ("Alice de Vries", "plain"),
        ("corp.example/People/Alice", "plain"),
    ] {
        assert_eq!(form(text), expected, "{text}");
    }
}

#[test]
fn the_parts_of_a_name_are_what_stands_around_its_separator() {
    let text = " CORP\\Zoë  Smith@x ".to_owned();
    let LoginName::DownLevel { domain, account, text: kept } = LoginName::parse(&text).unwrap() else { panic!() };
    assert_eq!((domain.as_str(), account.as_str(), kept), ("corp", "zoë smith@x", text));
    let LoginName::Upn { local, domain, .. } = LoginName::parse("A.B@Corp.Example").unwrap() else { panic!() };
    assert_eq!((local.as_str(), domain.as_str()), ("a.b", "corp.example"));
}

#[test]
fn a_refused_name_is_told_what_is_wrong_with_it() {
    let fault = |text: &str| LoginName::parse(text).unwrap_err();
    assert_eq!(fault(""), NameFault::Empty);
    assert_eq!(fault("al\0ice"), NameFault::Control { found: '\0', at: 2 });
    assert_eq!(fault("é\u{1b}"), NameFault::Control { found: '\u{1b}', at: 2 });
    assert_eq!(fault("uid=alice,"), NameFault::Dn(DnFault::Attribute { at: 10 }));
    assert_eq!(fault("alice\u{e000}"), NameFault::Incomparable(FoldFault::Prohibited { found: '\u{e000}' }));
    assert_eq!(fault("alice😀"), NameFault::Incomparable(FoldFault::Unassigned { found: '😀' }));
    assert_eq!(fault("\u{301}alice"), NameFault::Incomparable(FoldFault::LeadingMark { found: '\u{301}' }));
    assert_eq!(fault("\u{ad} "), NameFault::Incomparable(FoldFault::Empty));
    assert_eq!(fault("alice＠corp"), NameFault::LookAlike);
    assert_eq!(fault("alice@"), NameFault::Ambiguous { separator: '@' });
}

#[test]
fn a_name_of_1024_bytes_is_read_to_its_last_byte_and_a_longer_one_refused() {
    for length in [52, 72, 73, 128, 256, 1024] {
        let name = "a".repeat(length);
        let other = format!("{}b", "a".repeat(length - 1));
        assert_ne!(folded(&name), folded(&other), "{length} bytes");
    }
    assert_eq!(LoginName::parse(&"a".repeat(1025)), Err(NameFault::TooLong { length: 1025 }));
}

#[test]
fn every_character_alone_and_before_a_mark_folds_once_and_for_all() {
    for c in '\0'..=char::MAX {
        for text in [c.to_string(), format!("{c}\u{308}")] {
            if let Ok(once) = fold(&text) {
                assert_eq!(fold(once.as_str()).as_ref(), Ok(&once), "{text:?}");
            }
        }
    }
}

/// Undoes [`filter_value`] by RFC 4515 §3 alone.
fn filter_value_read_back(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut value = Vec::new();
    while let Some(byte) = bytes.next() {
        assert!(!matches!(byte, 0 | b'*' | b'(' | b')'), "{text:?} holds an unescaped special character");
        if byte == b'\\' {
            let pair = [bytes.next().unwrap(), bytes.next().unwrap()];
            value.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
        } else {
            value.push(byte);
        }
    }
    value
}

#[test]
fn a_name_in_a_filter_stays_a_value() {
    for (value, expected) in [
        (&b"alice"[..], "alice"),
        (b"*", "\\2a"),
        (b"a*", "a\\2a"),
        (b"*)(uid=*))(|(uid=*", "\\2a\\29\\28uid=\\2a\\29\\29\\28|\\28uid=\\2a"),
        (b"admin)(&)", "admin\\29\\28&\\29"),
        (b"admin)(!(&(1=0", "admin\\29\\28!\\28&\\281=0"),
        (b"x)(ms-Mcs-AdmPwd=a*", "x\\29\\28ms-Mcs-AdmPwd=a\\2a"),
        (b"CORP\\alice", "CORP\\5calice"),
        (b"alice\\2a", "alice\\5c2a"),
        (b"alice\0", "alice\\00"),
        (b"alice\0)(cn=*", "alice\\00\\29\\28cn=\\2a"),
        ("Zoë".as_bytes(), "Zoë"),
        (b"\xff\xfe", "\\ff\\fe"),
        (b"a\xc3(", "a\\c3\\28"),
        (b"\xc0\xaa", "\\c0\\aa"),
        (b"\xed\xa0\x80", "\\ed\\a0\\80"),
        (b"", ""),
    ] {
        assert_eq!(filter_value(value), expected);
        assert_eq!(filter_value_read_back(expected), value);
    }
}

/// Text of the characters that matter to names, and some that do not.
fn name_like() -> impl Strategy<Value = String> {
    let telling = prop_oneof![
        4 => prop::char::range(' ', '~'),
        2 => prop::sample::select(vec!['=', ',', '+', '\\', '"', '#', '@', ';', ' ', '<', '0', 'c', 'ß', 'İ', 'ſ', 'Ω']),
        1 => prop::sample::select(vec!['\u{301}', '\u{308}', '\u{345}', '\u{338}', '\u{a0}', '\u{ad}', '\u{200d}', '＠', '＝']),
        1 => any::<char>(),
    ];
    prop::collection::vec(telling, 0..40).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn folding_twice_is_folding_once(text in name_like()) {
        if let Ok(once) = fold(&text) {
            prop_assert_eq!(fold(once.as_str()), Ok(once));
        }
    }

    #[test]
    fn a_folded_name_reads_as_itself(text in name_like()) {
        if let Ok(name) = LoginName::parse(&text) {
            let again = LoginName::parse(name.folded().as_str());
            prop_assert_eq!(again.map(|name| name.folded()), Ok(name.folded()));
        }
    }

    #[test]
    fn case_and_outer_spaces_never_matter(text in "[a-zA-Z0-9 .@\\\\äöüéß-]{1,30}") {
        let swapped: String = text.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
        let one = LoginName::parse(&text).map(|name| name.folded()).ok();
        let other = LoginName::parse(&format!("  {swapped} ")).map(|name| name.folded()).ok();
        prop_assert_eq!(one, other);
    }

    #[test]
    fn any_bytes_survive_a_filter(value in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(filter_value_read_back(&filter_value(&value)), value);
    }
}
