//! The judgement of a proof, made while the user's row is locked, so that each code, bypass and attempt counts once
//! however many doors and replicas race for it.
//!
//! R14 asks to reserve an attempt before the check. Under the lock that is the same thing: attempts are judged one
//! after the other, each sees all failures before it, and nothing leaves before the judgement is committed.

use jiff::{SignedDuration, Timestamp};

use super::factor::Factor;
use super::ids::AuthenticatorId;
use super::otp::{self, HotpVerdict, LookAhead, TotpMemory, TotpVerdict, Window};
use super::outcome::{Denial, Grant, Outcome};
use super::passkey;
use super::policy::barred;
use super::secret::Code;
use super::sign_in::Proof;
use super::user::{Account, Authenticator, Failures, Token};

/// When failures lock a user out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRule {
    /// Consecutive failures to a lockout.
    pub failures: u32,
    /// The first lockout; each further one lasts twice as long, up to a day.
    pub duration: SignedDuration,
}

/// SP 800-63B §3.2.2: no more than 100 consecutive failures; then only a person unlocks.
const CEILING: u32 = 100;
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What a judgement changes, for the store to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Failures(Failures),
    TotpMemory {
        authenticator: AuthenticatorId,
        memory: TotpMemory,
    },
    HotpCounter {
        authenticator: AuthenticatorId,
        next: u64,
    },
    PasskeyUsed(passkey::Used),
    BypassUsed,
    /// One recovery code less; which one, the caller knows.
    RecoveryUsed,
}

/// An outcome and what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub outcome: Outcome,
    pub changes: Vec<Change>,
}

impl Judgement {
    fn just(outcome: Outcome) -> Self {
        Self { outcome, changes: vec![] }
    }
}

/// Judges one proof against the account as it stands now and applies the changes to it, so that the next one in the
/// same lock sees them. `recovery_matches` says whether the recovery code typed is one that has not been used.
pub fn judge(
    account: &mut Account,
    proof: &Proof,
    recovery_matches: bool,
    factors: &[Factor],
    rule: LockRule,
    now: Timestamp,
) -> Judgement {
    let denied = |denial| Judgement::just(Outcome::Denied(denial));
    if let Proof::Denied(denial) = proof {
        return if counts(*denial) { failed(account, *denial, rule, now) } else { denied(*denial) };
    }
    // What was true when the sign-in began may not be any more.
    if let Some(denial) = barred(account, now) {
        return denied(denial);
    }
    match proof {
        Proof::Denied(denial) => denied(*denial),
        Proof::Exempt(exemption) => Judgement::just(Outcome::Granted(Grant::Exempt(*exemption))),
        Proof::Grace => {
            if account.grace_until.is_some_and(|until| now < until) {
                Judgement::just(Outcome::Granted(Grant::Grace))
            } else {
                denied(Denial::MissingCode)
            }
        }
        Proof::Bypass => {
            if account.has(Factor::Bypass, now) {
                granted(account, Factor::Bypass, Some(Change::BypassUsed))
            } else {
                failed(account, Denial::MissingCode, rule, now)
            }
        }
        // Somebody may have enrolled since the sign-in began. Nothing is forgiven for it: nothing was proven.
        Proof::Enrolment if account.was_ever_enrolled() => denied(Denial::MissingCode),
        Proof::Enrolment => Judgement::just(Outcome::Granted(Grant::Enrolment)),
        Proof::Approved(_) => granted(account, Factor::App, None),
        Proof::Proven(factor) => Judgement::just(Outcome::Granted(Grant::Factor(*factor))),
        Proof::Passkey(_) if !factors.contains(&Factor::Passkey) => denied(Denial::FactorNotAllowed),
        Proof::Passkey(used) => match stood(account, used.authenticator) {
            // Removed since the question was put.
            None => denied(Denial::FactorNotAllowed),
            Some(stood) if stood.may_become(used.standing) => {
                granted(account, Factor::Passkey, Some(Change::PasskeyUsed(*used)))
            }
            Some(_) => failed(account, Denial::CopiedPasskey, rule, now),
        },
        Proof::Pair(first, second) => match find_pair(account, factors, (first, second), now) {
            Some((factor, change)) => granted(account, factor, Some(change)),
            None => failed(account, Denial::WrongCode, rule, now),
        },
        Proof::Recovery(_) => {
            if recovery_matches && account.recovery_codes > 0 {
                granted(account, Factor::RecoveryCode, Some(Change::RecoveryUsed))
            } else {
                failed(account, Denial::WrongCode, rule, now)
            }
        }
        Proof::Digits(code) => match check_digits(account, factors, code, now) {
            Digits::Accepted(factor, change) => granted(account, factor, Some(change)),
            Digits::Replayed => failed(account, Denial::ReusedCode, rule, now),
            Digits::Wrong => failed(account, Denial::WrongCode, rule, now),
        },
    }
}

