//! `vestibule token`: hardware tokens in stock, until people claim them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::show;
use super::world::World;
use crate::domain::people_file::{MAX_BYTES, Refusal};
use crate::domain::token_file::{self, Secrets};
use crate::flows::token_stock::{self, Outcome, RowReport};
use crate::telemetry::shown;

#[derive(Subcommand)]
pub enum Command {
    /// Put the tokens of a maker's file into stock; each belongs to nobody until somebody claims it in the portal
    #[command(after_help = EXAMPLE)]
    Import(Import),
    /// Show the tokens in stock
    List {
        /// Print JSON: an array of objects with serial, factor, digits, period, hash, counter, added_at
        #[arg(long)]
        json: bool,
    },
    /// Take a token out of stock for good
    Remove {
        /// The number printed on the token
        serial: String,
    },
}

const EXAMPLE: &str = "\
The file is CSV with a header line; a column for the serial number and one for the secret have to be there:
  serial number,secret key,time interval
  A-1001,GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,30

Further columns: oath_type (totp, hotp), oath_digits, oath_hash, oath_counter. First to look and then to do:
  vestibule token import tokens.csv --dry-run
  vestibule token import tokens.csv";

#[derive(Args)]
pub struct Import {
    /// The file, or - for standard input
    file: PathBuf,
    /// Secrets are in hex; without it in base32
    #[arg(long)]
    hex: bool,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON: one object with applied, added, refused, rows
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    applied: bool,
    added: usize,
    refused: usize,
    rows: Vec<RowReport>,
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Import(import) => import.run(world).await,
            Self::List { json } => {
                let stock = world.store.token_stock().await?;
                if json {
                    return show::json(&stock);
                }
                let rows: Vec<_> = stock
                    .into_iter()
                    .map(|token| {
                        let moves = match token.factor.as_str() {
                            "hotp" => format!("counter {}", token.counter),
                            _ => format!("{} s", token.period),
                        };
                        let digits = token.digits.to_string();
                        [token.serial, token.factor, digits, moves, token.hash, show::time(token.added_at)]
                    })
                    .collect();
                show::table(["serial", "type", "digits", "moves", "hash", "added"], &rows)
            }
            Self::Remove { serial } => {
                if !world.store.unstock_token(&serial, &world.actor).await? {
                    return Err(Failure::No(format!(
                        "no token {} is in stock; `vestibule token list` shows those there are",
                        shown(&serial)
                    )));
                }
                show::line(format_args!("Token {} is out of stock.", shown(&serial)))
            }
        }
    }
}

impl Import {
    async fn run(self, world: &World) -> Result<(), Failure> {
        let bytes = bytes(&self.file)?;
        let secrets = if self.hex { Secrets::Hex } else { Secrets::Base32 };
        let rows = token_file::read(&bytes, secrets)
            .map_err(|fault| Failure::Input(format!("{}: {}", self.file.display(), show::safe(&fault.to_string()))))?;
        drop(bytes);
        let rows = token_stock::bring_in(&world.store, rows, self.dry_run, &world.actor).await?;
        let refused = rows.iter().filter(|row| matches!(row.outcome, Outcome::Refused(_))).count();
        Report { applied: !self.dry_run, added: rows.len() - refused, refused, rows }.tell(self.json)
    }
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(vec![]);
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|fault| Failure::Input(format!("cannot read {}: {fault}; check the path", path.display())))?;
    Ok(bytes)
}

impl Report {
    fn tell(self, json: bool) -> Result<(), Failure> {
        if json {
            show::json(&self)?;
        } else {
            for row in &self.rows {
                let serial = row.serial.as_deref().unwrap_or_default();
                match &row.outcome {
                    Outcome::Added { factor, is_weak } => {
                        let weak = if *is_weak { "  (its secret is shorter than 128 bits)" } else { "" };
                        show::line(format_args!("+ {}  {}{weak}", shown(serial), factor.to_ascii_uppercase()))?;
                    }
                    Outcome::Refused(Refusal { column, why, todo }) => {
                        let column = column.as_deref().map(|column| format!(" {}:", shown(column))).unwrap_or_default();
                        let serial = if serial.is_empty() { String::new() } else { format!(" {}:", shown(serial)) };
                        show::line(format_args!("! line {}:{serial}{column} {why}; {todo}", row.row))?;
                    }
                }
            }
            let counts = format!("added {}, refused {}", self.added, self.refused);
            if self.applied {
                show::line(counts)?;
            } else {
                show::line(format_args!("Nothing was changed; leave out --dry-run to do it. {counts}"))?;
            }
        }
        if self.refused == 0 {
            Ok(())
        } else {
            Err(Failure::no("some rows were refused; the others are not touched by it"))
        }
    }
}
