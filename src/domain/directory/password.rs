//! What a directory says of a password beside right and wrong: that it is right and has to be changed first, and why a
//! new one will not do.

/// Why the directory lets nobody in on a password, or not for long, though it is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordDue {
    Expired,
    /// An administrator has set it, and wants the person to choose another.
    MustChange,
}

/// What came of asking a directory to change a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordChange {
    Changed,
    Refused(PasswordRefusal),
}

/// Why not, in the directory's words and in ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordRefusal {
    /// RFC 4511 §4.1.9.
    pub code: u32,
    pub diagnostic: String,
    pub kind: RefusalKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    OldWrong,
    TooWeak(Shortcoming),
    /// The person may not change it, or not yet, or our account may not do it for them.
    NotAllowed,
    Other,
}

/// What a new password lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcoming {
    TooShort,
    TooLong,
    /// It was used before.
    InHistory,
    /// Too simple, by the directory's rules.
    Quality,
    /// It is no UTF-8, and this directory wants text. Nothing was sent.
    NotText,
    /// The directory does not say; Active Directory never does, and means history and minimum age too.
    Unsaid,
}

/// What Active Directory says of a right password in the diagnostic message of a refused bind. It tells a person whose
/// password is wrong `52e`, whatever the state of the account (MS-ERREF §2.2: ERROR_LOGON_FAILURE).
pub fn due_in_windows(diagnostic: &str) -> Option<PasswordDue> {
    let (_, said) = diagnostic.split_once("AcceptSecurityContext error, data ")?;
    match said.split_once(',')?.0 {
        // ERROR_PASSWORD_EXPIRED
        "532" => Some(PasswordDue::Expired),
        // ERROR_PASSWORD_MUST_CHANGE
        "773" => Some(PasswordDue::MustChange),
        _ => None,
    }
}

/// What Active Directory means by refusing a change, from the Windows error that its diagnostic message begins with
/// (MS-ERREF §2.2) and else from the result code.
pub fn refusal_in_windows(code: u32, diagnostic: &str) -> RefusalKind {
    match windows_error(diagnostic) {
        // ERROR_INVALID_PASSWORD, ERROR_WRONG_PASSWORD
        Some(0x56 | 0x52b) => RefusalKind::OldWrong,
        // ERROR_ILL_FORMED_PASSWORD, ERROR_PASSWORD_RESTRICTION
        Some(0x52c | 0x52d) => RefusalKind::TooWeak(Shortcoming::Unsaid),
        // ERROR_ACCESS_DENIED
        Some(0x5) => RefusalKind::NotAllowed,
        Some(_) | None if code == INSUFFICIENT_ACCESS_RIGHTS => RefusalKind::NotAllowed,
        Some(_) | None => RefusalKind::Other,
    }
}

/// Eight hexadecimal digits and a colon.
fn windows_error(diagnostic: &str) -> Option<u32> {
    let (digits, _) = diagnostic.split_once(':')?;
    let all_hex = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if all_hex { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// What other directories mean by refusing a change without a word about their policy.
pub fn refusal_by_code(code: u32, diagnostic: &str) -> RefusalKind {
    match code {
        CONSTRAINT_VIOLATION => RefusalKind::TooWeak(Shortcoming::Unsaid),
        INVALID_CREDENTIALS => RefusalKind::OldWrong,
        // OpenLDAP's answer to an old password that is not the one it has.
        UNWILLING_TO_PERFORM if diagnostic == "unwilling to verify old password" => RefusalKind::OldWrong,
        INSUFFICIENT_ACCESS_RIGHTS => RefusalKind::NotAllowed,
        _ => RefusalKind::Other,
    }
}

/// RFC 4511 §4.1.9.
const CONSTRAINT_VIOLATION: u32 = 19;
const INVALID_CREDENTIALS: u32 = 49;
const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
const UNWILLING_TO_PERFORM: u32 = 53;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_clear_word_of_active_directory_says_that_a_password_is_due() {
        let said = |data: &str| {
            due_in_windows(&format!("80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, {data}"))
        };
        for (data, due) in [
            ("data 532, v2580", Some(PasswordDue::Expired)),
            ("data 532, v1db1\0", Some(PasswordDue::Expired)),
            ("data 773, v2580", Some(PasswordDue::MustChange)),
            // Wrong password, no such user, not now, not here, disabled, account over, locked.
            ("data 52e, v2580", None),
            ("data 525, v2580", None),
            ("data 530, v2580", None),
            ("data 531, v2580", None),
            ("data 533, v2580", None),
            ("data 701, v2580", None),
            ("data 775, v2580", None),
            ("data 5320, v2580", None),
            ("data 0532, v2580", None),
            ("data 532", None),
            ("data 52e, data 532, v2580", None),
            ("", None),
        ] {
            assert_eq!(said(data), due, "{data:?}");
        }
        assert_eq!(due_in_windows("data 532, v2580"), None);
    }

    #[test]
    fn why_a_change_was_refused_is_read_from_what_the_directory_says() {
        let weak = RefusalKind::TooWeak(Shortcoming::Unsaid);
        for (code, diagnostic, kind) in [
            (19, "00000056: AtrErr: DSID-03191083, #1:\n\t0: 00000056: problem 1005", RefusalKind::OldWrong),
            (19, "0000052D: AtrErr: DSID-03191083, #1:\n\t0: 0000052D: problem 1005", weak),
            (53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n", weak),
            (
                50,
                "00000005: SecErr: DSID-031A11D1, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n",
                RefusalKind::NotAllowed,
            ),
            (
                50,
                "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n",
                RefusalKind::NotAllowed,
            ),
            (53, "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n", RefusalKind::Other),
            (19, "00000775: SvcErr: locked", RefusalKind::Other),
            (19, "56: short", RefusalKind::Other),
            (19, "", RefusalKind::Other),
        ] {
            assert_eq!(refusal_in_windows(code, diagnostic), kind, "{code} {diagnostic:?}");
        }
        for (code, diagnostic, kind) in [
            (19, "Password fails quality checking policy", weak),
            (49, "", RefusalKind::OldWrong),
            (53, "unwilling to verify old password", RefusalKind::OldWrong),
            (53, "shadow context; no update referral", RefusalKind::Other),
            (50, "no write access to parent", RefusalKind::NotAllowed),
            (32, "", RefusalKind::Other),
        ] {
            assert_eq!(refusal_by_code(code, diagnostic), kind, "{code} {diagnostic:?}");
        }
    }

    proptest! {
        #[test]
        fn no_diagnostic_makes_the_reading_fall_over(text in "\\PC*", data in "[0-9a-f, ]*") {
            let _ = refusal_in_windows(19, &text);
            let said = due_in_windows(&format!("{text}AcceptSecurityContext error, data {data}"));
            prop_assert!(said.is_none() || data.starts_with("532,") || data.starts_with("773,"));
        }
    }
}
