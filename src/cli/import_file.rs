//! `vestibule user import --file`: a preview as a diff, and with `--apply` the deed. What was taken over, what was changed
//! and what has no place is told column by column; secrets of the file are in none of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::progress::Progress;
use super::show;
use super::world::World;
use crate::domain::directory::Directory;
use crate::domain::people_file::row::{self, DisabledThere, Fate};
use crate::domain::people_file::{self, Column, Encoding, Format, MAX_BYTES, Meaning, PeopleFile, Refusal, Row, Rules};
use crate::domain::phone::CountryCode;
use crate::flows::people_file::{self as flow, Outcome, Plan, RowReport};

#[derive(Args)]
#[command(next_help_heading = "From a file")]
pub struct FromFile {
    /// Take people from this file instead, or - for standard input; without --apply only say what would be done
    #[arg(long, value_name = "FILE", conflicts_with_all = ["filter", "base", "dry_run"])]
    pub file: Option<PathBuf>,
    /// What the file is; without it that is found out and said
    #[arg(long, value_enum, requires = "file")]
    format: Option<Form>,
    /// What a column means, such as 'Login=username', or '-' to leave it out
    #[arg(long, value_name = "HEADER=MEANING", requires = "file", value_parser = column)]
    column: Vec<(String, String)>,
    /// The country calling code of phone numbers without one; else the directory's
    #[arg(long, value_name = "N", requires = "file", value_parser = |text: &str| CountryCode::parse(text))]
    country_code: Option<CountryCode>,
    /// What becomes of users whom Azure MFA Server had disabled: there they signed in with the password alone
    #[arg(long, value_enum, requires = "file", default_value_t = DisabledUsers::Refuse)]
    disabled_users: DisabledUsers,
    /// Do what the preview says
    #[arg(long, requires = "file")]
    apply: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// Text with a header line; the cells parted by , ; or tabs
    Csv,
    /// Entries of a directory as text
    Ldif,
    /// CSV that Azure MFA Server wrote
    AzureMfa,
}

#[derive(Clone, Copy, ValueEnum)]
enum DisabledUsers {
    /// Take none of them, and say so
    Refuse,
    /// Take them, and keep them out
    Disable,
    /// Take them as users who may sign in with a factor
    Enable,
}

fn column(text: &str) -> Result<(String, String), String> {
    // A header may hold = itself; a meaning never does.
    let (header, meaning) = text.rsplit_once('=').ok_or("write HEADER=MEANING, such as 'Login=username'")?;
    Ok((header.to_owned(), meaning.to_owned()))
}

#[derive(Serialize)]
struct Report {
    format: Format,
    encoding: Encoding,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<char>,
    applied: bool,
    added: usize,
    changed: usize,
    unchanged: usize,
    refused: usize,
    columns: Vec<ColumnReport>,
    /// Without those that stay as they are.
    rows: Vec<RowReport>,
}

/// What became of a column's cells, but for those of refused rows.
#[derive(Serialize)]
struct ColumnReport {
    column: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
    taken: usize,
    changed: usize,
    left: usize,
    /// How they were changed, and why they were left.
    notes: Vec<&'static str>,
}

