//! `oxiwhisk standalone`: the whole platform in this process, until a signal ends it.

use super::{Exit, config, print, runtime};
use crate::args::StandaloneArgs;
use crate::banner;
use base::shutdown::{Phase, Shutdown};
use node::{Config, Standalone};
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) fn run(args: &StandaloneArgs) -> ExitCode {
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}

fn start(args: &StandaloneArgs) -> Result<(), Exit> {
    let config = config::load(args.file().map(AsRef::as_ref), args.overrides())?;
    base::telemetry::install(&config.log);
    node::host::raise_file_limit();
    let runtime = runtime(&config)?;
    let result = runtime.block_on(serve(config));
    // Nothing that still runs is worth waiting for: what was accepted is on the disk.
    runtime.shutdown_background();
    result
}

async fn serve(config: Config) -> Result<(), Exit> {
    let mut signals = Signals::listen()?;
    let shutdown = Shutdown::new();
    let standalone = tokio::select! {
        biased;
        () = signals.next() => return Ok(()),
        started = Standalone::start(config, &shutdown) => started.map_err(|error| Exit::start(&error))?,
    };
    print(&banner::banner(standalone.announcement()));
    signals.next().await;
    tracing::info!("draining; another signal stops at once");
    tokio::select! {
        biased;
        () = signals.next() => {
            tracing::warn!("stopped at once; the next start ends what is still under way");
            shutdown.advance(Phase::Stopped);
        }
        _ = standalone.drain(&shutdown) => {}
    }
    Ok(())
}

/// The signals that ask a process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, Exit> {
        let listen =
            |kind| signal(kind).map_err(|error| Exit::failure(format!("cannot listen for signals: {error}")));
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
