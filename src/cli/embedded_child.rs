//! The hidden subcommand between the supervisor of the embedded database and PostgreSQL's own programs: it ties the
//! process to its parent and then becomes the program. Nobody types it.
//!
//! A process of ours is needed in between because the tie must be made after the fork, after the change of user (the
//! kernel forgets it there) and before the exec, and because nothing but a program may run at that point without
//! `unsafe`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Arguments after the subcommand's name: the parent's pid, the program, the program's arguments.
///
/// Comes back only if the program could not be started; the sentence on stderr reaches the supervisor's log.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let (Some(parent), Some(program)) = (args.next(), args.next()) else {
        eprintln!("embedded-postgres-child is started by `vestibule serve`, not by hand");
        return ExitCode::from(2);
    };
    // SIGINT is PostgreSQL's fast shutdown: clients are sent away, everything is flushed.
    if let Err(fault) = set_parent_process_death_signal(Some(Signal::INT)) {
        eprintln!("cannot tie PostgreSQL to its parent process: {fault}");
        return ExitCode::FAILURE;
    }
    // A parent that died before the line above sends no signal any more.
    let alive = getppid().is_some_and(|pid| parent.to_str() == Some(&pid.to_string()));
    if !alive {
        eprintln!("the process that starts PostgreSQL is gone");
        return ExitCode::FAILURE;
    }
    let fault = Command::new(&program).args(args).exec();
    eprintln!("cannot run {}: {fault}", program.display());
    ExitCode::FAILURE
}
