//! CSV (RFC 4180) as programs really write it: `,`, `;` or tabs, with or without quotes. One line is one row. A line break
//! within quotes is refused with its row, because a quote that somebody forgot would otherwise swallow the rows below.

use ::csv::{ByteRecord, ReaderBuilder};
use zeroize::Zeroizing;

use super::export::unguarded;
use super::{Cell, CellFault, FileFault, MAX_COLUMNS, MAX_LINE, Record, Refusal, Table};

/// What may part cells; in doubt the first.
const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// The table and what parts its cells.
pub fn read(text: &str) -> Result<(Table, char), FileFault> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    // What Excel takes as an instruction: "sep=;".
    let told = lines.next_if(|(_, line)| line.to_ascii_lowercase().starts_with("sep=")).and_then(|(_, line)| {
        let named = line.chars().nth(4)?;
        DELIMITERS.contains(&named).then_some(named)
    });
    let (_, header) = lines.next().ok_or(FileFault::Empty)?;
    let delimiter = told.unwrap_or_else(|| most_frequent(header));
    let headers = cells(header, delimiter).map_err(|refusal| FileFault::Header { why: refusal.why })?;
    if headers.len() > MAX_COLUMNS {
        return Err(FileFault::Columns);
    }
    let headers: Vec<String> = headers.iter().map(|header| header.trim().to_owned()).collect();
    let records = lines.map(|(at, line)| {
        let cells = cells(line, delimiter).and_then(|texts| under(&headers, texts));
        Record { line: at + 1, cells }
    });
    let records = records.collect();
    Ok((Table { headers, records }, delimiter))
}

/// Outside quotes; the header is the one line without free text.
fn most_frequent(header: &str) -> char {
    let count = |wanted: char| {
        let parts = header.split('"').step_by(2);
        parts.flat_map(str::chars).filter(|letter| *letter == wanted).count()
    };
    // `max_by_key` gives the last of several; the first is meant.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(',')
}

fn cells(line: &str, delimiter: char) -> Result<Vec<Zeroizing<String>>, Refusal> {
    if line.len() > MAX_LINE {
        return Err(Refusal::row(format!("the line is longer than {} KiB", MAX_LINE / 1024), "shorten it"));
    }
    // RFC 4180 §2: a quote within quotes is doubled, so a whole row has an even number of them.
    if !line.matches('"').count().is_multiple_of(2) {
        return Err(Refusal::row(
            "a quote is not closed on its line",
            "close it, or take the line break out of the cell",
        ));
    }
    let delimiter = u8::try_from(delimiter).unwrap_or(b',');
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .buffer_capacity(line.len() + 1)
        .from_reader(line.as_bytes());
    let mut record = ByteRecord::new();
    let unreadable = || Refusal::row("the line cannot be read as CSV", "write it anew");
    let mut more = ByteRecord::new();
    let read = reader.read_byte_record(&mut record).and_then(|one| Ok((one, reader.read_byte_record(&mut more)?)));
    // A bare carriage return would make two rows of one line.
    if !read.is_ok_and(|read| read == (true, false)) {
        return Err(unreadable());
    }
    let text = |cell: &[u8]| std::str::from_utf8(cell).map(|text| Zeroizing::new(text.to_owned()));
    record.iter().map(text).collect::<Result<_, _>>().map_err(|_| unreadable())
}

fn under(headers: &[String], mut texts: Vec<Zeroizing<String>>) -> Result<Vec<Cell>, Refusal> {
    // Spreadsheets pad rows with empty cells, others leave those at the end out.
    while texts.len() > headers.len() && texts.last().is_some_and(|text| text.trim().is_empty()) {
        texts.pop();
    }
    if texts.len() > headers.len() {
        let why = format!("the row has {} cells, the header {}", texts.len(), headers.len());
        return Err(Refusal::row(why, "put text that holds the delimiter in quotes"));
    }
    let cells = texts.into_iter().enumerate().filter_map(|(column, text)| {
        let text = unguarded(text.trim());
        (!text.is_empty()).then(|| Cell { column, text: Ok::<_, CellFault>(Zeroizing::new(text.to_owned())) })
    });
    Ok(cells.collect())
}