/// Denials that are failures of the second factor. A wrong password is the directory's to count.
fn counts(denial: Denial) -> bool {
    match denial {
        Denial::MissingCode
        | Denial::WrongCode
        | Denial::ReusedCode
        | Denial::WrongPin
        | Denial::WrongPasskey
        | Denial::CopiedPasskey => true,
        Denial::WrongPassword
        | Denial::PasswordExpired
        | Denial::DialogOver
        | Denial::NotOneEntry
        | Denial::UnknownUser
        | Denial::NoFactor
        | Denial::MustEnrol
        | Denial::Disabled
        | Denial::DisabledInDirectory
        | Denial::ExpiredInDirectory
        | Denial::Blocked
        | Denial::LockedOut
        | Denial::FactorNotAllowed
        | Denial::PromptRefused
        | Denial::PromptExpired
        | Denial::PromptCancelled
        | Denial::TooManyPrompts
        | Denial::AlreadyAsking
        | Denial::Throttled => false,
    }
}

fn granted(account: &mut Account, factor: Factor, change: Option<Change>) -> Judgement {
    let mut changes: Vec<Change> = change.into_iter().collect();
    // A bypass proves nothing about the person, so it forgives nothing.
    if factor != Factor::Bypass && account.failures != Failures::default() {
        changes.push(Change::Failures(Failures::default()));
    }
    for change in &changes {
        apply(account, *change);
    }
    Judgement { outcome: Outcome::Granted(Grant::Factor(factor)), changes }
}

fn failed(account: &mut Account, denial: Denial, rule: LockRule, now: Timestamp) -> Judgement {
    if let Some(barred) = barred(account, now) {
        return Judgement::just(Outcome::Denied(barred));
    }
    let failures = after_failure(account.failures, rule, now);
    let change = Change::Failures(failures);
    apply(account, change);
    Judgement { outcome: Outcome::Denied(denial), changes: vec![change] }
}

/// The failures after one more.
pub fn after_failure(before: Failures, rule: LockRule, now: Timestamp) -> Failures {
    let count = before.count.saturating_add(1);
    let threshold = rule.failures.clamp(1, CEILING);
    if count >= CEILING {
        return Failures { count, lockouts: before.lockouts.saturating_add(1), locked_until: Some(Timestamp::MAX) };
    }
    if !count.is_multiple_of(threshold) {
        return Failures { count, ..before };
    }
    let doubled = rule.duration.saturating_mul(1_i32.checked_shl(before.lockouts.min(20)).unwrap_or(i32::MAX));
    let until = now.saturating_add(doubled.min(LONGEST)).unwrap_or(Timestamp::MAX);
    Failures { count, lockouts: before.lockouts.saturating_add(1), locked_until: Some(until) }
}

fn apply(account: &mut Account, change: Change) {
    match change {
        Change::Failures(failures) => account.failures = failures,
        Change::PasskeyUsed(used) => {
            for token in tokens(account, used.authenticator) {
                if let Token::Passkey(credential) = token {
                    credential.standing = used.standing;
                }
            }
        }
        Change::BypassUsed => account.bypass_until = None,
        Change::RecoveryUsed => account.recovery_codes = account.recovery_codes.saturating_sub(1),
        Change::TotpMemory { authenticator, memory: accepted } => {
            for token in tokens(account, authenticator) {
                if let Token::Totp { memory, .. } = token {
                    *memory = accepted;
                }
            }
        }
        Change::HotpCounter { authenticator, next } => {
            for token in tokens(account, authenticator) {
                if let Token::Hotp { next_counter, .. } = token {
                    *next_counter = next;
                }
            }
        }
    }
}

fn tokens(account: &mut Account, id: AuthenticatorId) -> impl Iterator<Item = &mut Token> {
    account.authenticators.iter_mut().filter(move |found| found.id == id).map(|found| &mut found.token)
}

