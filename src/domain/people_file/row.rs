//! One row, read strictly: who it is, and what the row wants of them. Each cell's fate is kept, for the report on what was
//! taken over, changed and left.

use super::columns::{Column, Field, Meaning};
use super::{Cell, Format, Record, Refusal};
use crate::domain::name::LoginName;
use crate::domain::otp::{Digits, Hash, Parameters, Period, SeedFault, TotpMemory, is_weak, seed_from_base32};
use crate::domain::phone::{CountryCode, Phone};
use crate::domain::secret::Seed;
use crate::domain::user::Token;

/// What the person who imports has decided.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Of numbers without a country code.
    pub country: Option<CountryCode>,
    /// Of users whom the old server had disabled.
    pub disabled_there: DisabledThere,
}

/// A disabled user of Azure MFA Server signed in with the password alone; here a disabled user does not sign in at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DisabledThere {
    /// Ask: take none of them over.
    #[default]
    Refuse,
    /// Take them over and keep them out.
    Disable,
    /// Take them over as enabled users, who need a factor like everybody.
    Enable,
}

/// Not to be printed: tokens hold seeds.
pub struct Row {
    pub line: usize,
    pub unique_id: Option<String>,
    /// How it calls the account; at least this or the unique id is there.
    pub name: Option<LoginName>,
    pub enabled: Option<bool>,
    pub phones: Vec<(Purpose, Phone)>,
    pub token: Option<NewToken>,
    /// What became of each cell: its column, and its fate.
    pub fates: Vec<(usize, Fate)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    Phone,
    Backup,
}

impl Purpose {
    pub fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Backup => "backup phone",
        }
    }
}

pub struct NewToken {
    pub serial: Option<String>,
    pub token: Token,
    pub is_weak: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Taken,
    /// Taken over in another form: which.
    Changed(&'static str),
    /// Not taken over: why.
    Left(&'static str),
}

const SERIAL_MAX: usize = 64;
/// Of cells that are put together into another one's value.
const PART: &str = "it becomes part of the number";

/// The directory that a record names, before anything else of it is read.
pub fn directory(record: &Record, columns: &[Column]) -> Option<String> {
    let is_directory = |cell: &&Cell| {
        columns.get(cell.column).is_some_and(|column| column.meaning == Meaning::Field(Field::Directory))
    };
    let cell = record.cells.as_ref().ok()?.iter().find(is_directory)?;
    cell.text.as_ref().ok().map(|text| text.to_string())
}

/// Reads a record by its columns.
pub fn read(record: &Record, columns: &[Column], format: Format, rules: Rules) -> Result<Row, Refusal> {
    let cells = record.cells.as_ref().map_err(Clone::clone)?;
    let mut reader = Reader { columns, cells, country: rules.country, fates: vec![] };
    reader.leave();
    reader.text(Field::Directory)?;
    let unique_id = reader.text(Field::UniqueId)?.map(str::to_owned);
    let name = reader.name()?;
    if unique_id.is_none() && name.is_none() {
        return Err(Refusal::row("it names no account", "fill in the column that does"));
    }
    let enabled = reader.enabled(format, rules.disabled_there)?;
    let phones = reader.phones()?;
    let token = reader.token(seed_from_base32)?;
    Ok(Row { line: record.line, unique_id, name, enabled, phones, token, fates: reader.fates })
}

/// The token of a record; `None` without a secret.
pub fn token(
    record: &Record,
    columns: &[Column],
    read_seed: fn(&str) -> Result<Seed, SeedFault>,
) -> Result<Option<NewToken>, Refusal> {
    let cells = record.cells.as_ref().map_err(Clone::clone)?;
    Reader { columns, cells, country: None, fates: vec![] }.token(read_seed)
}

struct Reader<'a> {
    columns: &'a [Column],
    cells: &'a [Cell],
    country: Option<CountryCode>,
    fates: Vec<(usize, Fate)>,
}

impl<'a> Reader<'a> {
    /// Cells that have no place.
    fn leave(&mut self) {
        for cell in self.cells {
            let fate = match self.columns.get(cell.column).map(|column| column.meaning) {
                Some(Meaning::Field(_)) | None => continue,
                Some(Meaning::Left(why)) => Fate::Left(why),
                Some(Meaning::Unknown) => Fate::Left("the column is not understood"),
                Some(Meaning::Dropped) => Fate::Left("it is left out, as you asked"),
            };
            self.fates.push((cell.column, fate));
        }
    }

