//! A file of people as somebody gives it to `user import --file`: every row is read or refused with its line, whichever
//! format the file is taken for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::domain::people_file::{self, Format, Rules, row};

fuzz_target!(|bytes: &[u8]| {
    for format in [None, Some(Format::Csv), Some(Format::Ldif), Some(Format::AzureMfa)] {
        let Ok(file) = people_file::read(bytes, format, &[]) else { continue };
        let lines: Vec<usize> = file.records.iter().map(|record| record.line).collect();
        assert!(lines.is_sorted() && lines.iter().all(|line| *line >= 1));
        for record in &file.records {
            let Ok(row) = row::read(record, &file.columns, file.format, Rules::default()) else { continue };
            assert!(row.name.is_some() || row.unique_id.is_some());
            assert!(row.fates.iter().all(|(column, _)| *column < file.columns.len()));
        }
    }
});