/// Where a passkey of the account stands.
fn stood(account: &Account, id: AuthenticatorId) -> Option<passkey::Standing> {
    account.authenticators.iter().filter(|found| found.id == id).find_map(|found| match &found.token {
        Token::Passkey(credential) => Some(credential.standing),
        Token::App | Token::Totp { .. } | Token::Hotp { .. } => None,
    })
}

/// How far a token may have drifted for its owner to bring it back alone: ten minutes, or twenty codes. Further away a pair of codes
/// may have been taken from the owner hours ago; then an administrator looks.
const DRIFT_SEARCH: u32 = 20;

/// The token that two consecutive codes belong to, wherever it has drifted to, and where it stands after them (RFC 4226
/// §7.4, RFC 6238 §6).
fn find_pair(
    account: &Account,
    factors: &[Factor],
    (first, second): (&Code, &Code),
    now: Timestamp,
) -> Option<(Factor, Change)> {
    allowed(account, factors).find_map(|authenticator| {
        let id = authenticator.id;
        let typed = |code: &Code, digits| {
            std::str::from_utf8(code.expose()).ok().and_then(|code| otp::typed_code(code, digits).ok())
        };
        match &authenticator.token {
            Token::App | Token::Passkey(_) => None,
            Token::Totp { seed, parameters, memory } => {
                let (first, second) = (typed(first, parameters.digits)?, typed(second, parameters.digits)?);
                let token = otp::Token { seed, parameters: *parameters };
                let memory =
                    token.resync_totp((&first, &second), now.as_second(), DRIFT_SEARCH, memory.last_accepted)?;
                Some((Factor::Totp, Change::TotpMemory { authenticator: id, memory }))
            }
            Token::Hotp { seed, parameters, next_counter } => {
                let (first, second) = (typed(first, parameters.digits)?, typed(second, parameters.digits)?);
                let token = otp::Token { seed, parameters: *parameters };
                let next = token.resync_hotp(&first, &second, *next_counter, DRIFT_SEARCH)?;
                Some((Factor::Hotp, Change::HotpCounter { authenticator: id, next }))
            }
        }
    })
}

/// Does a code that was wrong belong to a token of the account that has drifted away? Then the next one shows it.
pub fn has_drifted(account: &Account, factors: &[Factor], code: &Code, now: Timestamp) -> bool {
    let Ok(typed) = std::str::from_utf8(code.expose()) else { return false };
    allowed(account, factors).any(|authenticator| match &authenticator.token {
        Token::App | Token::Passkey(_) => false,
        Token::Totp { seed, parameters, memory } => otp::typed_code(typed, parameters.digits).is_ok_and(|code| {
            let token = otp::Token { seed, parameters: *parameters };
            token.is_near_totp(&code, now.as_second(), DRIFT_SEARCH, memory.last_accepted)
        }),
        Token::Hotp { seed, parameters, next_counter } => otp::typed_code(typed, parameters.digits).is_ok_and(|code| {
            let token = otp::Token { seed, parameters: *parameters };
            token.is_near_hotp(&code, *next_counter, DRIFT_SEARCH)
        }),
    })
}

/// What a typed code is worth against the tokens of an account, without using it up.
pub enum Digits {
    Accepted(Factor, Change),
    Replayed,
    Wrong,
}

/// The authenticators of the factors that the client accepts: a code of any other is no more than a wrong one.
fn allowed<'a>(account: &'a Account, factors: &[Factor]) -> impl Iterator<Item = &'a Authenticator> {
    account.authenticators.iter().filter(|authenticator| factors.contains(&authenticator.token.factor()))
}

