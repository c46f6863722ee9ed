//! What a column means, by its header. Azure MFA Server's own file format was never published, so many spellings are
//! known, letter case, spaces and punctuation do not count, and whatever is not understood is reported, not dropped.

use super::{FileFault, Format};

/// What we have a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    Username,
    Dn,
    UniqueId,
    Directory,
    Enabled,
    CountryCode,
    Phone,
    Extension,
    BackupCountryCode,
    BackupPhone,
    BackupExtension,
    OathSerial,
    OathSecret,
    OathType,
    OathPeriod,
    OathDigits,
    OathHash,
    OathCounter,
}

/// What becomes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Field(Field),
    /// Understood, and not taken over: why.
    Left(&'static str),
    /// Not understood.
    Unknown,
    /// Left out because somebody said so.
    Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub header: String,
    pub meaning: Meaning,
}

const FIELDS: [(Field, &str, &[&str]); 18] = [
    (
        Field::Username,
        "username",
        &["user", "login", "loginname", "userid", "upn", "userprincipalname", "accountname", "samaccountname"],
    ),
    (Field::Dn, "dn", &["distinguishedname"]),
    (Field::UniqueId, "unique_id", &["uniqueidentifier", "objectguid", "entryuuid"]),
    (Field::Directory, "directory", &[]),
    (Field::Enabled, "enabled", &["isenabled", "userenabled"]),
    (Field::CountryCode, "country_code", &["countrycode", "phonecountrycode", "country"]),
    (Field::Phone, "phone", &["phonenumber", "mobile", "mobilephone", "primaryphone"]),
    (Field::Extension, "extension", &["ext", "phoneextension"]),
    (Field::BackupCountryCode, "backup_country_code", &["backupphonecountrycode", "backupcountry"]),
    (Field::BackupPhone, "backup_phone", &["backupphonenumber", "alternatephone"]),
    (Field::BackupExtension, "backup_extension", &["backupphoneextension", "backupext"]),
    (
        Field::OathSerial,
        "oath_serial",
        &[
            "serialnumber",
            "serial",
            "oathserialnumber",
            "oathtokenserialnumber",
            "oathtokenserial",
            "tokenserial",
            "tokenserialnumber",
        ],
    ),
    (
        Field::OathSecret,
        "oath_secret",
        &[
            "secretkey",
            "secret",
            "seed",
            "oathseed",
            "oathsecretkey",
            "oathtokensecretkey",
            "oathtokensecret",
            "tokenseed",
        ],
    ),
    (Field::OathType, "oath_type", &["tokentype"]),
    (Field::OathPeriod, "oath_period", &["timeinterval", "interval", "oathtimeinterval", "oathinterval", "period"]),
    (Field::OathDigits, "oath_digits", &["digits", "codelength"]),
    (Field::OathHash, "oath_hash", &["hash", "algorithm"]),
    (Field::OathCounter, "oath_counter", &["counter"]),
];

const NAMES: &str = "names, address and groups come from the directory";
const METHOD: &str =
    "there is no choice of a factor by user; `client add --factors` sets which are asked for and in which order";
const PIN: &str = "no PIN is taken over; set one with `user pin`, and have it asked for with `client add --pin`";
const LANGUAGE: &str = "a person's language comes from the directory";
const DEVICE: &str = "an app belongs to the server it was activated with; enrol it anew";
const STATE: &str = "it is a state of the moment, not a property of the user";
const OURS: &str = "it is written for people to read and never read back";

const LEFT: [(&str, &[&str]); 7] = [
    (
        NAMES,
        &[
            "firstname",
            "first",
            "givenname",
            "lastname",
            "last",
            "surname",
            "sn",
            "cn",
            "displayname",
            "name",
            "email",
            "emailaddress",
            "mail",
            "usergroup",
            "group",
            "groups",
            "memberof",
            "department",
            "telephonenumber",
            "objectclass",
            "uid",
        ],
    ),
    (
        METHOD,
        &[
            "method",
            "mode",
            "authenticationmethod",
            "authenticationmode",
            "defaultmethod",
            "callmode",
            "textmode",
            "textmessagemode",
            "phonemode",
            "mobileappmode",
            "oathtokenmode",
        ],
    ),
    (
        PIN,
        &[
            "pin",
            "pinmode",
            "pinrequired",
            "mustchangepin",
            "pinchangerequired",
            "usermustchangepin",
            "changepin",
            "voiceprint",
        ],
    ),
    (
        LANGUAGE,
        &[
            "language",
            "phonecalllanguage",
            "calllanguage",
            "textmessagelanguage",
            "mobileapplanguage",
            "oathtokenlanguage",
        ],
    ),
    (DEVICE, &["device", "devices", "mobileapp", "mobileappdevices", "devicename", "devicetoken", "notificationtype"]),
    (
        STATE,
        &[
            "onetimebypass",
            "bypass",
            "bypassseconds",
            "locked",
            "lockedout",
            "status",
            "lastauthentication",
            "lastauthenticated",
        ],
    ),
    (OURS, &["blocked", "factors", "directoryphones"]),
];

