use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(first) if first == vestibule::store::embedded::CHILD_SUBCOMMAND => {
            vestibule::cli::embedded_child::run(args)
        }
        Some(_) | None => vestibule::cli::run(),
    }
}
