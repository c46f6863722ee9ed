//! `vestibule user export`: users as CSV, for spreadsheets and for `user import --file`. There is no secret in it.

use std::fs::OpenOptions;
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::show;
use super::world::World;
use crate::domain::people_file::export::Sheet;
use crate::domain::people_file::row::Purpose;
use crate::store::people::Exported;

#[derive(Args)]
pub struct Export {
    /// The file to make; without it standard output
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only users of this directory
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
}

const HEADER: [&str; 14] = [
    "directory",
    "unique_id",
    "username",
    "dn",
    "first",
    "last",
    "mail",
    "language",
    "enabled",
    "blocked",
    "phone",
    "backup_phone",
    "directory_phones",
    "factors",
];

impl Export {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let directory = match &self.directory {
            Some(name) => Some(world.directory(name).await?.id),
            None => None,
        };
        let users = world.store.exported(directory).await?;
        let Some(path) = self.file else {
            return match write(std::io::stdout().lock(), &users) {
                Err(fault) if fault.kind() == ErrorKind::BrokenPipe => Err(Failure::NobodyReads),
                written => written.map_err(|fault| Failure::Fault(format!("cannot write the users: {fault}"))),
            };
        };
        let fault = |fault: std::io::Error| {
            if fault.kind() == ErrorKind::AlreadyExists {
                return Failure::Input(format!("{} is there already; choose another name", path.display()));
            }
            Failure::Fault(format!("cannot write {}: {fault}", path.display()))
        };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(fault)?;
        if let Err(error) = write(BufWriter::new(file), &users) {
            // Half a list is worse than none.
            let _ = std::fs::remove_file(&path);
            return Err(fault(error));
        }
        show::note(format_args!("{} users are in {}.", users.len(), path.display()));
        Ok(())
    }
}

fn write(out: impl Write, users: &[Exported]) -> std::io::Result<()> {
    let mut sheet = Sheet::new(out);
    sheet.row(HEADER)?;
    for user in users {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let phone = |purpose: Purpose| {
            let phones = user.phones.iter().find(|(of, _)| *of == purpose);
            phones.map(|(_, phone)| phone.to_string()).unwrap_or_default()
        };
        let directorys = user.profile.phones.iter().map(|it| format!("{} {}", it.label, it.phone));
        let cells = [
            user.directory.clone(),
            user.unique_id.clone(),
            user.name.clone(),
            user.dn.clone(),
            text(&user.profile.first),
            text(&user.profile.last),
            text(&user.profile.mail),
            text(&user.profile.language),
            yes(user.enabled),
            yes(user.blocked),
            phone(Purpose::Phone),
            phone(Purpose::Backup),
            directorys.collect::<Vec<_>>().join(" | "),
            user.factors.join(" "),
        ];
        sheet.row(cells.iter().map(String::as_str))?;
    }
    sheet.finish()?.flush()
}
