use super::*;

fn folded(text: &str) -> Folded {
    LoginName::parse(text).unwrap_or_else(|fault| panic!("{text:?}: {fault}")).folded()
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
fn letter_case_outer_spaces_and_doubled_spaces_do_not_make_another_user() {
    assert_eq!(folded(" ALICE   de  Vries "), folded("alice de vries"));
    assert_ne!(folded("alicede vries"), folded("alice de vries"));
}
