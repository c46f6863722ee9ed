use proptest::prelude::*;

use super::row::{DisabledThere, Fate, Purpose};
use super::*;
use crate::domain::name::LoginName;
use crate::domain::phone::CountryCode;
use crate::domain::user::Token;

fn file(text: &str) -> PeopleFile {
    read(text.as_bytes(), None, &[]).unwrap_or_else(|fault| panic!("{fault}"))
}

fn rules() -> Rules {
    Rules { country: CountryCode::parse("49").ok(), ..Rules::default() }
}

fn rows(file: &PeopleFile) -> Vec<Result<Row, Refusal>> {
    file.records.iter().map(|record| row::read(record, &file.columns, file.format, rules())).collect()
}

/// The one row's refusal as (column, why and what to do).
fn refused(text: &str) -> (String, String) {
    let mut rows = rows(&file(text));
    assert_eq!(rows.len(), 1);
    match rows.remove(0) {
        Err(Refusal { column, why, todo }) => (column.unwrap_or_default(), format!("{why}; {todo}")),
        Ok(_) => panic!("taken: {text}"),
    }
}

fn names(file: &PeopleFile) -> Vec<Result<String, usize>> {
    let rows = rows(file).into_iter().zip(&file.records);
    rows.map(|(row, record)| match row {
        Ok(row) => Ok(row.name.map(|name| name.text().to_owned()).unwrap_or_default()),
        Err(_) => Err(record.line),
    })
    .collect()
}

#[test]
fn every_delimiter_a_spreadsheet_writes_is_found() {
    for (delimiter, text) in [
        (',', "username,\"a;b;c\",phone\nalice,x,+4930901820\n"),
        (';', "username;phone\r\nalice;+4930901820\r\n"),
        ('\t', "username\tphone\nalice\t+4930901820\n"),
        (';', "sep=;\nusername\nalice\n"),
        (',', "username\nalice\n"),
    ] {
        let file = file(text);
        assert_eq!((file.format, file.delimiter), (Format::Csv, Some(delimiter)), "{text}");
        assert_eq!(names(&file), [Ok("alice".to_owned())], "{text}");
    }
}

#[test]
fn a_bad_line_costs_its_own_row_only() {
    let text = "username,phone\nalice,\"+49\nbob,\nc,a,r,ol\n\n=x@,\ndave\nerin,,,\n";
    let read = names(&file(text));
    let fine = |name: &str| Ok(name.to_owned());
    assert_eq!(read, [Err(2), fine("bob"), Err(4), Err(6), fine("dave"), fine("erin")]);
}

#[test]
fn an_export_of_the_old_server_is_known_by_its_columns() {
    let file = file(
        "Username;First Name;Country Code;Phone;Extension;Backup Phone;Method;PIN Mode;PIN;Enabled;Serial Number;Secret Key;\
         Time Interval;Favourite colour\n\
         CORP\\alice;Alice;49;030 901820;7;+49 171 2345678;OATH Token;Standard;1234;Yes;GA-1;JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP;60;red\n",
    );
    assert_eq!(file.format, Format::AzureMfa);
    let row = rows(&file).remove(0).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(row.name.as_ref().map(LoginName::text), Some("CORP\\alice"));
    assert_eq!(row.enabled, Some(true));
    let phones: Vec<_> = row.phones.iter().map(|(purpose, phone)| (*purpose, phone.to_string())).collect();
    let (first, second) = ("+4930901820;ext=7".to_owned(), "+491712345678".to_owned());
    assert_eq!(phones, [(Purpose::Phone, first), (Purpose::Backup, second)]);
    let token = row.token.unwrap_or_else(|| panic!("no token"));
    let Token::Totp { parameters, .. } = token.token else { panic!("not TOTP") };
    assert_eq!((token.serial.as_deref(), parameters.period.seconds(), token.is_weak), (Some("GA-1"), 60, false));
    // Every cell has a fate.
    let mut fates: Vec<(&str, Fate)> =
        row.fates.iter().map(|(column, fate)| (file.columns[*column].header.as_str(), *fate)).collect();
    fates.sort_unstable();
    let fate = |header: &str| fates.iter().find(|(name, _)| *name == header).map(|(_, fate)| *fate);
    assert_eq!(fates.len(), 14, "{fates:?}");
    assert_eq!(fate("Secret Key"), Some(Fate::Taken));
    assert!(matches!(fate("Phone"), Some(Fate::Changed(_))));
    for left in ["First Name", "Method", "PIN Mode", "PIN", "Favourite colour"] {
        assert!(matches!(fate(left), Some(Fate::Left(_))), "{left}");
    }
}