    fn cell(&self, field: Field) -> Result<Option<(&'a Column, usize, &'a str)>, Refusal> {
        let meant =
            |cell: &&Cell| self.columns.get(cell.column).is_some_and(|column| column.meaning == Meaning::Field(field));
        let mut cells = self.cells.iter().filter(meant);
        let Some(cell) = cells.next() else { return Ok(None) };
        let Some(column) = self.columns.get(cell.column) else { return Ok(None) };
        if cells.next().is_some() {
            return Err(Refusal::cell(&column.header, "it has more than one value", "leave one"));
        }
        match &cell.text {
            Ok(text) => Ok(Some((column, cell.column, text.as_str()))),
            Err(why) => Err(Refusal::cell(&column.header, why.to_string(), "write it anew")),
        }
    }

    fn text(&mut self, field: Field) -> Result<Option<&'a str>, Refusal> {
        let Some((_, at, text)) = self.cell(field)? else { return Ok(None) };
        self.fates.push((at, Fate::Taken));
        Ok(Some(text))
    }

    /// A cell read by a parser whose faults repeat nothing of it.
    fn parsed<T, E: std::fmt::Display>(
        &mut self,
        field: Field,
        read: impl FnOnce(&str) -> Result<T, E>,
        todo: &str,
    ) -> Result<Option<T>, Refusal> {
        let Some((column, at, text)) = self.cell(field)? else { return Ok(None) };
        let value = read(text).map_err(|why| Refusal::cell(&column.header, why.to_string(), todo))?;
        self.fates.push((at, Fate::Taken));
        Ok(Some(value))
    }

    /// The user name before the DN: where both are given the file knows the name people use.
    fn name(&mut self) -> Result<Option<LoginName>, Refusal> {
        let field = if self.cell(Field::Username)?.is_some() { Field::Username } else { Field::Dn };
        if field == Field::Username
            && let Some((_, at, _)) = self.cell(Field::Dn)?
        {
            self.fates.push((at, Fate::Left("the account is found by its user name")));
        }
        let read = |text: &str| match LoginName::parse(text) {
            Ok(name) if field == Field::Dn && !matches!(name, LoginName::Dn { .. }) => Err("it is no DN"),
            Ok(name) => Ok(name),
            Err(_) => Err("it is no name that an account can have"),
        };
        self.parsed(field, read, "write it as account, DOMAIN\\account, user@domain or DN")
    }

    fn enabled(&mut self, format: Format, disabled_there: DisabledThere) -> Result<Option<bool>, Refusal> {
        let Some((column, at, text)) = self.cell(Field::Enabled)? else { return Ok(None) };
        let enabled = match text.to_ascii_lowercase().as_str() {
            "yes" | "y" | "true" | "1" | "on" | "enabled" | "ja" | "wahr" | "oui" | "vrai" => true,
            "no" | "n" | "false" | "0" | "off" | "disabled" | "nein" | "falsch" | "non" | "faux" => false,
            _ => return Err(Refusal::cell(&column.header, "it is neither yes nor no", "write yes or no")),
        };
        let (fate, enabled) = match (enabled, format, disabled_there) {
            (true, ..) | (false, Format::Csv | Format::Ldif, _) => (Fate::Taken, enabled),
            (false, Format::AzureMfa, DisabledThere::Refuse) => {
                return Err(Refusal::cell(
                    &column.header,
                    "there, a disabled user signs in with the password alone; here, not at all",
                    "decide with --disabled-users disable or enable; of a service account, tell `client add --service-account`",
                ));
            }
            (false, Format::AzureMfa, DisabledThere::Disable) => {
                (Fate::Changed("who signed in with the password alone is kept out"), false)
            }
            (false, Format::AzureMfa, DisabledThere::Enable) => {
                (Fate::Changed("who signed in with the password alone needs a factor now"), true)
            }
        };
        self.fates.push((at, fate));
        Ok(Some(enabled))
    }

