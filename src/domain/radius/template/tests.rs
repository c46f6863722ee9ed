use proptest::prelude::*;

use super::*;
use crate::domain::radius::dictionary::shipped;

fn groups(names: &[&str]) -> Vec<GroupOf> {
    let dn = |name: &str| format!("cn={name},ou=groups,dc=x");
    names.iter().map(|name| GroupOf { name: (*name).to_owned(), dn: dn(name) }).collect()
}

fn alice(groups: &[GroupOf]) -> Person<'_> {
    Person {
        name: "alice",
        display: Some("Alice Lang"),
        mail: Some("alice@example.test"),
        upn: None,
        client: "vpn",
        groups,
    }
}

fn rule(text: &str) -> Rule {
    let rule = Rule::parse(text).unwrap();
    rule.check(shipped()).unwrap();
    rule
}

/// The one answer to a rule, for somebody in three groups.
fn sent(text: &str) -> Vec<Encoded> {
    let groups = groups(&["vpn-staff", "vpn-admins", "wiki"]);
    answer(shipped(), &[rule(text)], &alice(&groups)).unwrap()
}

fn read(answer: &[Encoded]) -> Vec<String> {
    let each = answer.iter().map(|encoded| readable(shipped(), encoded));
    each.map(|readable| format!("{}={}", readable.name, readable.value)).collect()
}