#[test]
fn whom_the_old_server_let_in_by_password_is_decided_by_a_person() {
    let text = "username,method,enabled\nalice,Phone Call,No\n";
    let (column, why) = refused(text);
    assert!(column == "enabled" && why.contains("password alone") && why.contains("--disabled-users"), "{why}");
    for (rule, enabled) in [(DisabledThere::Disable, false), (DisabledThere::Enable, true)] {
        let file = file(text);
        let rules = Rules { disabled_there: rule, ..rules() };
        let row =
            row::read(&file.records[0], &file.columns, file.format, rules).unwrap_or_else(|why| panic!("{why:?}"));
        assert_eq!(row.enabled, Some(enabled));
        assert!(row.fates.iter().any(|(_, fate)| matches!(fate, Fate::Changed(_))));
    }
    let ours = rows(&file("username,enabled\nalice,No\n")).remove(0).unwrap_or_else(|why| panic!("{why:?}"));
    assert_eq!(ours.enabled, Some(false), "in our own file it means what it says");
}

#[test]
fn a_refused_cell_is_named_and_never_repeated() {
    let secret = "NotBase32!0189";
    for (text, wanted) in [
        (format!("username,secret\nalice,{secret}\n"), "secret"),
        (format!("username,phone\nalice,{secret}\n"), "phone"),
        (format!("username,enabled\nalice,{secret}\n"), "enabled"),
        (format!("username,phone,country code\nalice,030 1,{secret}\n"), "country code"),
        (format!("username,secret,digits\nalice,JBSWY3DPEHPK3PXPJBSWY3DP,{secret}\n"), "digits"),
        (format!("username\n{secret}\\a\\b\n"), "username"),
        (format!("username,dn\n,{secret}\n"), "dn"),
    ] {
        let (column, why) = refused(&text);
        assert_eq!(column, wanted, "{why}");
        assert!(!why.contains(secret) && !why.contains("JBSWY"), "{why}");
    }
}

#[test]
fn a_column_can_be_given_another_meaning_or_none() {
    let text = b"Who,Serial,Phone\nalice,1,nonsense\n";
    let overrides = |of: &[(&str, &str)]| -> Vec<(String, String)> {
        of.iter().map(|(header, name)| ((*header).to_owned(), (*name).to_owned())).collect()
    };
    let fault = |of: &[(&str, &str)]| read(text, None, &overrides(of)).err().map(|fault| fault.to_string());
    assert!(fault(&[]).is_some_and(|why| why.contains("--column") && why.contains("\"Who\"")));
    assert!(fault(&[("Whom", "username")]).is_some_and(|why| why.contains("\"Whom\"")));
    assert!(fault(&[("Who", "nobody")]).is_some_and(|why| why.contains("unique_id")));
    assert!(
        fault(&[("Who", "username"), ("Serial", "username")]).is_some_and(|why| why.contains("both mean username"))
    );
    let file =
        read(text, None, &overrides(&[("who", "username"), ("Phone", "-")])).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(names(&file), [Ok("alice".to_owned())]);
}

#[test]
fn an_ldif_file_is_folded_encoded_commented_and_read() {
    let text = "version: 1\n# people\n#  of ours\n\ndn: uid=alice,ou=peo\n ple,dc=example\n# a remark\n  that goes on\nobjectClass: person\nobjectClass: top\n\
                mobile:: KzQ5IDMwIDkwMTgyMA==\njpegPhoto:: /9j/\nuid: alice\n\n\ndn:: dWlkPWLDtmIsZGM9ZXhhbXBsZQ==\nchangetype: add\nuid: x\n";
    let file = file(text);
    assert_eq!((file.format, file.delimiter), (Format::Ldif, None));
    assert_eq!(names(&file), [Ok("uid=alice,ou=people,dc=example".to_owned()), Ok("uid=böb,dc=example".to_owned())]);
    assert_eq!(file.records.iter().map(|record| record.line).collect::<Vec<_>>(), [5, 16]);
    let alice = rows(&file).remove(0).unwrap_or_else(|why| panic!("{why:?}"));
    assert_eq!(alice.phones.iter().map(|(_, phone)| phone.to_string()).collect::<Vec<_>>(), ["+4930901820"]);
}