    fn phones(&mut self) -> Result<Vec<(Purpose, Phone)>, Refusal> {
        let mut phones = vec![];
        let groups = [
            (Purpose::Phone, Field::Phone, Field::CountryCode, Field::Extension),
            (Purpose::Backup, Field::BackupPhone, Field::BackupCountryCode, Field::BackupExtension),
        ];
        for (purpose, number, country, extension) in groups {
            phones.extend(self.phone(number, country, extension)?.map(|phone| (purpose, phone)));
        }
        Ok(phones)
    }

    fn phone(&mut self, number: Field, country: Field, extension: Field) -> Result<Option<Phone>, Refusal> {
        let parts = [country, extension];
        let Some((column, at, text)) = self.cell(number)? else {
            for part in parts {
                if let Some((_, at, _)) = self.cell(part)? {
                    self.fates.push((at, Fate::Left("there is no number beside it")));
                }
            }
            return Ok(None);
        };
        let code = match self.cell(country)? {
            None => self.country,
            Some((column, at, text)) => {
                let code = CountryCode::parse(text);
                self.fates.push((at, Fate::Changed(PART)));
                Some(code.map_err(|why| Refusal::cell(&column.header, why.to_string(), "write such a number"))?)
            }
        };
        let whole = match self.cell(extension)? {
            None => text.to_owned(),
            Some((_, at, digits)) => {
                self.fates.push((at, Fate::Changed(PART)));
                format!("{text} x{digits}")
            }
        };
        let phone = Phone::parse(&whole, code).map_err(|why| {
            let todo =
                "write +, country code and number; or give --country-code, or leave the column out with --column";
            Refusal::cell(&column.header, why.to_string(), todo)
        })?;
        let same = phone.to_string() == text;
        self.fates.push((at, if same { Fate::Taken } else { Fate::Changed("it is written as + and digits (E.164)") }));
        Ok(Some(phone))
    }

    fn token(&mut self, read_seed: fn(&str) -> Result<Seed, SeedFault>) -> Result<Option<NewToken>, Refusal> {
        const REST: [Field; 6] = [
            Field::OathSerial,
            Field::OathType,
            Field::OathPeriod,
            Field::OathDigits,
            Field::OathHash,
            Field::OathCounter,
        ];
        let seed = self.parsed(Field::OathSecret, read_seed, "write the token's secret")?;
        let Some(seed) = seed else {
            for field in REST {
                if let Some((_, at, _)) = self.cell(field)? {
                    self.fates.push((at, Fate::Left("there is no secret beside it; enrol the token with its seed")));
                }
            }
            return Ok(None);
        };
        let small = |text: &str| text.parse::<u8>().ok();
        let plain = Parameters::default();
        let parameters = Parameters {
            hash: self.parsed(Field::OathHash, Hash::from_name, "write one of these")?.unwrap_or(plain.hash),
            digits: self
                .parsed(Field::OathDigits, |text| Digits::new(small(text).unwrap_or(0)), "write 6, 7 or 8")?
                .unwrap_or(plain.digits),
            period: self
                .parsed(Field::OathPeriod, |text| Period::new(small(text).unwrap_or(0)), "write seconds")?
                .unwrap_or(plain.period),
        };
        let kind = |text: &str| match text.to_ascii_lowercase().as_str() {
            "totp" | "time" => Ok(false),
            "hotp" | "event" | "counter" => Ok(true),
            _ => Err("it is no kind of token"),
        };
        let counts = self.parsed(Field::OathType, kind, "write totp or hotp")?.unwrap_or(false);
        let counter = |text: &str| text.parse::<u64>().ok().filter(|counter| *counter <= i64::MAX.cast_unsigned());
        let counter = |text: &str| counter(text).ok_or("it is no counter");
        let next_counter = self.parsed(Field::OathCounter, counter, "write the counter it uses next")?;
        let serial = |text: &str| {
            let fine = text.chars().count() <= SERIAL_MAX && !text.chars().any(char::is_control);
            if fine { Ok(text.to_owned()) } else { Err("it is no serial number") }
        };
        let serial = self.parsed(Field::OathSerial, serial, "write at most 64 characters")?;
        let is_weak = is_weak(&seed);
        let token = if counts {
            Token::Hotp { seed, parameters, next_counter: next_counter.unwrap_or(0) }
        } else {
            Token::Totp { seed, parameters, memory: TotpMemory::default() }
        };
        Ok(Some(NewToken { serial, token, is_weak }))
    }
}
