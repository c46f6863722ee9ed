//! Files of hardware tokens, as makers send them: CSV with a serial number and a secret in each row. Columns, cells and
//! refusals are those of files of people ([`super::people_file`]).

use std::collections::HashMap;

use super::otp::{SeedFault, seed_from_base32, seed_from_hex};
use super::people_file::{FileFault, MAX_BYTES, Refusal, columns, csv, row, text};
use super::secret::Seed;
use super::user::Token;

/// How secrets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    Base32,
    Hex,
}

/// A token that a row brings. Not to be printed: it holds a seed.
pub struct NewToken {
    pub serial: String,
    pub token: Token,
    /// Its secret is shorter than RFC 4226 §4 R6 asks for.
    pub is_weak: bool,
}

pub struct Row {
    /// Counted from 1.
    pub line: usize,
    pub token: Result<NewToken, Refusal>,
}

/// Reads a file. A row that cannot be used is refused by itself, and so is a serial number's second row.
pub fn read(bytes: &[u8], secrets: Secrets) -> Result<Vec<Row>, FileFault> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileFault::TooLarge);
    }
    let (text, _) = text::decode(bytes)?;
    let (table, _) = csv::read(&text)?;
    let columns = columns::understand_tokens(&table.headers)?;
    let read_seed: fn(&str) -> Result<Seed, SeedFault> = match secrets {
        Secrets::Base32 => seed_from_base32,
        Secrets::Hex => seed_from_hex,
    };
    let mut seen: HashMap<String, usize> = HashMap::new();
    let rows = table.records.iter().map(|record| {
        let token =
            row::token(record, &columns, read_seed).and_then(named).and_then(|token| match seen.get(&token.serial) {
                None => {
                    seen.insert(token.serial.clone(), record.line);
                    Ok(token)
                }
                Some(first) => Err(Refusal::row(
                    format!("its serial number stands in line {first} already"),
                    "leave one of the two",
                )),
            });
        Row { line: record.line, token }
    });
    Ok(rows.collect())
}

fn named(token: Option<row::NewToken>) -> Result<NewToken, Refusal> {
    let Some(token) = token else { return Err(Refusal::row("it has no secret", "fill in the column that does")) };
    let serial = token.serial.filter(|serial| !serial.is_empty());
    let serial = serial.ok_or_else(|| Refusal::row("it has no serial number", "fill in the column that does"))?;
    Ok(NewToken { serial, token: token.token, is_weak: token.is_weak })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::otp::Hash;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn a_makers_file_is_read_and_each_row_that_cannot_be_used_is_refused_by_itself() {
        let file = format!(
            "upn,serial number,secret key,time interval,manufacturer,model\n\
             ,T-1,{SECRET},60,Maker,M1\n\
             ,T-2,not base32!,30,Maker,M1\n\
             ,,{SECRET},30,Maker,M1\n\
             ,T-3,,30,Maker,M1\n\
             ,T-1,{SECRET},30,Maker,M1\n\
             ,T-4,{SECRET},7,Maker,M1\n"
        );
        let rows = read(file.as_bytes(), Secrets::Base32).unwrap();
        let first = rows[0].token.as_ref().ok().unwrap();
        let Token::Totp { parameters, .. } = &first.token else { panic!("no TOTP token") };
        assert_eq!((first.serial.as_str(), parameters.period.seconds(), parameters.hash), ("T-1", 60, Hash::Sha1));
        let refused: Vec<(usize, String)> =
            rows.iter().filter_map(|row| Some((row.line, row.token.as_ref().err()?.why.clone()))).collect();
        let words = ["base32", "no serial number", "no secret", "line 2", "15 to 120"];
        assert_eq!(refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
        for ((_, why), word) in refused.iter().zip(words) {
            assert!(why.contains(word) && !why.contains(SECRET) && !why.contains("not base32!"), "{why}");
        }
    }

    #[test]
    fn secrets_in_hex_and_counters_are_read_where_the_file_has_them() {
        let file = "Serial;Seed;Type;Counter;Digits\nH-1;3132333435363738393031323334353637383930;HOTP;17;8\n";
        let rows = read(file.as_bytes(), Secrets::Hex).unwrap();
        let token = &rows[0].token.as_ref().ok().unwrap().token;
        let Token::Hotp { seed, parameters, next_counter } = token else { panic!("no HOTP token") };
        assert!(seed.same_as(b"12345678901234567890"));
        assert_eq!((parameters.digits.count(), *next_counter), (8, 17));
    }

    #[test]
    fn a_file_without_serials_or_secrets_is_refused_as_a_whole() {
        for (file, word) in [("", "empty"), ("serial,x\n1,2\n", "oath_secret"), ("secret,x\n1,2\n", "oath_serial")] {
            let fault = read(file.as_bytes(), Secrets::Base32).err().unwrap();
            assert!(fault.to_string().contains(word), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes, Secrets::Base32);
            let _ = read(&[b"serial,secret\n".as_slice(), &bytes].concat(), Secrets::Hex);
        }
    }
}