#[test]
fn an_ldif_record_that_asks_for_more_than_to_be_added_is_refused_alone() {
    for (record, word) in [
        ("dn: uid=a,dc=x\nchangetype: delete", "changes or removes"),
        ("dn: uid=a,dc=x\nchangetype: modify\nreplace: sn\nsn: b\n-", "changes or removes"),
        ("dn: uid=a,dc=x\ncontrol: 1.2.3 true\nchangetype: add", "control"),
        ("dn: uid=a,dc=x\nmobile:< file:///etc/passwd", "another place"),
        ("dn: uid=a,dc=x\nmobile:: !!", "base64"),
        ("dn: uid=a,dc=x\nmobile:: /w==", "not text"),
        ("dn: uid=a,dc=x\nmobile: +4930901820\nmobile: +4930901821", "more than one"),
        ("dn: uid=a,dc=x\nsn b", "line 4"),
        ("dn:", "empty"),
        ("cn: a\ndn: uid=a,dc=x", "begin"),
        (" dn: uid=a,dc=x", "line 3"),
    ] {
        let file = file(&format!("version: 1\n\n{record}\n\ndn: uid=b,dc=x\n"));
        let mut rows = rows(&file);
        assert!(rows.pop().is_some_and(|row| row.is_ok()), "{record}");
        let refusal = rows.pop().and_then(Result::err).unwrap_or_else(|| panic!("taken: {record}"));
        assert!(refusal.why.contains(word), "{record}: {refusal:?}");
    }
}

#[test]
fn what_a_spreadsheet_would_reckon_with_is_guarded_and_read_back() {
    for text in ["=1+1", "+4930901820", "-1", "@SUM(A1)", "＝1", "'=1", "''", "'", "alice", "", "O'Neil"] {
        let guarded = export::guarded(text);
        assert!(!guarded.starts_with(['=', '+', '-', '@', '＝']), "{guarded}");
        assert_eq!(export::unguarded(&guarded), text);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(file) = read(&bytes, None, &[]) {
            prop_assert_eq!(rows(&file).len(), file.records.len());
        }
    }

    #[test]
    fn any_text_is_read_or_refused_as_either_format(
        header in "(username|dn|phone|secret|[;,\"\\t]){1,6}", lines in "[ -~\\n\"';,:<#é]{0,300}"
    ) {
        for format in [Format::Csv, Format::Ldif, Format::AzureMfa] {
            if let Ok(file) = read(format!("{header}\n{lines}").as_bytes(), Some(format), &[]) {
                let lines: Vec<usize> = file.records.iter().map(|record| record.line).collect();
                prop_assert!(lines.is_sorted(), "{:?}", lines);
                rows(&file);
            }
        }
    }

    #[test]
    fn what_is_exported_is_read_back(cells in proptest::collection::vec("[^\\p{C}]{1,20}", 3)) {
        let cells: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
        let mut sheet = export::Sheet::new(vec![]);
        sheet.row(["username", "b", "c"]).unwrap();
        sheet.row(cells.iter().copied()).unwrap();
        let bytes = sheet.finish().unwrap();
        let file = read(&bytes, Some(Format::Csv), &[]).unwrap_or_else(|why| panic!("{why}"));
        let read: Vec<(usize, String)> = file.records.iter()
            .flat_map(|record| record.cells.as_ref().unwrap_or_else(|why| panic!("{why:?}")))
            .map(|cell| (cell.column, cell.text.as_ref().unwrap_or_else(|why| panic!("{why}")).to_string()))
            .collect();
        let wanted: Vec<(usize, String)> = cells.iter().enumerate()
            .filter(|(_, cell)| !cell.is_empty()).map(|(at, cell)| (at, (*cell).to_owned())).collect();
        prop_assert_eq!(read, wanted);
    }

    #[test]
    fn an_ldif_value_survives_any_folding(text in "[ -~]{0,60}", every in 1usize..20) {
        let text = text.trim();
        let line = format!("description: {text}");
        let folded: Vec<String> = line.chars().collect::<Vec<_>>().chunks(every + 12).map(String::from_iter).collect();
        let whole = format!("dn: uid=a,dc=x\n{}\n", folded.join("\n "));
        let file = read(whole.as_bytes(), Some(Format::Ldif), &[]).unwrap_or_else(|why| panic!("{why}"));
        let cells = file.records[0].cells.as_ref();
        if text.starts_with([':', '<']) || text.is_empty() {
            return Ok(());
        }
        let cells = cells.unwrap_or_else(|why| panic!("{why:?}"));
        prop_assert_eq!(cells[1].text.as_ref().map(|text| text.as_str()), Ok(text));
    }
}