/// Tries a code against every token of the account whose factor is allowed. All are computed, whichever matches.
pub fn check_digits(account: &Account, factors: &[Factor], code: &Code, now: Timestamp) -> Digits {
    let Ok(typed) = std::str::from_utf8(code.expose()) else { return Digits::Wrong };
    let mut best = Digits::Wrong;
    for authenticator in allowed(account, factors) {
        let id = authenticator.id;
        let found = match &authenticator.token {
            Token::App | Token::Passkey(_) => Digits::Wrong,
            Token::Totp { seed, parameters, memory } => {
                let token = otp::Token { seed, parameters: *parameters };
                let code = otp::typed_code(typed, parameters.digits);
                match code.map(|code| token.verify_totp(&code, now.as_second(), Window::default(), *memory)) {
                    Ok(TotpVerdict::Accepted { step, drift }) => {
                        let memory = TotpMemory { drift, last_accepted: Some(step), ..*memory };
                        Digits::Accepted(Factor::Totp, Change::TotpMemory { authenticator: id, memory })
                    }
                    Ok(TotpVerdict::Replayed { .. }) => Digits::Replayed,
                    Ok(TotpVerdict::Wrong) | Err(_) => Digits::Wrong,
                }
            }
            Token::Hotp { seed, parameters, next_counter } => {
                let token = otp::Token { seed, parameters: *parameters };
                let code = otp::typed_code(typed, parameters.digits);
                match code.map(|code| token.verify_hotp(&code, *next_counter, LookAhead::default())) {
                    Ok(HotpVerdict::Accepted { next_counter: next }) => {
                        Digits::Accepted(Factor::Hotp, Change::HotpCounter { authenticator: id, next })
                    }
                    Ok(HotpVerdict::Replayed { .. }) => Digits::Replayed,
                    Ok(HotpVerdict::Wrong) | Err(_) => Digits::Wrong,
                }
            }
        };
        best = match (best, found) {
            (Digits::Accepted(factor, change), _) | (_, Digits::Accepted(factor, change)) => {
                Digits::Accepted(factor, change)
            }
            (Digits::Replayed, _) | (_, Digits::Replayed) => Digits::Replayed,
            (Digits::Wrong, Digits::Wrong) => Digits::Wrong,
        };
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{NOW, RULE, account, code_at};
    use super::super::outcome::Exemption;
    use super::*;

    fn judge_digits(account: &mut Account, code: &str, now: Timestamp) -> Outcome {
        judge(account, &Proof::Digits(Code::new(code.as_bytes())), false, &Factor::ALL, RULE, now).outcome
    }

    #[test]
    fn r20_a_code_works_once() {
        let mut account = account(&[Factor::Totp]);
        let code = code_at(&account, NOW);
        assert_eq!(judge_digits(&mut account, &code, NOW), Outcome::Granted(Grant::Factor(Factor::Totp)));
        assert_eq!(judge_digits(&mut account, &code, NOW), Outcome::Denied(Denial::ReusedCode));
    }

    #[test]
    fn r14_failures_lock_the_user_out_for_longer_each_time_and_a_success_forgives() {
        let mut account = account(&[Factor::Totp]);
        for _ in 0..RULE.failures {
            assert_eq!(judge_digits(&mut account, "000000", NOW), Outcome::Denied(Denial::WrongCode));
        }
        let right = code_at(&account, NOW);
        assert_eq!(
            judge_digits(&mut account, &right, NOW),
            Outcome::Denied(Denial::LockedOut),
            "even with the right code"
        );
        let later = NOW + RULE.duration;
        let right = code_at(&account, later);
        assert_eq!(judge_digits(&mut account, &right, later), Outcome::Granted(Grant::Factor(Factor::Totp)));
        assert_eq!(account.failures, Failures::default());

        let first = (0..RULE.failures).fold(Failures::default(), |so_far, _| after_failure(so_far, RULE, NOW));
        let second = (0..RULE.failures).fold(first, |so_far, _| after_failure(so_far, RULE, NOW));
        assert_eq!(first.locked_until, Some(NOW + RULE.duration));
        assert_eq!(second.locked_until, Some(NOW + RULE.duration * 2));
    }

    #[test]
    fn a_code_of_a_factor_that_the_client_does_not_accept_is_a_wrong_one() {
        let mut account = account(&[Factor::Totp, Factor::Hotp]);
        let code = Code::new(code_at(&account, NOW).into_bytes());
        let hotp_only = [Factor::App, Factor::Hotp];
        let judged = judge(&mut account, &Proof::Digits(code.clone()), false, &hotp_only, RULE, NOW).outcome;
        assert_eq!(judged, Outcome::Denied(Denial::WrongCode));
        let next = NOW + SignedDuration::from_secs(30);
        let pair = (&code, &Code::new(code_at(&account, next).into_bytes()));
        assert!(find_pair(&account, &hotp_only, pair, next).is_none());
        assert!(find_pair(&account, &[Factor::Totp], pair, next).is_some());
        let far = Code::new(code_at(&account, NOW + SignedDuration::from_mins(7)).into_bytes());
        assert!(has_drifted(&account, &Factor::ALL, &far, NOW) && !has_drifted(&account, &hotp_only, &far, NOW));
        let judged = judge(&mut account, &Proof::Digits(code), false, &[Factor::Totp], RULE, NOW).outcome;
        assert_eq!(judged, Outcome::Granted(Grant::Factor(Factor::Totp)), "it was not used up");
    }

    #[test]
    fn a_first_enrolment_is_for_whoever_has_no_factor_by_then_and_forgives_nothing() {
        let mut bare = account(&[]);
        bare.failures.count = 3;
        let judgement = judge(&mut bare, &Proof::Enrolment, false, &Factor::ALL, RULE, NOW);
        assert_eq!(judgement, Judgement::just(Outcome::Granted(Grant::Enrolment)));
        let mut enrolled = account(&[Factor::Totp]);
        let judgement = judge(&mut enrolled, &Proof::Enrolment, false, &Factor::ALL, RULE, NOW);
        assert_eq!(judgement, Judgement::just(Outcome::Denied(Denial::MissingCode)));
    }

    #[test]
    fn a_hundred_failures_lock_until_a_person_unlocks() {
        let failures = (0..100).fold(Failures::default(), |so_far, _| after_failure(so_far, RULE, NOW));
        assert_eq!(failures.locked_until, Some(Timestamp::MAX));
    }

    #[test]
    fn a_bypass_and_a_recovery_code_are_used_up() {
        let mut account = account(&Factor::ALL);
        let bypass = judge(&mut account, &Proof::Bypass, false, &Factor::ALL, RULE, NOW);
        assert_eq!(bypass.outcome, Outcome::Granted(Grant::Factor(Factor::Bypass)));
        assert_eq!(
            judge(&mut account, &Proof::Bypass, false, &Factor::ALL, RULE, NOW).outcome,
            Outcome::Denied(Denial::MissingCode)
        );
        let recovery = Proof::Recovery(Code::new(*b"ABCDEFGHJKMNPQ23"));
        account.recovery_codes = 1;
        assert_eq!(
            judge(&mut account, &recovery, true, &Factor::ALL, RULE, NOW).outcome,
            Outcome::Granted(Grant::Factor(Factor::RecoveryCode))
        );
        assert_eq!(
            judge(&mut account, &recovery, true, &Factor::ALL, RULE, NOW).outcome,
            Outcome::Denied(Denial::WrongCode)
        );
    }

    #[test]
    fn r31_a_passkey_opens_only_while_its_counter_rises_and_while_the_account_has_it() {
        let mut account = account(&[Factor::Passkey]);
        let id = account.authenticators[0].id;
        let mut judge_at = |authenticator, sign_count| {
            let standing = passkey::Standing { sign_count, backup_eligible: true, backed_up: true };
            let proof = Proof::Passkey(passkey::Used { authenticator, standing });
            judge(&mut account, &proof, false, &Factor::ALL, RULE, NOW).outcome
        };
        let copied = Outcome::Denied(Denial::CopiedPasskey);
        assert_eq!(judge_at(id, 7), Outcome::Granted(Grant::Factor(Factor::Passkey)));
        assert_eq!(judge_at(id, 7), copied, "the same assertion, on whichever replica");
        assert_eq!(judge_at(id, 6), copied);
        assert_eq!(judge_at(id, 0), copied);
        assert_eq!(judge_at(id, 8), Outcome::Granted(Grant::Factor(Factor::Passkey)));
        let removed = AuthenticatorId(uuid::Uuid::max());
        assert_eq!(judge_at(removed, 9), Outcome::Denied(Denial::FactorNotAllowed));
        assert_eq!(account.failures.count, 0, "the success between forgave the others");
    }

    #[test]
    fn what_changed_since_the_sign_in_began_counts() {
        let mut account = account(&Factor::ALL);
        account.user.enabled = false;
        for proof in
            [Proof::Grace, Proof::Bypass, Proof::Exempt(Exemption::TrustedNetwork), Proof::Digits(Code::new(*b"1"))]
        {
            assert_eq!(
                judge(&mut account, &proof, true, &Factor::ALL, RULE, NOW).outcome,
                Outcome::Denied(Denial::Disabled)
            );
        }
    }
}
