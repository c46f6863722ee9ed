//! `vestibule serve`: the runtime, and the appliance in it.

use super::failure::Failure;
use crate::app;
use crate::config::Config;

pub fn run(config: Config) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|fault| Failure::Fault(format!("cannot start the runtime: {fault}")))?;
    runtime.block_on(app::serve(config)).map_err(|fault| Failure::Fault(fault.to_string()))
}
