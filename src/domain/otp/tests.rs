use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const SEED_20: &[u8] = b"12345678901234567890";
const SEED_32: &[u8] = b"12345678901234567890123456789012";
const SEED_64: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

fn shown(code: &Code) -> String {
    String::from_utf8(code.expose().to_vec()).unwrap()
}

#[test]
fn hotp_codes_are_those_of_rfc_4226_appendix_d() {
    let seed = Seed::new(SEED_20);
    let token = Token { seed: &seed, parameters: Parameters::default() };
    let expected = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    for (counter, expected) in (0..).zip(expected) {
        assert_eq!(shown(&token.code(counter)), expected, "counter {counter}");
    }
}

#[test]
fn totp_codes_are_those_of_rfc_6238_appendix_b() {
    let expected = [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ];
    for (seconds, codes) in expected {
        let hashes = [(Hash::Sha1, SEED_20), (Hash::Sha256, SEED_32), (Hash::Sha512, SEED_64)];
        for ((hash, seed), expected) in hashes.into_iter().zip(codes) {
            let parameters = Parameters { hash, digits: Digits::EIGHT, period: Period::THIRTY };
            let seed = Seed::new(seed);
            let token = Token { seed: &seed, parameters };
            assert_eq!(shown(&token.code(totp_step(seconds, Period::THIRTY))), expected, "{hash:?} at {seconds} s");
        }
    }
}

const NOW: i64 = 1_700_000_010;

fn seed() -> Seed {
    Seed::new(SEED_20)
}

fn token(seed: &Seed) -> Token<'_> {
    Token { seed, parameters: Parameters::default() }
}

fn now_step() -> u64 {
    totp_step(NOW, Period::THIRTY)
}

fn window(steps: u8) -> Window {
    Window::new(steps).unwrap()
}

fn remembered(last_accepted: u64) -> TotpMemory {
    TotpMemory { last_accepted: Some(last_accepted), ..TotpMemory::default() }
}

#[test]
fn a_typed_code_may_be_grouped_but_must_be_the_right_number_of_ascii_digits() {
    for text in ["123456", "123 456", " 123456 ", "123-456", "1 2 3 4 5 6", "12-34-56"] {
        assert_eq!(typed_code(text, Digits::SIX).map(|code| shown(&code)).ok().as_deref(), Some("123456"), "{text:?}");
    }
    let refused = |text: &str, digits| typed_code(text, digits).map(|code| shown(&code)).unwrap_err();
    for text in [
        "12345a",
        "+12345",
        "12345.",
        "0x1234",
        "1e5000",
        "12345\n",
        "123456\n",
        "\t123456",
        "123456\0",
        "\u{661}\u{662}\u{663}",
        "１２３４５６",
        "\u{661}23456",
        "123\u{a0}456",
        "123–456",
        "123\u{2212}456",
        "123_456",
        "123,456",
        "²23456",
    ] {
        assert_eq!(refused(text, Digits::SIX), CodeFault::NotDigits, "{text:?}");
    }
    for text in ["", " ", "1", "12345", "1234567", "--------", "0000000000000000000000000000000000123456"] {
        assert_eq!(refused(text, Digits::SIX), CodeFault::Length { expected: 6 }, "{text:?}");
    }
    assert_eq!(refused("123456", Digits::EIGHT), CodeFault::Length { expected: 8 });
    assert!(typed_code("12345678", Digits::EIGHT).is_ok());
}

#[test]
fn a_code_of_another_length_never_matches() {
    let seed = seed();
    for code in ["", "7", "75522", "7552244", "0755224"] {
        let code = Code::new(code.as_bytes());
        assert_eq!(token(&seed).verify_hotp(&code, 0, LookAhead::default()), HotpVerdict::Wrong);
    }
}

/// R21, R61: offsets of the clock from the token's, in seconds, against the step a code was made in.
#[test]
fn a_code_is_good_exactly_while_the_clock_is_within_one_step_of_its_own() {
    let seed = seed();
    let step = now_step();
    let started = i64::try_from(step).unwrap() * 30;
    let code = token(&seed).code(step);
    for offset in -120..=120 {
        let verdict = token(&seed).verify_totp(&code, started + offset, Window::default(), TotpMemory::default());
        if (-30..60).contains(&offset) {
            let drift = i32::from(offset < 0) - i32::from(offset >= 30);
            assert_eq!(verdict, TotpVerdict::Accepted { step, drift }, "{offset} s");
        } else {
            assert_eq!(verdict, TotpVerdict::Wrong, "{offset} s");
        }
    }
}

