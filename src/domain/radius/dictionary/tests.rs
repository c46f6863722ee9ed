use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Dictionary {
    Dictionary::of(&[("test", text)]).unwrap()
}

#[track_caller]
fn refused(text: &str, line: usize, words: &str) {
    let faults = Dictionary::of(&[("test", text)]).unwrap_err();
    assert!(
        faults.faults.iter().any(|fault| fault.line == line && fault.why.contains(words)),
        "{words:?} in line {line}: {faults}"
    );
}

#[test]
fn the_shipped_dictionaries_have_neither_faults_nor_notes() {
    let dictionary = Dictionary::of(SHIPPED).unwrap();
    assert_eq!(dictionary.notes(), &[]);
    assert_eq!(dictionary.attributes().len(), shipped().attributes().len());
    for (vendor, name) in [
        (None, "Class"),
        (Some(9), "Cisco-AVPair"),
        (Some(66), "Citrix-User-Groups"),
        (Some(311), "MS-MPPE-Send-Key"),
        (Some(2636), "Juniper-Local-User-Name"),
        (Some(3076), "ASA-Group-Policy"),
        (Some(8741), "SonicWall-User-Group"),
        (Some(12356), "Fortinet-Group-Name"),
        (Some(14823), "Aruba-User-Role"),
        (Some(14988), "Mikrotik-Group"),
        (Some(25461), "PaloAlto-Admin-Role"),
    ] {
        let found = match dictionary.attribute(name).unwrap().code {
            Code::Standard(_) => None,
            Code::Vendor { vendor, .. } => Some(vendor),
        };
        assert_eq!(found, vendor, "{name}");
    }
}

#[test]
fn an_attribute_is_a_name_a_number_a_type_and_options() {
    let dictionary = read(
        "# a comment\n\nVENDOR Acme 4711\nBEGIN-VENDOR Acme\nATTRIBUTE Acme-Role 0x0a string # its role\n\
         ATTRIBUTE\tAcme-Level 2 uint32 has_tag\nVALUE Acme-Level High 3\nVALUE Acme-Level Top 0x3\n\
         attribute Acme-Key 3 octets encrypt=2,array\nEND-VENDOR Acme\nATTRIBUTE Old 200 integer Acme\n",
    );
    let role = dictionary.attribute("acme-ROLE").unwrap();
    assert_eq!((role.code, role.form), (Code::Vendor { vendor: 4711, kind: 10 }, Form::Text));
    let level = dictionary.attribute("Acme-Level").unwrap();
    assert!(level.has_tag && !level.is_hidden);
    assert_eq!((level.value("high"), level.value("TOP"), level.value("Low")), (Some(3), Some(3), None));
    assert_eq!(level.value_name(3), Some("High"), "the first name of a number is shown");
    assert!(dictionary.attribute("Acme-Key").unwrap().is_hidden);
    assert_eq!(dictionary.attribute("Old").unwrap().code, Code::Vendor { vendor: 4711, kind: 200 });
    assert_eq!(dictionary.by_code(role.code), Some(role));
}

#[test]
fn a_value_may_stand_before_its_attribute() {
    assert_eq!(read("VALUE A One 1\nATTRIBUTE A 5 byte\n").attribute("A").unwrap().value("One"), Some(1));
}

#[test]
fn what_a_packet_cannot_carry_is_known_with_the_reason() {
    let dictionary = read(
        "VENDOR Wide 429 format=4,0\nBEGIN-VENDOR Wide\nATTRIBUTE Wide-One 1 string\nEND-VENDOR Wide\n\
         ATTRIBUTE Outer 100 tlv\nBEGIN-TLV Outer\nATTRIBUTE Inner 1 integer\nVALUE Inner Yes 1\nEND-TLV Outer\n\
         ATTRIBUTE Dotted 241.1 string\nATTRIBUTE Hidden 3 octets encrypt=3\nATTRIBUTE Big 300 string\n\
         ATTRIBUTE Odd 101 string length=uint16\n",
    );
    for (name, words) in [
        ("Wide-One", "a header of its own"),
        ("Outer", "holds other attributes"),
        ("Inner", "a part of Outer"),
        ("Dotted", "a part of another"),
        ("Hidden", "no answer uses"),
        ("Big", "larger than 255"),
        ("Odd", "length=uint16"),
    ] {
        let Err(NoAttribute::Unsendable { why }) = dictionary.attribute(name) else { panic!("{name} is sent") };
        assert!(why.contains(words), "{name}: {why}");
    }
}

#[test]
fn an_unknown_type_is_bytes_with_a_note() {
    let dictionary = read("ATTRIBUTE A 100 ether\n");
    assert_eq!(dictionary.attribute("A").unwrap().form, Form::Octets);
    assert!(
        dictionary.notes()[0].to_string().starts_with("test, line 1: the type \"ether\""),
        "{:?}",
        dictionary.notes()
    );
}

