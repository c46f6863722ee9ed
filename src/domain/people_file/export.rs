//! Our own CSV: one row a user, no secret, fit to be opened in a spreadsheet and to be imported again.

use std::io::Write;

/// A cell that begins with one of these is a formula to a spreadsheet (OWASP, "CSV Injection").
fn is_formula(text: &str) -> bool {
    let starts = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    text.starts_with(starts)
}

/// The text with an apostrophe before it where a spreadsheet would otherwise reckon with it.
pub fn guarded(text: &str) -> String {
    if is_formula(text) || text.starts_with('\'') { format!("'{text}") } else { text.to_owned() }
}

/// What [`guarded`] was given.
pub fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest) || rest.starts_with('\'')).unwrap_or(text)
}

/// Rows on their way into a file.
pub struct Sheet<W: Write>(::csv::Writer<W>);

impl<W: Write> Sheet<W> {
    pub fn new(out: W) -> Self {
        // RFC 4180 §2 ends lines so, and Excel writes it.
        Self(::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(out))
    }

    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> std::io::Result<()> {
        let cells: Vec<String> = cells.into_iter().map(guarded).collect();
        self.0.write_record(&cells).map_err(std::io::Error::other)
    }

    /// Everything is written; gives the stream back.
    pub fn finish(self) -> std::io::Result<W> {
        self.0.into_inner().map_err(|fault| std::io::Error::other(fault.error().to_string()))
    }
}