#[test]
fn a_used_step_stays_closed_wherever_the_clock_goes() {
    let seed = seed();
    let used = now_step();
    for offset in (-120..=120).chain([-3600, 3600, -86_400, 86_400]) {
        for step in used - 12..=used {
            let code = token(&seed).code(step);
            for steps in 0..=MAX_WINDOW {
                let verdict = token(&seed).verify_totp(&code, NOW + offset, window(steps), remembered(used));
                assert!(
                    !matches!(verdict, TotpVerdict::Accepted { .. }),
                    "step {step}, clock {offset} s, window {steps}"
                );
            }
        }
    }
}

#[test]
fn a_code_works_once_and_the_next_one_works_after_it() {
    let seed = seed();
    let step = now_step();
    let verify =
        |of_step, memory| token(&seed).verify_totp(&token(&seed).code(of_step), NOW, Window::default(), memory);
    assert_eq!(verify(step, TotpMemory::default()), TotpVerdict::Accepted { step, drift: 0 });
    assert_eq!(verify(step, remembered(step)), TotpVerdict::Replayed { step });
    assert_eq!(verify(step - 1, remembered(step)), TotpVerdict::Replayed { step: step - 1 });
    assert_eq!(verify(step + 1, remembered(step)), TotpVerdict::Accepted { step: step + 1, drift: 1 });
    assert_eq!(verify(step + 2, remembered(step)), TotpVerdict::Wrong);
    assert_eq!(verify(step, remembered(u64::MAX)), TotpVerdict::Replayed { step });
}

#[test]
fn the_window_is_as_wide_as_it_says_and_no_wider() {
    let seed = seed();
    for steps in 0..=MAX_WINDOW {
        let good: Vec<u64> = (now_step() - 20..=now_step() + 20)
            .filter(|&step| {
                let code = token(&seed).code(step);
                token(&seed).verify_totp(&code, NOW, window(steps), TotpMemory::default()) != TotpVerdict::Wrong
            })
            .collect();
        let expected: Vec<u64> = (now_step() - u64::from(steps)..=now_step() + u64::from(steps)).collect();
        assert_eq!(good, expected);
    }
    assert_eq!(Window::new(11), Err(ParameterFault::Window));
}

#[test]
fn a_slow_token_is_followed_but_never_out_of_the_window() {
    let seed = seed();
    let step = now_step();
    let code = |behind: u64| token(&seed).code(step - behind);
    let verify = |behind, drift| {
        token(&seed).verify_totp(&code(behind), NOW, Window::default(), TotpMemory { drift, ..TotpMemory::default() })
    };
    assert_eq!(verify(1, 0), TotpVerdict::Accepted { step: step - 1, drift: -1 });
    assert_eq!(verify(2, 0), TotpVerdict::Wrong);
    assert_eq!(verify(2, -1), TotpVerdict::Accepted { step: step - 2, drift: -1 }, "learned, then held at the window");
    assert_eq!(verify(3, -1), TotpVerdict::Wrong);
    assert_eq!(verify(3, -9), TotpVerdict::Wrong, "a drift remembered from a wider window counts as far as this one");
    assert_eq!(verify(0, -1), TotpVerdict::Accepted { step, drift: 0 }, "a clock set right again is still in reach");
}

