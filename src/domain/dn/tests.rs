use super::*;

fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn the_examples_of_rfc_4514_are_read_and_written_as_they_stand() {
    for text in [
        "UID=jsmith,DC=example,DC=net",
        "OU=Sales+CN=J.  Smith,DC=example,DC=net",
        "CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net",
        "CN=Before\\0dAfter,DC=example,DC=net",
        "1.3.6.1.4.1.1466.0=#04024869",
        "CN=Lu\\C4\\8Di\\C4\\87",
    ] {
        let read = dn(text);
        assert_eq!(dn(&read.to_string()), read, "{text}");
    }
    assert_eq!(dn("CN=Before\\0dAfter,DC=example,DC=net").to_string(), "cn=Before\\0dAfter,dc=example,dc=net");
    assert_eq!(dn("CN=Lu\\C4\\8Di\\C4\\87").to_string(), "cn=Lučić");
    assert_eq!(dn("OU=Sales+CN=J.  Smith,DC=example,DC=net").to_string(), "cn=J.  Smith+ou=Sales,dc=example,dc=net");
    assert_eq!(dn("1.3.6.1.4.1.1466.0=#04024869").to_string(), "1.3.6.1.4.1.1466.0=Hi");
}
