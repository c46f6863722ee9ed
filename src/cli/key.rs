//! `vestibule key`: the master key that every stored secret is sealed with.

use clap::Subcommand;

use super::failure::Failure;
use super::show;
use super::world::World;
use crate::flows::rotate::{self, Keys, RotateFault, Rotated};
use crate::store::seal::key_file::MasterKeyFile;

#[derive(Subcommand)]
pub enum Command {
    /// Change the master key and seal every stored secret with the new one; sign-ins go on meanwhile
    #[command(after_help = ROTATE_ORDER)]
    Rotate {
        /// Instead of making a new key, finish: forget the old keys once nothing is sealed with them
        #[arg(long)]
        drop_old: bool,
    },
}

const ROTATE_ORDER: &str = "\
The order, with the key in its file (state_dir/master.key):
  1. vestibule key rotate             puts a new key into the file; if nobody else is connected, that is also step 3
  2. restart every vestibule          so that it holds both keys; replicas need the new file first
  3. vestibule key rotate             seals everything with the new key
  4. keep a copy of the file          then: vestibule key rotate --drop-old

With the key in the configuration (master_key.key): put `N:KEY` on a new first line, KEY from `openssl rand -base64 32`,
N one more than before (a line without a number is number 1); then go on with step 2. Remove the old lines at the end.";

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let file = MasterKeyFile::at(world.config.master_key_file());
        let keys = if world.config.master_key.key.is_some() { Keys::Configured } else { Keys::File(&file) };
        match self {
            Self::Rotate { drop_old: false } => {
                told(world, &keys, &rotate::rotate(&world.store, &keys, &world.actor).await?)
            }
            Self::Rotate { drop_old: true } => {
                let dropped = rotate::drop_old(&world.store, &keys, &world.actor).await?;
                let ids = dropped.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                match keys {
                    _ if dropped.is_empty() => show::line("There is no old key to forget."),
                    Keys::File(_) => {
                        show::line(format_args!("Forgotten: key {ids}. Backups made before need it still."))
                    }
                    Keys::Configured => show::line(format_args!(
                        "Nothing is sealed with key {ids} any more; remove it from master_key.key. Backups made before \
                         need it still."
                    )),
                }
            }
        }
    }
}

fn told(world: &World, keys: &Keys<'_>, rotated: &Rotated) -> Result<(), Failure> {
    let path = world.config.master_key_file();
    let path = path.display();
    match (rotated, keys) {
        (Rotated::Prepared { key }, _) => show::line(format_args!(
            "Key {key} is now in {path}, and not in use yet: others are connected to this database and know only the old \
             key.\nGive replicas the new file, restart every `vestibule serve`, then run `vestibule key rotate` again."
        )),
        (Rotated::Done { key, resealed }, keys) => {
            show::line(format_args!("{resealed} values are now sealed with key {key}."))?;
            match keys {
                Keys::File(_) => show::note(format_args!(
                    "Keep a copy of {path}. When every vestibule runs with it: vestibule key rotate --drop-old"
                )),
                Keys::Configured => {
                    show::note("When every vestibule runs with it, the old lines of master_key.key may go.");
                }
            }
            Ok(())
        }
        (Rotated::NothingToDo { key }, _) => Err(Failure::No(format!(
            "everything is sealed with key {key}, the first line of master_key.key; put a new key above it as \
             `{}:KEY`, KEY from `openssl rand -base64 32`, restart every vestibule and run this again",
            key.saturating_add(1)
        ))),
    }
}

impl From<RotateFault> for Failure {
    fn from(fault: RotateFault) -> Self {
        match fault {
            RotateFault::Store(fault) => fault.into(),
            RotateFault::KeyFile(fault) => fault.into(),
            fault @ RotateFault::Busy => Self::No(fault.to_string()),
            fault @ RotateFault::Left { .. } => Self::Fault(fault.to_string()),
        }
    }
}