#[test]
fn two_consecutive_codes_find_a_clock_that_is_far_off() {
    let seed = seed();
    let step = now_step();
    let codes = |first: u64, second: u64| (token(&seed).code(first), token(&seed).code(second));
    let resync =
        |(first, second): (Code, Code), search, last| token(&seed).resync_totp((&first, &second), NOW, search, last);
    for offset in [-1000_i32, -41, -1, 0, 7, 1000] {
        let at = step.checked_add_signed(offset.into()).unwrap();
        let memory = TotpMemory { anchor: offset + 1, drift: 0, last_accepted: Some(at + 1) };
        assert_eq!(resync(codes(at, at + 1), MAX_SEARCH, None), Some(memory), "{offset} steps");
        let next = token(&seed).code(at + 2);
        let verdict = token(&seed).verify_totp(&next, NOW + 30, Window::default(), memory);
        assert_eq!(verdict, TotpVerdict::Accepted { step: at + 2, drift: 0 }, "the code after the resynchronisation");
    }
    assert_eq!(resync(codes(step - 1001, step - 1000), MAX_SEARCH, None), None, "too far back");
    assert_eq!(resync(codes(step + 1001, step + 1002), MAX_SEARCH, None), None, "too far ahead");
    assert_eq!(resync(codes(step + 1001, step + 1002), u32::MAX, None), None, "the search has a ceiling");
    assert_eq!(resync(codes(step, step + 2), MAX_SEARCH, None), None, "not consecutive");
    assert_eq!(resync(codes(step + 1, step), MAX_SEARCH, None), None, "the wrong way round");
    assert_eq!(resync(codes(step, step), MAX_SEARCH, None), None, "one code twice");
    assert_eq!(resync(codes(step, step + 1), MAX_SEARCH, Some(step)), None, "a used code");
    assert_eq!(resync(codes(step, step + 1), MAX_SEARCH, Some(u64::MAX)), None);
    assert!(resync(codes(step, step + 1), MAX_SEARCH, Some(step - 1)).is_some());
}

#[test]
fn an_hotp_code_moves_the_counter_past_itself_and_never_back() {
    let seed = seed();
    let verify = |counter, next| token(&seed).verify_hotp(&token(&seed).code(counter), next, LookAhead::default());
    for ahead in 0..=10 {
        assert_eq!(verify(100 + ahead, 100), HotpVerdict::Accepted { next_counter: 101 + ahead });
    }
    assert_eq!(verify(111, 100), HotpVerdict::Wrong, "past the look-ahead");
    for behind in 1..=10 {
        assert_eq!(verify(100 - behind, 100), HotpVerdict::Replayed { counter: 100 - behind });
    }
    assert_eq!(verify(89, 100), HotpVerdict::Wrong);
    assert_eq!(verify(0, 0), HotpVerdict::Accepted { next_counter: 1 });
    let strict = LookAhead::new(0).unwrap();
    assert_eq!(token(&seed).verify_hotp(&token(&seed).code(101), 100, strict), HotpVerdict::Wrong);
    assert_eq!(LookAhead::new(11), Err(ParameterFault::LookAhead));
}

#[test]
fn the_last_counter_values_end_the_token_without_wrapping() {
    let seed = seed();
    let verify = |counter, next| token(&seed).verify_hotp(&token(&seed).code(counter), next, LookAhead::default());
    assert_eq!(verify(u64::MAX - 1, u64::MAX - 1), HotpVerdict::Accepted { next_counter: u64::MAX });
    assert_eq!(verify(u64::MAX, u64::MAX), HotpVerdict::Wrong);
    assert_eq!(verify(0, u64::MAX), HotpVerdict::Wrong);
}

#[test]
fn two_consecutive_codes_find_a_counter_that_ran_ahead() {
    let seed = seed();
    let codes = |first: u64, second: u64| (token(&seed).code(first), token(&seed).code(second));
    let resync = |(first, second): (Code, Code), search| token(&seed).resync_hotp(&first, &second, 100, search);
    assert_eq!(resync(codes(100, 101), MAX_SEARCH), Some(102));
    assert_eq!(resync(codes(563, 564), MAX_SEARCH), Some(565));
    assert_eq!(resync(codes(1099, 1100), MAX_SEARCH), Some(1101));
    assert_eq!(resync(codes(1100, 1101), MAX_SEARCH), None, "past the search");
    assert_eq!(resync(codes(1100, 1101), u32::MAX), None, "the search has a ceiling");
    assert_eq!(resync(codes(110, 111), 10), None);
    assert_eq!(resync(codes(99, 100), MAX_SEARCH), None, "a used code");
    assert_eq!(resync(codes(98, 99), MAX_SEARCH), None, "only forward");
    assert_eq!(resync(codes(300, 302), MAX_SEARCH), None, "not consecutive");
    assert_eq!(resync(codes(301, 300), MAX_SEARCH), None, "the wrong way round");
    assert_eq!(resync(codes(300, 300), MAX_SEARCH), None, "one code twice");
}

