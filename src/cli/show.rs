//! Answers on standard output: lines, aligned tables, JSON. Text from outside is made fit for a terminal here.

use std::io::{ErrorKind, Write as _};

use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use crate::telemetry::shown;

/// One line, or several.
pub fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    written(&format!("{text}\n"))
}

/// A value as JSON, for scripts.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|fault| Failure::Fault(fault.to_string()))?;
    line(text)
}

/// A value as JSON on one line, for streams.
pub fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|fault| Failure::Fault(fault.to_string()))?;
    line(text)
}

/// Something said beside the answer.
pub fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Columns under their headings, two spaces apart. Cells are shown safely.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| shown(cell).to_string())).collect();
    let headings = headings.map(str::to_uppercase);
    let mut widths = headings.each_ref().map(|cell| cell.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(&rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    written(&text)
}

/// Names with their values, one a line. Values are shown safely.
pub fn facts(facts: &[(&str, String)]) -> Result<(), Failure> {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines = facts.iter().map(|(name, value)| format!("{name:width$}  {}\n", shown(value)));
    written(&lines.collect::<String>())
}

/// A sentence of any length, made fit for a terminal.
pub fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_debug().collect() } else { vec![letter] })
        .collect()
}

/// A moment to the second, in UTC.
pub fn time(at: Timestamp) -> String {
    at.round(jiff::Unit::Second).unwrap_or(at).to_string()
}

fn written(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|fault| {
        if fault.kind() == ErrorKind::BrokenPipe {
            Failure::NobodyReads
        } else {
            Failure::Fault(format!("cannot write the answer to standard output: {fault}"))
        }
    })
}
