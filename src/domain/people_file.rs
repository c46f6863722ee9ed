//! Files of people: CSV, LDIF and the exports of Azure MFA Server, read into [`Row`]s, and our own CSV written.
//!
//! Which account a row means is the directory's business; here a row only says what it wants. A row that cannot be used
//! is refused by itself, with its line, its column, why, and what to do; nothing of its text is repeated, since cells
//! hold seeds and PINs.

pub mod columns;
pub mod csv;
pub mod export;
pub mod ldif;
pub mod row;
pub mod text;

use zeroize::Zeroizing;

pub use columns::{Column, Field, Meaning};
pub use row::{Row, Rules};
pub use text::Encoding;

/// Larger files hold no people.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Longest line of a CSV file and longest value that is looked at, in bytes.
pub const MAX_LINE: usize = 64 * 1024;
/// More is not a header.
pub const MAX_COLUMNS: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    Csv,
    Ldif,
    AzureMfa,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Ldif => "LDIF",
            Self::AzureMfa => "an export of Azure MFA Server",
        }
    }
}

/// What a file says, before it is known what it means. Not to be printed: cells hold secrets.
pub struct Table {
    /// As the file spells them.
    pub headers: Vec<String>,
    pub records: Vec<Record>,
}

pub struct Record {
    /// Where it begins, counted from 1.
    pub line: usize,
    pub cells: Result<Vec<Cell>, Refusal>,
}

/// One value. Empty ones are left out.
pub struct Cell {
    /// Which of the headers it stands under.
    pub column: usize,
    pub text: Result<Zeroizing<String>, CellFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellFault {
    #[error("it is not text")]
    NotText,
    #[error("it is longer than {} KiB", MAX_LINE / 1024)]
    TooLong,
}

/// Why a row is not taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// The header, if one cell is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub why: String,
    /// What to do.
    pub todo: String,
}

impl Refusal {
    pub fn row(why: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { column: None, why: why.into(), todo: todo.into() }
    }

    pub fn cell(column: &str, why: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { column: Some(column.to_owned()), why: why.into(), todo: todo.into() }
    }
}

/// Why a file as a whole cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    #[error("the file is empty; the first line of a CSV file names its columns")]
    Empty,
    #[error("the file is larger than {} MiB; split it", MAX_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("line {line} is not UTF-8 text; in Excel, save it as \"CSV UTF-8\"")]
    NotText { line: usize },
    #[error("the file begins as UTF-16 and does not go on so (near line {line}); save it anew")]
    BadUtf16 { line: usize },
    #[error("the file has more than {MAX_COLUMNS} columns")]
    Columns,
    #[error("the first line, which names the columns, cannot be read: {why}")]
    Header { why: String },
    #[error(
        "no column names the account ({found}); say which does, such as --column 'HEADER=username', or call it username, \
         dn or unique_id"
    )]
    NobodyNamed { found: String },
    #[error(
        "the columns {first:?} and {second:?} both mean {field}; leave one out with --column '{second}=-', or say what \
         it means"
    )]
    Twice { first: String, second: String, field: &'static str },
    #[error("no column of the file is called {field} ({found}); name one so")]
    NoTokenColumn { field: &'static str, found: String },
    #[error("there is no column {header:?}; the file has {found}")]
    NoColumn { header: String, found: String },
    #[error("{0:?} is no meaning of a column; there are {known}", known = columns::known())]
    NoMeaning(String),
}

/// A file whose columns are understood.
pub struct PeopleFile {
    pub format: Format,
    pub encoding: Encoding,
    /// Between the cells of a CSV file.
    pub delimiter: Option<char>,
    pub columns: Vec<Column>,
    pub records: Vec<Record>,
}

/// Reads a file. `format` is found out if it is not given; `overrides` say what a header means, `-` for nothing.
pub fn read(bytes: &[u8], format: Option<Format>, overrides: &[(String, String)]) -> Result<PeopleFile, FileFault> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileFault::TooLarge);
    }
    let (text, encoding) = text::decode(bytes)?;
    let is_ldif = format.map_or_else(|| ldif::looks_like(&text), |format| format == Format::Ldif);
    let (table, delimiter) =
        if is_ldif { (ldif::read(&text)?, None) } else { csv::read(&text).map(|(table, by)| (table, Some(by)))? };
    let format = format.unwrap_or_else(|| match is_ldif {
        true => Format::Ldif,
        false if columns::is_azure(&table.headers) => Format::AzureMfa,
        false => Format::Csv,
    });
    let columns = columns::understand(&table.headers, format, overrides)?;
    Ok(PeopleFile { format, encoding, delimiter, columns, records: table.records })
}

#[cfg(test)]
mod tests;
