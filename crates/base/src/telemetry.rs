//! What the process says about itself: log lines on standard error.
//!
//! A message is lower-case and has no full stop; what varies is in fields, so that lines can be found by them.

use std::io::IsTerminal;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

crate::config_choice! {
    /// The form of log lines.
    pub enum Format {
        /// Text, with colours where standard error is a terminal.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

crate::config_section! {
    /// What is written to standard error.
    pub struct Config {
        /// The least severe level that is written: `error`, `warn`, `info`, `debug` or `trace`; for single crates
        /// `warn,oxiwhisk_scheduler=debug`.
        pub level: Targets as "level, or list of crate=level" = usual_level(),
        /// The form of the lines.
        pub format: Format = Format::Text,
    }
}

/// Everything from `info` on, but of the storage engines only what is wrong: they tell of their daily work as `info`.
fn usual_level() -> Targets {
    let quiet = ["fjall", "lsm_tree"].map(|name| (name, tracing::Level::WARN));
    Targets::new().with_default(tracing::Level::INFO).with_targets(quiet)
}

/// Sends what is logged from now on to standard error. Later calls in the same process change nothing.
pub fn install(config: &Config) {
    let layer = match config.format {
        Format::Text => {
            let colours = std::io::stderr().is_terminal();
            fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(false).boxed()
        }
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    };
    let registry = tracing_subscriber::registry().with(layer.with_filter(config.level.clone()));
    // It fails only where a test has installed one already.
    let _ = registry.try_init();
}
