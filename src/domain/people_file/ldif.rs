//! LDIF (RFC 2849): the entries of a directory as text. Content records and `changetype: add`; other changes, and values
//! that are said to be elsewhere (`<file:…`), are refused with their record.

use std::collections::HashMap;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{Cell, CellFault, FileFault, MAX_COLUMNS, MAX_LINE, Record, Refusal, Table};

/// Does a text begin as LDIF? A CSV header has no colon behind its first word.
pub fn looks_like(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    let word = first.split_once(':').map(|(word, _)| word.to_ascii_lowercase());
    matches!(word.as_deref(), Some("version" | "dn"))
}

/// The headers are `dn` and every attribute that occurs, as first spelled.
pub fn read(text: &str) -> Result<Table, FileFault> {
    let mut reader = Reader { headers: vec!["dn".to_owned()], known: HashMap::from([("dn".to_owned(), 0)]) };
    let mut records = vec![];
    for record in records_of(text) {
        let Some(first) = record.first() else { continue };
        let line = first.0;
        let cells = reader.cells(&record);
        if reader.headers.len() > MAX_COLUMNS {
            return Err(FileFault::Columns);
        }
        records.push(Record { line, cells });
    }
    if records.is_empty() {
        return Err(FileFault::Empty);
    }
    Ok(Table { headers: reader.headers, records })
}

/// A line with its continuations joined, and where it begins.
type Line = (usize, Zeroizing<String>);

/// Lines in groups, parted by empty ones; comments and `version` are left out.
fn records_of(text: &str) -> Vec<Vec<Line>> {
    let (mut records, mut record) = (vec![], Vec::<Line>::new());
    let mut in_comment = false;
    for (at, line) in text.lines().enumerate() {
        if line.is_empty() {
            in_comment = false;
            records.push(std::mem::take(&mut record));
        } else if let Some(more) = line.strip_prefix(' ') {
            // §2: a line that begins with a space goes on where the one before it ended, a comment too.
            match record.last_mut() {
                _ if in_comment => {}
                Some((_, whole)) => whole.push_str(more),
                // Kept, so that the record is refused and not read without it.
                None => record.push((at + 1, Zeroizing::new(line.to_owned()))),
            }
        } else {
            in_comment = line.starts_with('#');
            let is_version = record.is_empty() && line.to_ascii_lowercase().starts_with("version:");
            if !in_comment && !is_version {
                record.push((at + 1, Zeroizing::new(line.to_owned())));
            }
        }
    }
    records.push(record);
    records.retain(|record| !record.is_empty());
    records
}

struct Reader {
    headers: Vec<String>,
    /// Header in lower case → its place.
    known: HashMap<String, usize>,
}

impl Reader {
    fn cells(&mut self, record: &[Line]) -> Result<Vec<Cell>, Refusal> {
        let mut cells = vec![];
        for (at, (line, text)) in record.iter().enumerate() {
            let colon = text.split_once(':').filter(|(name, _)| is_name(name));
            let (name, value) = colon.ok_or_else(|| {
                Refusal::row(format!("line {line} is no attribute with its value"), "write attribute: value")
            })?;
            if at == 0 && !name.eq_ignore_ascii_case("dn") {
                return Err(Refusal::row(
                    "the record does not begin with dn:",
                    "begin it with dn: and the entry's name",
                ));
            }
            if at > 0 && name.eq_ignore_ascii_case("dn") {
                return Err(Refusal::row("the record has two dn: lines", "put an empty line between entries"));
            }
            let text = value_of(name, value)?;
            if at > 0 && name.eq_ignore_ascii_case("changetype") {
                match text.as_ref().map(|text| text.as_str()) {
                    Ok("add") => continue,
                    _ => {
                        return Err(Refusal::row(
                            "the record changes or removes an entry",
                            "keep entries, and changetype: add",
                        ));
                    }
                }
            }
            if at > 0 && name.eq_ignore_ascii_case("control") {
                return Err(Refusal::row("the record carries a control", "leave the control: line out"));
            }
            if !text.as_ref().is_ok_and(|text| text.is_empty()) {
                cells.push(Cell { column: self.column(name), text });
            }
        }
        if cells.first().is_none_or(|cell| cell.column != 0) {
            return Err(Refusal::cell("dn", "it is empty", "write the entry's name"));
        }
        Ok(cells)
    }

    fn column(&mut self, name: &str) -> usize {
        let next = self.headers.len();
        let place = *self.known.entry(name.to_ascii_lowercase()).or_insert(next);
        if place == next {
            self.headers.push(name.to_owned());
        }
        place
    }
}

/// RFC 4512 §2.5: letters, digits, dashes and dots, options behind semicolons.
fn is_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b';' | b'_');
    (1..=256).contains(&name.len()) && name.bytes().all(fine)
}

fn value_of(name: &str, value: &str) -> Result<Result<Zeroizing<String>, CellFault>, Refusal> {
    if value.len() > MAX_LINE * 2 {
        return Ok(Err(CellFault::TooLong));
    }
    if value.starts_with('<') {
        return Err(Refusal::cell(name, "its value is said to be in another place", "write the value itself"));
    }
    let Some(encoded) = value.strip_prefix(':') else {
        let text = value.trim_start_matches(' ');
        return Ok(if text.len() > MAX_LINE { Err(CellFault::TooLong) } else { Ok(Zeroizing::new(text.to_owned())) });
    };
    let bytes = BASE64.decode(encoded.trim().as_bytes());
    let bytes = bytes.map(Zeroizing::new).map_err(|_| Refusal::cell(name, "it is not base64", "encode it anew"))?;
    if bytes.len() > MAX_LINE {
        return Ok(Err(CellFault::TooLong));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| CellFault::NotText);
    Ok(text.map(|text| Zeroizing::new(text.to_owned())))
}
