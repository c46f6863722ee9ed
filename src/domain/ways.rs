//! Ways to prove oneself where a person chooses among several: which come into question, and which is asked for first.

use super::factor::Factor;
use super::user::Account;

/// How well a factor withstands whoever would like to have it; the higher the better. `None`: nobody is asked for it.
const fn strength(factor: Factor) -> Option<u8> {
    match factor {
        // It is the only one that no false page gets hold of.
        Factor::Passkey => Some(4),
        Factor::App => Some(3),
        Factor::Totp => Some(2),
        Factor::Hotp => Some(1),
        Factor::RecoveryCode => Some(0),
        Factor::Bypass => None,
    }
}

/// Do both put the same question? What tells the codes of two tokens apart is which token they fit.
const fn is_same_question(a: Factor, b: Factor) -> bool {
    matches!((a, b), (Factor::Totp | Factor::Hotp, Factor::Totp | Factor::Hotp)) || a as u8 == b as u8
}

/// What may be asked for of `usable`, strongest first, one for each question; without what `asked` asks already.
pub fn ways(usable: &[Factor], asked: Option<Factor>) -> Vec<Factor> {
    let mut ranked: Vec<(u8, Factor)> =
        usable.iter().filter_map(|factor| Some((strength(*factor)?, *factor))).collect();
    ranked.sort_unstable_by_key(|(strength, _)| std::cmp::Reverse(*strength));
    let mut ways: Vec<Factor> = vec![];
    for (_, factor) in ranked {
        if !ways.iter().chain(&asked).any(|other| is_same_question(*other, factor)) {
            ways.push(factor);
        }
    }
    ways
}

/// What is asked for first: what the person chose, else what they used last, else the strongest. A recovery code only if
/// there is nothing else: each one spent is one less for the day that it is needed.
pub fn first(usable: &[Factor], account: Option<&Account>) -> Option<Factor> {
    let wanted = account.into_iter().flat_map(|account| [account.preferred_factor, account.last_factor]).flatten();
    let mut wanted = wanted.filter(|factor| !matches!(factor, Factor::RecoveryCode | Factor::Bypass));
    wanted.find(|factor| usable.contains(factor)).or_else(|| ways(usable, None).first().copied())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::account;
    use super::*;

    #[test]
    fn each_question_is_one_way_and_the_strongest_comes_first() {
        assert_eq!(ways(&Factor::ALL, None), [Factor::Passkey, Factor::App, Factor::Totp, Factor::RecoveryCode]);
        assert_eq!(ways(&Factor::ALL, Some(Factor::Hotp)), [Factor::Passkey, Factor::App, Factor::RecoveryCode]);
        assert_eq!(ways(&[Factor::Hotp, Factor::Bypass], Some(Factor::App)), [Factor::Hotp]);
    }

    #[test]
    fn the_persons_choice_comes_before_the_last_one_and_that_before_the_strongest() {
        let mut known = account(&Factor::ALL);
        let asked = |account: &Account| first(&Factor::ALL, Some(account));
        assert_eq!(asked(&known), Some(Factor::Passkey));
        known.last_factor = Some(Factor::Hotp);
        assert_eq!(asked(&known), Some(Factor::Hotp));
        known.preferred_factor = Some(Factor::Totp);
        assert_eq!(asked(&known), Some(Factor::Totp));
        assert_eq!(first(&[Factor::Hotp], Some(&known)), Some(Factor::Hotp), "what is chosen may be gone");
        known.preferred_factor = Some(Factor::RecoveryCode);
        known.last_factor = None;
        assert_eq!(asked(&known), Some(Factor::Passkey));
        assert_eq!(first(&[Factor::RecoveryCode], Some(&known)), Some(Factor::RecoveryCode));
        assert_eq!(first(&[Factor::Bypass], None), None);
    }
}