impl FromFile {
    pub async fn run(&self, path: &Path, directory: Option<&str>, world: &World, json: bool) -> Result<(), Failure> {
        let bytes = bytes(path)?;
        let format = self.format.map(|format| match format {
            Form::Csv => Format::Csv,
            Form::Ldif => Format::Ldif,
            Form::AzureMfa => Format::AzureMfa,
        });
        let file = people_file::read(&bytes, format, &self.column)
            .map_err(|fault| Failure::Input(format!("{}: {}", path.display(), show::safe(&fault.to_string()))))?;
        drop(bytes);
        let (mut reports, groups) = self.sorted(&file, directory, world).await?;
        let mut plans = vec![];
        for (directory, rows) in groups {
            let client = world.ask(directory.clone())?;
            let progress = Progress::new("find", "rows").of(rows.len() as u64).counter();
            plans.push((flow::plan(&world.store, &client, rows, progress).await?, directory));
        }
        let mut done = vec![];
        for (plan, directory) in plans {
            done.push(if self.apply {
                let written = Progress::new("write", "rows").of(plan.count() as u64).counter();
                plan.carry_out(&world.store, &directory, &world.actor, written).await?
            } else {
                plan
            });
        }
        reports.extend(done.iter().flat_map(Plan::report));
        reports.sort_by_key(|report| report.row);
        let columns = columns(&file.columns, done.iter().flat_map(Plan::taken));
        self.report(&file, columns, reports).tell(json)
    }

    /// Rows by their directory, and the reports of those that cannot be read or have none.
    async fn sorted(
        &self,
        file: &PeopleFile,
        named: Option<&str>,
        world: &World,
    ) -> Result<(Vec<RowReport>, Vec<(Directory, Vec<Row>)>), Failure> {
        let directories = match named {
            Some(name) => vec![world.directory(name).await?],
            None => world.store.directories().await?,
        };
        if directories.is_empty() {
            return Err(Failure::no("there is no directory yet; add one with `vestibule directory add`"));
        }
        let only = if let [only] = directories.as_slice() { Some(only.name.clone()) } else { None };
        let mut groups: Vec<(Directory, Vec<Row>)> =
            directories.into_iter().map(|directory| (directory, vec![])).collect();
        let mut reports = vec![];
        for record in &file.records {
            // The row's directory decides how its numbers are read, and is only known once it is read.
            let place = |groups: &[(Directory, Vec<Row>)], name: &str| {
                groups.iter().position(|(directory, _)| directory.name == name)
            };
            let wanted = row::directory(record, &file.columns).or_else(|| only.clone());
            let at = wanted.as_deref().and_then(|name| place(&groups, name));
            let country = at.and_then(|at| groups.get(at)).and_then(|(directory, _)| directory.attributes.country);
            let rules = Rules {
                country: self.country_code.or(country),
                disabled_there: match self.disabled_users {
                    DisabledUsers::Refuse => DisabledThere::Refuse,
                    DisabledUsers::Disable => DisabledThere::Disable,
                    DisabledUsers::Enable => DisabledThere::Enable,
                },
            };
            let read = row::read(record, &file.columns, file.format, rules);
            let refusal = match (read, at.and_then(|at| groups.get_mut(at))) {
                (Ok(row), Some((_, rows))) => {
                    rows.push(row);
                    continue;
                }
                (Ok(_), None) if wanted.is_some() => Refusal::row(
                    "it belongs to another directory",
                    "import without --directory, once that one is added",
                ),
                (Ok(_), None) => {
                    Refusal::row("there are several directories and it names none", "say which with --directory")
                }
                (Err(refusal), _) => refusal,
            };
            reports.push(RowReport { row: record.line, name: None, dn: None, outcome: Outcome::Refused(refusal) });
        }
        groups.retain(|(_, rows)| !rows.is_empty());
        Ok((reports, groups))
    }

    fn report(&self, file: &PeopleFile, columns: Vec<ColumnReport>, mut rows: Vec<RowReport>) -> Report {
        let count = |wanted: fn(&Outcome) -> bool| rows.iter().filter(|row| wanted(&row.outcome)).count();
        let (added, changed) =
            (count(|it| matches!(it, Outcome::Added { .. })), count(|it| matches!(it, Outcome::Changed { .. })));
        let (unchanged, refused) =
            (count(|it| matches!(it, Outcome::Unchanged)), count(|it| matches!(it, Outcome::Refused(_))));
        rows.retain(|row| row.outcome != Outcome::Unchanged);
        let PeopleFile { format, encoding, delimiter, .. } = *file;
        Report { format, encoding, delimiter, applied: self.apply, added, changed, unchanged, refused, columns, rows }
    }
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let fault = |fault| Failure::Input(format!("cannot read {}: {fault}; check the path", path.display()));
    let mut bytes = Zeroizing::new(vec![]);
    let limit = MAX_BYTES + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(fault)?;
    } else {
        File::open(path).map_err(fault)?.take(limit).read_to_end(&mut bytes).map_err(fault)?;
    }
    Ok(bytes)
}

