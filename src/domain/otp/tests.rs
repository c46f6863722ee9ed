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
