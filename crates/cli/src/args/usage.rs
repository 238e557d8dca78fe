//! What is said of a command line that is not understood.

use crate::console::Console;
use crate::failure::{Failure, Outcome};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::process::ExitCode;

/// A command line with which nothing is carried out.
#[derive(Debug)]
pub(crate) struct Unparsed(clap::Error);

impl From<clap::Error> for Unparsed {
    fn from(error: clap::Error) -> Unparsed {
        Unparsed(error)
    }
}

impl Unparsed {
    /// Shows the help that was asked for, or says what is wrong. Upstream's CLI exits with 1 here, not with 2.
    pub(crate) fn report(self) -> ExitCode {
        if !self.0.use_stderr() || self.0.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            let console = Console::new();
            let text = self.0.render();
            console.print(if console.is_terminal() { text.ansi().to_string() } else { text.to_string() });
            return ExitCode::SUCCESS;
        }
        Failure::usage(self.message()).report(&Console::new())
    }

    /// In upstream's words where scripts may know them, else in clap's.
    fn message(&self) -> String {
        let told = |kind| match self.0.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.join(", "),
            _ => String::new(),
        };
        let argument = told(ContextKind::InvalidArg);
        let flag = argument.split(' ').next().unwrap_or_default();
        match self.0.kind() {
            ErrorKind::UnknownArgument if argument.starts_with("--") => format!("unknown flag: {argument}"),
            ErrorKind::UnknownArgument if argument.starts_with('-') => {
                format!("unknown shorthand flag: '{}' in {argument}", argument.chars().nth(1).unwrap_or('-'))
            }
            ErrorKind::InvalidSubcommand => format!("unknown command \"{}\"", told(ContextKind::InvalidSubcommand)),
            ErrorKind::WrongNumberOfValues | ErrorKind::InvalidValue if flag == "--param" => {
                "Failed to parse arguments: The parameter arguments are invalid: Arguments for '-p' must be a key/value \
                 pair"
                    .to_owned()
            }
            _ => {
                let text = self.0.render().to_string();
                let text = text.strip_prefix("error: ").unwrap_or(&text);
                text.split("\n\nUsage:").next().unwrap_or(text).trim_end().to_owned()
            }
        }
    }
}

/// The arguments, if there are `least` to `most`. `required` says what they are: `An action name is required.`
pub(crate) fn between(arguments: &[String], least: usize, most: usize, required: &str) -> Outcome {
    if arguments.len() < least {
        return Err(Failure::usage(format!("Invalid argument(s). {required}")));
    }
    at_most(arguments, most, required)
}

/// The same without a least number.
pub(crate) fn at_most(arguments: &[String], most: usize, required: &str) -> Outcome {
    match arguments.get(most..) {
        Some(more @ [_, ..]) => {
            Err(Failure::usage(format!("Invalid argument(s): {}. {required}", more.join(", "))))
        }
        _ => Ok(()),
    }
}