#[test]
fn every_fault_names_file_line_and_what_to_do() {
    refused("ATTRIBUTE A 1\n", 1, "write all three");
    refused("\nATTRIBUTE A x string\n", 2, "from 1 to 255");
    refused("ATTRIBUTE A 0 string\n", 1, "from 1 to 255");
    refused("ATTRIBUTE A -1 string\n", 1, "from 1 to 255");
    refused("ATTRIBUTE A:1 1 string\n", 1, "letters, digits and dashes");
    refused("ATTRIBUTE A 1 string\nATTRIBUTE a 2 string\n", 2, "another name");
    refused("ATTRIBUTE A 1 byte\nVALUE A High 256\n", 2, "up to 255");
    refused("ATTRIBUTE A 1 byte\nVALUE A High\n", 2, "write all three");
    refused("ATTRIBUTE Service-Type 6 integer\nVALUE Service-Typ X 1\n", 2, "did you mean Service-Type?");
    refused("ATTRIBUTE A 1 ipaddr has_tag\n", 1, "leave has_tag out");
    refused("VENDOR V 0\n", 1, "IANA");
    refused("VENDOR V 4294967296\n", 1, "IANA");
    refused("VENDOR V 1 format=3,9\n", 1, "format=1,1");
    refused("VENDOR V 1\nVENDOR V 2\n", 2, "another name");
    refused("BEGIN-VENDOR V\n", 1, "VENDOR line before");
    refused("VENDOR V 1\nBEGIN-VENDOR V\n", 2, "write END-VENDOR V");
    refused("VENDOR V 1\nBEGIN-VENDOR V\nBEGIN-VENDOR V\n", 3, "write END-VENDOR V before");
    refused("VENDOR V 1\nBEGIN-VENDOR V\nEND-VENDOR W\n", 3, "end that one");
    refused("END-VENDOR V\n", 1, "leave the line out");
    refused("BEGIN-TLV T\n", 1, "write END-TLV T");
    refused("END-TLV T\n", 1, "leave the line out");
    refused("$INCLUDE dictionary.rfc2865\n", 1, "name each dictionary by itself");
    refused("PROTOCOL RADIUS 1\n", 1, "FreeRADIUS 3");
    refused("ATRIBUTE A 1 string\n", 1, "write ATTRIBUTE");
    refused(&format!("# {}\n", "x".repeat(MAX_LINE)), 1, "is it a dictionary?");
    refused(&format!("ATTRIBUTE {} 1 string\n", "x".repeat(MAX_NAME + 1)), 1, "shorten it");
    refused(&"\n".repeat(MAX_BYTES + 1), 0, "is it a dictionary?");
    let files = vec![("one", ""); MAX_FILES + 1];
    assert!(Dictionary::of(&files).unwrap_err().to_string().contains("64 at most"));
}

#[test]
fn all_faults_are_told_at_once_and_the_first_of_many_are_named() {
    let faults = Dictionary::of(&[("one", "BAD\n\nWORSE\n"), ("two", "VENDOR\n")]).unwrap_err();
    let lines: Vec<String> =
        faults.to_string().lines().map(|line| line.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["one, line 1", "one, line 3", "two, line 1"]);
    let many = Dictionary::of(&[("one", &*"BAD\n".repeat(25))]).unwrap_err();
    assert_eq!((many.faults.len(), many.more), (20, 5));
    assert!(many.to_string().ends_with("\nand 5 more"));
}

#[test]
fn there_are_bounds_on_how_much_is_read() {
    let mut vendors = String::new();
    for vendor in 1..=MAX_ATTRIBUTES / 200 + 1 {
        use std::fmt::Write as _;
        writeln!(vendors, "VENDOR V{vendor} {vendor}\nBEGIN-VENDOR V{vendor}").unwrap();
        (1..=200).for_each(|kind| writeln!(vendors, "ATTRIBUTE {vendor}-{kind} {kind} byte").unwrap());
        writeln!(vendors, "END-VENDOR V{vendor}").unwrap();
    }
    assert!(Dictionary::of(&[("many", &vendors)]).unwrap_err().to_string().contains("load fewer dictionaries"));
}

#[test]
fn an_administrators_file_may_repeat_and_correct_what_is_shipped() {
    let again = Dictionary::with(&[(
        "mine",
        "ATTRIBUTE Filter-Id 11 octets\nATTRIBUTE Service-Type 6 integer\nVALUE Service-Type Robot 99\n",
    )])
    .unwrap();
    assert_eq!(again.attribute("Filter-Id").unwrap().form, Form::Octets);
    let service = again.attribute("Service-Type").unwrap();
    assert_eq!((service.value("Robot"), service.value("Administrative-User")), (Some(99), Some(6)));
    assert_eq!(shipped().attribute("Filter-Id").unwrap().form, Form::Text, "the shipped one is left alone");
    let faults = Dictionary::with(&[("mine", "ATTRIBUTE Filter-Id 12 string\n")]).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "mine, line 1: Filter-Id is attribute 11 already; give it another name, or leave the line out"
    );
}

#[test]
fn a_name_that_is_spelled_wrong_is_answered_with_its_neighbours() {
    let Err(NoAttribute::Unknown { near }) = shipped().attribute("Fortinet-Groupname") else { panic!() };
    assert_eq!(near[0], "Fortinet-Group-Name");
    assert_eq!(shipped().attribute("zzz"), Err(NoAttribute::Unknown { near: vec![] }));
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,200}") {
        let _ = Dictionary::of(&[("any", &text)]);
    }

    #[test]
    fn no_mixture_of_lines_breaks_the_reader(
        lines in prop::collection::vec(
            "(ATTRIBUTE|VALUE|VENDOR|BEGIN-VENDOR|END-VENDOR|BEGIN-TLV|END-TLV|\\$INCLUDE|#)( [AB]| [0-9]{1,3}| 0x[0-9a-f]{1,9}| string| integer| tlv| has_tag| encrypt=[0-3]| format=[0-4],[0-2]){0,5}",
            0..30,
        )
    ) {
        let text = lines.join("\n");
        match Dictionary::of(&[("any", &text)]) {
            Ok(dictionary) => for attribute in dictionary.attributes() {
                prop_assert_eq!(dictionary.attribute(&attribute.name).unwrap(), attribute);
                let largest = attribute.form.largest();
                for value in attribute.value_names() {
                    prop_assert!(attribute.value(value).is_some() && attribute.value(value) <= largest);
                }
            },
            Err(faults) => for fault in &faults.faults {
                prop_assert!((1..=lines.len()).contains(&fault.line), "{}", fault);
            },
        }
    }
}