fn refused(text: &str) -> String {
    match Rule::parse(text) {
        Ok(rule) => rule.check(shipped()).unwrap_err().to_string(),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn a_value_is_encoded_as_its_attribute_wants_it() {
    type Row = (&'static str, u8, Option<(u32, u8)>, &'static [u8]);
    let table: [Row; 17] = [
        ("Filter-Id=staff", 11, None, b"staff"),
        ("filter-id = \" two words \"", 11, None, b" two words "),
        ("Class=0x00ff", 25, None, &[0, 0xff]),
        ("Filter-Id=0x00ff", 11, None, b"0x00ff"),
        ("Session-Timeout=3600", 27, None, &[0, 0, 14, 16]),
        ("Session-Timeout=0x10", 27, None, &[0, 0, 0, 16]),
        ("Service-Type=Administrative-User", 6, None, &[0, 0, 0, 6]),
        ("Framed-IP-Address=10.1.2.3", 8, None, &[10, 1, 2, 3]),
        ("Framed-IPv6-Prefix=2001:db8::/64", 97, None, &[0, 64, 0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("Framed-Interface-Id=0:0:0:1", 96, None, &[0, 0, 0, 0, 0, 0, 0, 1]),
        ("Event-Timestamp=1970-01-01T00:01:00Z", 55, None, &[0, 0, 0, 60]),
        // RFC 2868 §3.1, RFC 3580 §3.31
        ("Tunnel-Type:1=VLAN", 64, None, &[1, 0, 0, 13]),
        ("Tunnel-Type=VLAN", 64, None, &[0, 0, 0, 13]),
        ("Tunnel-Private-Group-Id:31=42", 81, None, &[31, b'4', b'2']),
        ("Tunnel-Private-Group-Id=42", 81, None, b"42"),
        ("Cisco-AVPair=shell:priv-lvl=15", 26, Some((9, 1)), b"shell:priv-lvl=15"),
        ("SonicWall-User-Privilege=Limited-Management", 26, Some((8741, 1)), &[0, 0, 0, 5]),
    ];
    for (text, kind, vendor, value) in table {
        let sent = sent(text);
        let [only] = sent.as_slice() else { panic!("{text}: {sent:?}") };
        assert_eq!(
            (only.kind, only.vendor, only.value.as_slice(), only.encrypt),
            (kind, vendor, value, Encrypt::None),
            "{text}"
        );
    }
}

#[test]
fn names_of_the_person_stand_where_the_value_wants_them() {
    for (text, value) in [
        ("Filter-Id=${user}@${client}", "Filter-Id=alice@vpn"),
        ("Reply-Message=Hello ${name} <${mail}>", "Reply-Message=Hello Alice Lang <alice@example.test>"),
        ("Filter-Id=5$$", "Filter-Id=5$"),
        ("Class=CTXSUserGroups=${groups}", "Class=CTXSUserGroups=vpn-staff;vpn-admins;wiki"),
        ("Class=${groups|only=VPN-*|strip=vpn-|separator=, }.", "Class=staff, admins."),
        ("Class=${groups|only=wiki|only=*staff|separator=\\|}", "Class=vpn-staff|wiki"),
        ("Class=${groups|only=wiki|as=dn}", "Class=cn=wiki,ou=groups,dc=x"),
    ] {
        assert_eq!(read(&sent(text)), [value], "{text}");
    }
    assert_eq!(read(&sent("Class=g:${group|strip=vpn-}")), ["Class=g:staff", "Class=g:admins", "Class=g:wiki"]);
}

#[test]
fn what_the_person_does_not_have_is_left_out_whole() {
    let none = groups(&[]);
    let nobody = Person { mail: None, display: Some("Eve\nAdmin"), ..alice(&none) };
    let rules = ["Class=a${groups}b", "Class=${group}", "Filter-Id=${mail}", "Filter-Id=x${upn}", "Filter-Id=${name}"];
    let rules = rules.map(rule);
    assert_eq!(answer(shipped(), &rules, &nobody), Ok(vec![]));
    let left: Vec<String> = explain(shipped(), &rules, &nobody)
        .fates
        .into_iter()
        .map(|fate| if let Fate::Left(left) = fate { left.to_string() } else { panic!("{fate:?}") })
        .collect();
    assert_eq!(
        left,
        [
            "no group is left to name",
            "no group is left to name",
            "the person has no mail address",
            "the person has no user principal name",
            "the person's display name holds a control character",
        ]
    );
}

#[test]
fn a_group_cannot_pass_for_two_or_for_another() {
    let tricky = groups(&["staff;admins", "ad\0mins", "staff"]);
    let person = alice(&tricky);
    let rules = [rule("Class=${groups}"), rule("Class=${group}")];
    assert_eq!(
        read(&answer(shipped(), &rules, &person).unwrap()),
        ["Class=staff", "Class=staff;admins", "Class=staff"]
    );
    let Fate::Applied { left_out, .. } = &explain(shipped(), &rules, &person).fates[0] else { panic!() };
    assert_eq!(left_out[0], ("staff;admins".to_owned(), "its name holds the separator"));
    assert_eq!(left_out[1].1, "its name holds a control character");
    // Called like a DN, but not there.
    let named = [GroupOf { name: "cn=admins,dc=x".into(), dn: "cn=trick,dc=x".into() }];
    let mut only = rule("Filter-Id=admin");
    only.when.any_of = vec![GroupName::parse("cn=admins,dc=x").unwrap()];
    assert_eq!(answer(shipped(), &[only], &alice(&named)), Ok(vec![]));
}

#[test]
fn a_condition_names_groups_by_name_or_dn_in_any_spelling() {
    let in_groups = groups(&["Straße", "wiki"]);
    let person = alice(&in_groups);
    let applies = |any_of: &[&str], none_of: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|name| GroupName::parse(name).unwrap()).collect();
        let when = Condition { any_of: names(any_of), none_of: names(none_of) };
        let rule = Rule { when, ..rule("Filter-Id=x") };
        !answer(shipped(), &[rule], &person).unwrap().is_empty()
    };
    assert!(applies(&[], &[]));
    assert!(applies(&["STRASSE"], &[]));
    assert!(applies(&["CN=Wiki, OU=Groups, DC=X"], &["admins"]));
    assert!(applies(&["admins", "wiki"], &[]), "one is enough");
    assert!(!applies(&["admins"], &[]));
    assert!(!applies(&["wiki"], &["admins", "straße"]), "barred wins");
    assert!(!applies(&["cn=wiki,ou=other,dc=x"], &[]));
}

#[test]
fn a_later_rule_adds_or_replaces() {
    let none = groups(&[]);
    let replace = Rule { replace: true, ..rule("class=c") };
    let nothing = Rule { replace: true, ..rule("Class=${groups}") };
    let rules = [rule("Class=a"), rule("Filter-Id=f"), rule("Class=b")];
    let with = |last: &[Rule]| read(&answer(shipped(), &[&rules[..], last].concat(), &alice(&none)).unwrap());
    assert_eq!(with(&[]), ["Class=a", "Filter-Id=f", "Class=b"]);
    assert_eq!(with(&[replace]), ["Filter-Id=f", "Class=c"]);
    assert_eq!(with(&[nothing]), ["Class=a", "Filter-Id=f", "Class=b"], "what is not sent replaces nothing");
}

#[test]
fn hidden_values_are_marked_for_the_packet_and_not_shown() {
    let tunnel = sent("Tunnel-Password:2=geheim").remove(0);
    assert_eq!((tunnel.encrypt, tunnel.value.as_slice()), (Encrypt::TunnelPassword, &b"\x02geheim"[..]));
    assert_eq!(sent("Tunnel-Password=geheim")[0].value, b"\0geheim");
    assert_eq!(tunnel.wire_len(), 2 + 1 + 2 + 16);
    let key = sent("MS-MPPE-Send-Key=0x0102").remove(0);
    assert_eq!((key.encrypt, key.value.as_slice(), key.vendor), (Encrypt::Mppe, &[1, 2][..], Some((311, 16))));
    assert_eq!(key.wire_len(), 8 + 2 + 16);
    assert_eq!(read(&[tunnel, key]), ["Tunnel-Password:2=(hidden)", "MS-MPPE-Send-Key=(hidden)"]);
}

#[test]
fn r18_what_is_too_long_is_divided_between_groups_or_refused_and_never_cut() {
    let names: Vec<String> = (0..40).map(|n| format!("group-number-{n:02}")).collect();
    let many = groups(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let lists = answer(shipped(), &[rule("Class=CTXSUserGroups=${groups}")], &alice(&many)).unwrap();
    assert!(lists.len() > 1 && lists.iter().all(|list| list.value.len() <= 253), "{lists:?}");
    let mut found = vec![];
    for list in &lists {
        let text = std::str::from_utf8(&list.value).unwrap();
        found.extend(text.strip_prefix("CTXSUserGroups=").unwrap().split(';').map(str::to_owned));
    }
    assert_eq!(found, names);
    let (fits, long) = ("x".repeat(247), "x".repeat(248));
    assert_eq!(sent(&format!("Fortinet-Group-Name={fits}"))[0].wire_len(), 255);
    assert!(refused(&format!("Fortinet-Group-Name={long}")).contains("at most 247 bytes"), "a vendor's");
    assert_eq!(sent(&format!("Filter-Id={}", "x".repeat(253)))[0].wire_len(), 255);
    assert!(refused(&format!("Filter-Id={}", "x".repeat(254))).contains("at most 253 bytes"));
    assert!(refused(&format!("Tunnel-Private-Group-Id:1={}", "x".repeat(253))).contains("at most 252 bytes"));
    assert_eq!(sent(&format!("Tunnel-Password:1={}", "x".repeat(239)))[0].wire_len(), 2 + 3 + 240);
    assert!(refused(&format!("Tunnel-Password:1={}", "x".repeat(240))).contains("at most 239 bytes"));
    let huge = groups(&[&long]);
    let fault = answer(shipped(), &[rule("Fortinet-Group-Name=${group}")], &alice(&huge)).unwrap_err();
    assert!(fault.to_string().contains(&long), "{fault}");
}

#[test]
fn a_message_goes_on_in_the_next_attribute_between_characters() {
    let text = "ä".repeat(200);
    let parts = sent(&format!("Reply-Message={text}"));
    assert_eq!(parts.iter().map(|part| part.value.len()).collect::<Vec<_>>(), [252, 148]);
    assert_eq!(joined(&parts), text);
}

fn joined(parts: &[Encoded]) -> String {
    parts.iter().map(|part| std::str::from_utf8(&part.value).unwrap()).collect()
}

#[test]
fn an_answer_that_no_packet_holds_is_refused_with_the_attribute_to_blame() {
    let names: Vec<String> = (0..300).map(|n| format!("group-{n}")).collect();
    let many = groups(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let rules = [rule("Fortinet-Group-Name=${group}"), rule("Filter-Id=x")];
    let fault = answer(shipped(), &rules, &alice(&many)).unwrap_err();
    assert!(matches!(&fault, TemplateFault::TooLarge { name, .. } if name == "Fortinet-Group-Name"), "{fault:?}");
    assert!(fault.to_string().contains("only=PATTERN"), "{fault}");
    assert_eq!(explain(shipped(), &rules, &alice(&many)).answer, Err(fault));
}

#[test]
fn what_cannot_be_a_rule_says_what_to_write() {
    for (text, words) in [
        ("Filter-Id", "write ATTRIBUTE=VALUE"),
        ("=x", "write ATTRIBUTE=VALUE"),
        ("Filter-Id=", "the value is empty"),
        ("Filter-Id=a\u{7}", "control character"),
        ("Filter-Id=5$", "write $$"),
        ("Filter-Id=${user", "write the }"),
        ("Filter-Id=${password}", "user, name, mail"),
        ("Filter-Id=${user|only=x}", "leave it out"),
        ("Filter-Id=${groups|sep=x}", "separator=TEXT"),
        ("Filter-Id=${group|separator=x}", "separator=TEXT (of ${groups})"),
        ("Filter-Id=${groups}${group}", "one rule for each list"),
        ("Filtre-Id=x", "did you mean Filter-Id?"),
        ("Fortinet-GroupName=x", "did you mean Fortinet-Group-Name"),
        ("Quux=x", "radius.dictionaries"),
        ("Session-Timeout=soon", "a number of 32 bits"),
        ("Session-Timeout=4294967296", "up to 4294967295"),
        ("Session-Timeout=${user}", "not put together from names"),
        ("Service-Type=Administrative", "did you mean Administrative-User"),
        ("Framed-IP-Address=10.0.0", "10.0.0.5"),
        ("Framed-IPv6-Prefix=2001:db8::1/64", "without bits of a host"),
        ("Framed-Interface-Id=1:2:3", "four groups"),
        ("Event-Timestamp=tomorrow", "2030-01-31"),
        ("Class=0x123", "even number"),
        ("Filter-Id:1=x", "Filter-Id has no tag"),
        ("Tunnel-Type:32=VLAN", "1 to 31"),
        ("Tunnel-Type:0=VLAN", "1 to 31"),
        ("Tunnel-Preference:1=16777216", "24 bits"),
        ("State=x", "the protocol's own"),
        ("Message-Authenticator=x", "the protocol's own"),
        ("User-Password=x", "cannot be sent"),
        ("Vendor-Specific=0x00", "cannot be sent"),
    ] {
        let said = refused(text);
        assert!(said.contains(words), "{text}: {said}");
    }
}

#[test]
fn a_preset_is_the_rules_that_the_manual_asks_for() {
    let in_groups = groups(&["vpn-staff", "wiki"]);
    for (text, expected) in [
        ("netscaler-groups", &["Class=CTXSUserGroups=vpn-staff;wiki"][..]),
        ("netscaler-vendor-groups", &["Citrix-User-Groups=vpn-staff;wiki"]),
        ("class-group", &["Class=vpn-staff", "Class=wiki"]),
        ("filter-id-group:vpn-*", &["Filter-Id=vpn-staff"]),
        ("fortinet-group:wiki", &["Fortinet-Group-Name=wiki"]),
        ("sonicwall-group", &["SonicWall-User-Group=vpn-staff", "SonicWall-User-Group=wiki"]),
        ("palo-alto-group:w*", &["PaloAlto-User-Group=wiki"]),
        ("palo-alto-role:superreader", &["PaloAlto-Admin-Role=superreader"]),
        ("cisco-avpair:shell:priv-lvl=15", &["Cisco-AVPair=shell:priv-lvl=15"]),
        ("cisco-asa-policy:Staff", &["Class=OU=Staff;"]),
        ("vlan:42", &["Tunnel-Type:1=VLAN", "Tunnel-Medium-Type:1=IEEE-802", "Tunnel-Private-Group-Id:1=42"]),
        ("mikrotik-group:a$b", &["Mikrotik-Group=a$b"]),
    ] {
        let rules = preset(text).unwrap();
        assert_eq!(read(&answer(shipped(), &rules, &alice(&in_groups)).unwrap()), expected, "{text}");
    }
    assert!(preset("vlan").unwrap_err().to_string().contains("--preset vlan:ID"));
    assert!(preset("fortinet-groups").unwrap_err().to_string().contains("did you mean fortinet-group"));
    assert!(preset("zzz").unwrap_err().to_string().contains("netscaler-groups"));
}

#[test]
fn every_preset_works_with_the_shipped_dictionaries() {
    for known in PRESETS {
        let rules = preset(&format!("{}:x", known.name)).unwrap();
        assert!(!rules.is_empty());
        for rule in &rules {
            rule.check(shipped()).unwrap();
        }
    }
}

#[test]
fn a_rule_whose_dictionary_is_gone_is_a_fault_unless_it_is_not_for_the_person() {
    let lost = Rule::parse("Acme-Role=x").unwrap();
    let none = groups(&[]);
    assert!(matches!(
        answer(shipped(), std::slice::from_ref(&lost), &alice(&none)),
        Err(TemplateFault::UnknownAttribute { .. })
    ));
    let when = Condition { any_of: vec![GroupName::parse("admins").unwrap()], none_of: vec![] };
    assert_eq!(answer(shipped(), &[Rule { when, ..lost }], &alice(&none)), Ok(vec![]));
}

proptest! {
    #[test]
    fn any_text_is_a_value_or_refused_and_reads_back_as_itself(text in "(\\PC|\\$\\{|\\}|groups|group|user|\\||only=|\\\\){0,20}") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(template.as_str(), &text);
            prop_assert_eq!(Template::parse(template.as_str()), Ok(template));
        }
    }

    #[test]
    fn no_attribute_is_longer_than_allowed_and_no_group_is_lost(
        names in prop::collection::btree_set("[a-zäß 0-9-]{1,80}", 0..60),
        before in "[a-z=]{0,100}",
        after in "[a-z]{0,100}",
        attribute in prop::sample::select(vec!["Class", "Filter-Id", "Fortinet-Group-Name", "Tunnel-Private-Group-Id:3"]),
        each in any::<bool>(),
    ) {
        let names: Vec<String> = names.into_iter().collect();
        let many = groups(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let placeholder = if each { "${group}" } else { "${groups}" };
        let rule = Rule::new(attribute, &format!("{before}{placeholder}{after}")).unwrap();
        let most = if attribute.starts_with("Fortinet") { 247 } else { 253 };
        match answer(shipped(), &[rule], &alice(&many)) {
            Ok(sent) => {
                let tag = usize::from(attribute.starts_with("Tunnel"));
                let mut found = vec![];
                for one in &sent {
                    prop_assert!(one.value.len() <= most && one.wire_len() <= 255);
                    let text = std::str::from_utf8(&one.value[tag..]).unwrap();
                    let inner = text.strip_prefix(&before).and_then(|text| text.strip_suffix(&after)).unwrap();
                    found.extend(inner.split(';').map(str::to_owned));
                }
                prop_assert!(sent.iter().map(Encoded::wire_len).sum::<usize>() <= ROOM);
                prop_assert_eq!(found, names);
            }
            Err(TemplateFault::TooLong { bytes, most: allowed, .. }) => prop_assert!(bytes > allowed),
            Err(fault) => prop_assert!(matches!(fault, TemplateFault::TooLarge { bytes, .. } if bytes > ROOM), "{fault}"),
        }
    }

    #[test]
    fn long_bytes_of_a_kind_that_goes_on_lose_nothing(text in "\\PC{1,900}") {
        let rule = Rule::new("Reply-Message", &text.replace('$', "$$")).unwrap();
        if let Ok(sent) = answer(shipped(), &[rule], &alice(&[])) {
            prop_assert!(sent.iter().all(|part| (1..=253).contains(&part.value.len())));
            prop_assert_eq!(joined(&sent), text);
        }
    }

    #[test]
    fn no_rule_breaks_and_what_is_sent_can_be_read(at in any::<prop::sample::Index>(), value in "[0-9a-fx.:/${}|A-Z-]{1,30}", tag in 0_u8..40) {
        let attribute = at.get(shipped().attributes());
        let name = if tag == 0 { attribute.name.clone() } else { format!("{}:{tag}", attribute.name) };
        let Ok(rule) = Rule::new(&name, &value) else { return Ok(()) };
        prop_assert_eq!(&Rule::new(&rule.target(), rule.value.as_str()), &Ok(rule.clone()));
        let in_groups = groups(&["one", "two"]);
        if let Ok(sent) = answer(shipped(), &[rule], &alice(&in_groups)) {
            for one in sent {
                prop_assert!(!one.value.is_empty() && one.wire_len() <= 255);
                let known = &shipped().by_code(one.code()).unwrap().name;
                prop_assert!(readable(shipped(), &one).name.starts_with(known.as_str()));
            }
        }
    }
}

#[test]
fn every_example_of_the_documentation_is_a_rule_that_can_be_sent() {
    let page = include_str!("../../../../docs/radius-replies.md");
    let mut examples = 0;
    for line in page.lines() {
        let Some(words) = line.strip_prefix("vestibule client reply add ") else { continue };
        let words = words.split_once(' ').unwrap().1.split(" --when-group").next().unwrap();
        let words = words.split(" --unless-group").next().unwrap().replace('\'', "");
        let rules = match words.strip_prefix("--preset ") {
            Some(named) => preset(named).unwrap_or_else(|fault| panic!("{line}: {fault}")),
            None => vec![Rule::parse(&words).unwrap_or_else(|fault| panic!("{line}: {fault}"))],
        };
        for rule in &rules {
            rule.check(shipped()).unwrap_or_else(|fault| panic!("{line}: {fault}"));
        }
        let in_groups = groups(&["vpn-staff", "ctx-users"]);
        assert!(!answer(shipped(), &rules, &alice(&in_groups)).unwrap().is_empty(), "{line}");
        examples += 1;
    }
    assert!(examples > 20, "{examples} examples are found");
    for known in PRESETS {
        assert!(page.contains(&format!("--preset {}", known.name)), "{} has no example", known.name);
    }
}