/// Only the old server's exports have these.
const AZURE: [&str; 13] = [
    "pin",
    "pinmode",
    "pinrequired",
    "mustchangepin",
    "pinchangerequired",
    "usermustchangepin",
    "method",
    "authenticationmethod",
    "mode",
    "authenticationmode",
    "onetimebypass",
    "voiceprint",
    "callmode",
];

fn plain(header: &str) -> String {
    header.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

pub fn is_azure(headers: &[String]) -> bool {
    headers.iter().any(|header| AZURE.contains(&plain(header).as_str()))
}

impl Field {
    pub fn name(self) -> &'static str {
        FIELDS.iter().find(|(field, ..)| *field == self).map_or("", |(_, name, _)| name)
    }

    fn parse(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(_, known, _)| *known == name).map(|(field, ..)| *field)
    }
}

/// Every meaning that can be given to a column.
pub fn known() -> String {
    let names: Vec<&str> = FIELDS.iter().map(|(_, name, _)| *name).collect();
    format!("{}, and - for leaving it out", names.join(", "))
}

fn meaning(header: &str, format: Format) -> Meaning {
    let header = plain(header);
    // The entry's own name says who it is; what else names it is the directory's.
    let is_ldif_name = format == Format::Ldif && header != "dn";
    for (field, name, others) in &FIELDS {
        if plain(name) == header || others.contains(&header.as_str()) {
            let names_somebody = matches!(field, Field::Username | Field::Dn | Field::UniqueId);
            return if is_ldif_name && names_somebody { Meaning::Left(NAMES) } else { Meaning::Field(*field) };
        }
    }
    let left = LEFT.iter().find(|(_, headers)| headers.contains(&header.as_str()));
    left.map_or(Meaning::Unknown, |(why, _)| Meaning::Left(why))
}

pub fn understand(
    headers: &[String],
    format: Format,
    overrides: &[(String, String)],
) -> Result<Vec<Column>, FileFault> {
    let found = || headers.iter().map(|header| format!("{header:?}")).collect::<Vec<_>>().join(", ");
    let mut columns: Vec<Column> =
        headers.iter().map(|header| Column { header: header.clone(), meaning: meaning(header, format) }).collect();
    for (header, name) in overrides {
        let meaning = match name.as_str() {
            "-" => Meaning::Dropped,
            name => Field::parse(name).map(Meaning::Field).ok_or_else(|| FileFault::NoMeaning(name.to_owned()))?,
        };
        let mut named = columns.iter_mut().filter(|column| plain(&column.header) == plain(header)).peekable();
        if named.peek().is_none() {
            return Err(FileFault::NoColumn { header: header.clone(), found: found() });
        }
        named.for_each(|column| column.meaning = meaning);
    }
    refuse_doubles(&columns)?;
    let names =
        |column: &Column| matches!(column.meaning, Meaning::Field(Field::Username | Field::Dn | Field::UniqueId));
    if columns.iter().any(names) { Ok(columns) } else { Err(FileFault::NobodyNamed { found: found() }) }
}

/// The columns of a file of tokens: it names nobody, and each token by its serial number.
pub fn understand_tokens(headers: &[String]) -> Result<Vec<Column>, FileFault> {
    let column = |header: &String| {
        // In a file of people a type may be anything's.
        let is_type = plain(header) == "type";
        let meaning = if is_type { Meaning::Field(Field::OathType) } else { meaning(header, Format::Csv) };
        Column { header: header.clone(), meaning }
    };
    let columns: Vec<Column> = headers.iter().map(column).collect();
    refuse_doubles(&columns)?;
    for field in [Field::OathSerial, Field::OathSecret] {
        if !columns.iter().any(|column| column.meaning == Meaning::Field(field)) {
            let found = headers.iter().map(|header| format!("{header:?}")).collect::<Vec<_>>().join(", ");
            return Err(FileFault::NoTokenColumn { field: field.name(), found });
        }
    }
    Ok(columns)
}

fn refuse_doubles(columns: &[Column]) -> Result<(), FileFault> {
    for (at, column) in columns.iter().enumerate() {
        let Meaning::Field(field) = column.meaning else { continue };
        if let Some(other) = columns.iter().skip(at + 1).find(|other| other.meaning == column.meaning) {
            let (first, second) = (column.header.clone(), other.header.clone());
            return Err(FileFault::Twice { first, second, field: field.name() });
        }
    }
    Ok(())
}