/// Counters 153567 and 153569 of this seed both have 468457.
#[test]
fn a_code_two_counters_share_still_works_once() {
    let seed = seed();
    let token = token(&seed);
    let code = token.code(153_567);
    assert_eq!(shown(&code), shown(&token.code(153_569)));
    assert_eq!(
        token.verify_hotp(&code, 153_567, LookAhead::default()),
        HotpVerdict::Accepted { next_counter: 153_570 }
    );
    assert_eq!(token.verify_hotp(&code, 153_570, LookAhead::default()), HotpVerdict::Replayed { counter: 153_569 });
    assert_eq!(token.verify_hotp(&code, 153_568, LookAhead::default()), HotpVerdict::Replayed { counter: 153_567 });
    let at = 153_568 * 30;
    let verify = |memory| token.verify_totp(&code, at, Window::default(), memory);
    assert_eq!(verify(TotpMemory::default()), TotpVerdict::Accepted { step: 153_569, drift: 1 });
    assert_eq!(verify(remembered(153_567)), TotpVerdict::Replayed { step: 153_567 });
}

#[test]
fn a_clock_before_1970_or_at_the_end_of_time_is_survived() {
    let seed = seed();
    assert_eq!(totp_step(-1, Period::THIRTY), 0);
    assert_eq!(totp_step(29, Period::THIRTY), 0);
    assert_eq!(totp_step(30, Period::THIRTY), 1);
    for seconds in [i64::MIN, -1, 0, i64::MAX] {
        let step = totp_step(seconds, Period::THIRTY);
        let verdict =
            token(&seed).verify_totp(&token(&seed).code(step), seconds, window(MAX_WINDOW), TotpMemory::default());
        assert_eq!(verdict, TotpVerdict::Accepted { step, drift: 0 });
        let far = TotpMemory { anchor: i32::MIN, drift: i32::MAX, last_accepted: None };
        token(&seed).verify_totp(&token(&seed).code(0), seconds, window(MAX_WINDOW), far);
    }
}

#[test]
fn parameters_outside_the_standards_are_refused() {
    assert_eq!(Digits::new(5), Err(ParameterFault::Digits));
    assert_eq!(Digits::new(9), Err(ParameterFault::Digits));
    assert_eq!(Digits::new(7), Ok(Digits::SEVEN));
    assert_eq!(Period::new(14), Err(ParameterFault::Period));
    assert_eq!(Period::new(121), Err(ParameterFault::Period));
    assert_eq!(Period::new(30), Ok(Period::THIRTY));
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
        assert_eq!(Hash::from_name(hash.name()), Ok(hash));
    }
    assert_eq!(Hash::from_name("sha-256"), Ok(Hash::Sha256));
    assert_eq!(Hash::from_name("MD5"), Err(ParameterFault::Hash));
}

#[test]
fn a_seed_is_read_as_vendors_print_it() {
    for text in [
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
        "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        " gezd-gnbv-gy3t-qojq-gezd-gnbv-gy3t-qojq ",
    ] {
        assert_eq!(seed_from_base32(text).ok().unwrap().expose(), SEED_20, "{text}");
    }
    for text in
        ["GEZDGNBVGY3TQOJQGEZA====", "GEZDGNBVGY3TQOJQGEZA", "gezdgnbvgy3tqojqgeza == == ", "GEZDGNBVGY3TQOJQGEZB"]
    {
        assert_eq!(seed_from_base32(text).ok().unwrap().expose(), b"123456789012", "{text}");
    }
    for text in ["3132333435363738393031323334353637383930", "31323334 35363738-39303132 33343536 37383930"] {
        assert_eq!(seed_from_hex(text).ok().unwrap().expose(), SEED_20, "{text}");
    }
    assert_eq!(
        seed_from_hex("ABCDEFabcdef00112233").ok().unwrap().expose(),
        b"\xab\xcd\xef\xab\xcd\xef\x00\x11\x22\x33"
    );
}