fn columns<'a>(columns: &[Column], rows: impl Iterator<Item = &'a Row>) -> Vec<ColumnReport> {
    let mut counts: BTreeMap<usize, BTreeMap<Fate, usize>> = BTreeMap::new();
    for (column, fate) in rows.flat_map(|row| &row.fates) {
        *counts.entry(*column).or_default().entry(*fate).or_default() += 1;
    }
    let report = |(at, column): (usize, &Column)| {
        let meaning = match column.meaning {
            Meaning::Field(field) => Some(field.name()),
            Meaning::Left(_) | Meaning::Unknown | Meaning::Dropped => None,
        };
        let (mut taken, mut changed, mut left, mut notes) = (0, 0, 0, vec![]);
        for (fate, count) in counts.get(&at).into_iter().flatten() {
            match fate {
                Fate::Taken => taken += count,
                Fate::Changed(how) => {
                    changed += count;
                    notes.push(*how);
                }
                Fate::Left(why) => {
                    left += count;
                    notes.push(*why);
                }
            }
        }
        ColumnReport { column: column.header.clone(), meaning, taken, changed, left, notes }
    };
    columns.iter().enumerate().map(report).collect()
}

impl Report {
    fn tell(self, json: bool) -> Result<(), Failure> {
        if json {
            show::json(&self)?;
        } else {
            self.tell_people()?;
        }
        if self.refused > 0 { Err(Failure::SaidNo) } else { Ok(()) }
    }

    fn tell_people(&self) -> Result<(), Failure> {
        let parted = match self.delimiter {
            Some('\t') => ", cells parted by tabs".to_owned(),
            Some(delimiter) => format!(", cells parted by {delimiter}"),
            None => String::new(),
        };
        show::line(format_args!("The file is read as {}, {}{parted}.\n", self.format.name(), self.encoding.name()))?;
        let rows = self.columns.iter().map(|column| {
            let meaning = column.meaning.unwrap_or("-").to_owned();
            let [taken, changed, left] = [column.taken, column.changed, column.left].map(|count| count.to_string());
            [column.column.clone(), meaning, taken, changed, left, column.notes.join("; ")]
        });
        show::table(["column", "meaning", "taken", "changed", "left", "note"], &rows.collect::<Vec<_>>())?;
        show::line("")?;
        for report in &self.rows {
            let RowReport { row, name, dn, outcome } = report;
            let who = [name, dn].into_iter().flatten().map(|text| show::safe(text)).collect::<Vec<_>>().join("  ");
            let (sign, what) = match outcome {
                Outcome::Added { changes } => ("+", changes.join("; ")),
                Outcome::Changed { changes } => ("~", changes.join("; ")),
                Outcome::Unchanged => continue,
                Outcome::Refused(Refusal { column, why, todo }) => {
                    let column = column.as_ref().map(|column| format!("column {column:?}: ")).unwrap_or_default();
                    ("!", format!("{column}{why}; {todo}"))
                }
            };
            let line = [who, show::safe(&what)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
            show::line(format_args!("{sign} row {row}  {}", line.join("  ")))?;
        }
        let Self { added, changed, unchanged, refused, .. } = self;
        let counts = format!("added {added}, changed {changed}, unchanged {unchanged}, refused {refused}");
        if self.applied {
            show::line(counts)
        } else {
            show::line(format_args!("A preview; nothing was changed. {counts}. Add --apply to do it."))
        }
    }
}