#[test]
fn a_seed_that_is_damaged_or_of_a_wrong_length_is_refused() {
    let fault = |read: Result<Seed, SeedFault>| read.err().unwrap();
    for text in [
        "GEZDGNBVGY3TQOJ0",
        "GEZDGNBVGY3TQOJ1",
        "GEZDGNBVGY3TQOJ!",
        "GEZDGNBVGY3TQOJQG",
        "GEZD=GNBVGY3TQOJQ",
        "ÄEZDGNBVGY3TQOJQ",
    ] {
        assert_eq!(fault(seed_from_base32(text)), SeedFault::NotBase32, "{text}");
    }
    for text in ["313", "31323334353637383930313233343536373839zz", "0x3132333435363738393031"] {
        assert_eq!(fault(seed_from_hex(text)), SeedFault::NotHex, "{text}");
    }
    assert_eq!(fault(seed_from_base32("")), SeedFault::Length { bytes: 0 });
    assert_eq!(fault(seed_from_bytes(&[7; 9])), SeedFault::Length { bytes: 9 });
    assert_eq!(fault(seed_from_bytes(&[7; 65])), SeedFault::Length { bytes: 65 });
}

#[test]
fn seeds_from_10_to_64_bytes_work_and_those_under_128_bits_are_called_weak() {
    for length in SEED_LENGTHS {
        let seed = seed_from_bytes(&vec![7; length]).ok().unwrap();
        assert_eq!(is_weak(&seed), length < 16, "{length} bytes");
        assert_eq!(seed_from_base32(seed_to_base32(&seed).expose()).ok().unwrap().expose(), seed.expose());
        assert_eq!(seed_from_hex(seed_to_hex(&seed).expose()).ok().unwrap().expose(), seed.expose());
        let code = token(&seed).code(5);
        assert_eq!(token(&seed).verify_hotp(&code, 5, LookAhead::default()), HotpVerdict::Accepted { next_counter: 6 });
    }
}

#[test]
fn the_uri_a_phone_scans_says_what_the_token_is() {
    let seed = seed();
    assert_eq!(
        otpauth_uri("Example", "alice", &seed, Parameters::default()).expose(),
        "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example&algorithm=SHA1&digits=6&period=30"
    );
    let parameters = Parameters { hash: Hash::Sha256, digits: Digits::EIGHT, period: Period::new(60).unwrap() };
    assert_eq!(
        otpauth_uri("Zoë & Söhne: IT", "CORP\\a+b@x/y?z#1%", &seed, parameters).expose(),
        "otpauth://totp/Zo%C3%AB%20%26%20S%C3%B6hne-%20IT:CORP%5Ca%2Bb%40x%2Fy%3Fz%231%25\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Zo%C3%AB%20%26%20S%C3%B6hne-%20IT&algorithm=SHA256&digits=8&period=60"
    );
}

proptest! {
    /// R20: whatever is typed whenever, no step is accepted twice and the accepted ones only rise.
    #[test]
    fn accepted_steps_only_ever_rise(
        attempts in prop::collection::vec((-12_i64..12, -200_i64..200), 1..40),
        steps in 0..=MAX_WINDOW,
        anchor in -20..20,
    ) {
        let seed = seed();
        let mut memory = TotpMemory { anchor, ..TotpMemory::default() };
        let mut accepted = HashSet::new();
        for (of_step, offset) in attempts {
            let code = token(&seed).code(now_step().checked_add_signed(of_step).unwrap());
            if let TotpVerdict::Accepted { step, drift } = token(&seed).verify_totp(&code, NOW + offset, window(steps), memory) {
                prop_assert!(memory.last_accepted.is_none_or(|last| step > last));
                prop_assert!(drift.unsigned_abs() <= u32::from(steps));
                prop_assert!(accepted.insert(shown(&code)), "a code worked twice");
                memory = TotpMemory { drift, last_accepted: Some(step), ..memory };
            }
        }
    }

    #[test]
    fn any_typed_text_gives_a_code_of_the_right_length_or_a_fault(text in any::<String>(), count in 6..=8_u8) {
        let digits = Digits::new(count).unwrap();
        if let Ok(code) = typed_code(&text, digits) {
            prop_assert_eq!(code.expose().len(), usize::from(count));
        }
    }

    #[test]
    fn any_seed_survives_its_texts(bytes in prop::collection::vec(any::<u8>(), 10..=64)) {
        let seed = seed_from_bytes(&bytes).ok().unwrap();
        prop_assert!(seed_from_base32(seed_to_base32(&seed).expose()).ok().unwrap().same_as(&bytes));
        prop_assert!(seed_from_hex(seed_to_hex(&seed).expose()).ok().unwrap().same_as(&bytes));
    }
}
