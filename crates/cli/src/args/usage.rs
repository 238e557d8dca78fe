//! What is said of a command line that is not understood: in the words of upstream's CLI, which exits with 1 here.

use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::suggest::closest;
use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

/// A command line with which nothing is carried out.
#[derive(Debug)]
pub(crate) struct Unparsed {
    error: Error,
    /// What is said, unless help was asked for.
    message: String,
    hint: Option<String>,
}

impl Unparsed {
    pub(super) fn of(error: Error, root: &Command) -> Unparsed {
        let told = Told { error: &error, root };
        let (message, hint) = (told.message(), told.hint());
        Unparsed { error, message, hint }
    }

    /// Shows the help that was asked for, or says what is wrong.
    pub(crate) fn report(self) -> ExitCode {
        let console = Console::new();
        let helpful = matches!(
            self.error.kind(),
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        if self.error.use_stderr() && !helpful {
            console.error_line(self.message);
            if let Some(hint) = self.hint {
                console.error_line(format!("hint: {hint}"));
            }
            return ExitCode::FAILURE;
        }
        let text = if self.error.kind() == ErrorKind::MissingSubcommand {
            super::command().render_help()
        } else {
            self.error.render()
        };
        console.print(if console.is_terminal() { text.ansi().to_string() } else { text.to_string() });
        ExitCode::SUCCESS
    }
}

/// What clap tells of an error.
struct Told<'a> {
    error: &'a Error,
    root: &'a Command,
}

impl Told<'_> {
    fn get(&self, kind: ContextKind) -> String {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }

    fn message(&self) -> String {
        let argument = self.get(ContextKind::InvalidArg);
        let long = argument.split([' ', '=']).next().unwrap_or_default();
        let value = self.get(ContextKind::InvalidValue);
        match self.error.kind() {
            ErrorKind::UnknownArgument if argument.starts_with("--") => format!("unknown flag: {long}"),
            ErrorKind::UnknownArgument if argument.starts_with('-') => {
                format!("unknown shorthand flag: '{}' in {argument}", argument.chars().nth(1).unwrap_or('-'))
            }
            ErrorKind::InvalidSubcommand => {
                let name = self.get(ContextKind::InvalidSubcommand);
                format!("Error: unknown command \"{name}\" for \"wsk\"\nRun 'wsk --help' for usage.")
            }
            ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues | ErrorKind::InvalidValue
                if ["--param", "--annotation", "--feed-param", "--trigger-param"].contains(&long) =>
            {
                let what = if long == "--annotation" { "annotation" } else { "parameter" };
                let flag = self.short(long);
                format!(
                    "error: Failed to parse arguments: The {what} arguments are invalid: Arguments for '{flag}' must be \
                     a key/value pair\nRun 'wsk --help' for usage."
                )
            }
            ErrorKind::InvalidValue
                if value.is_empty() && ["--param-file", "--annotation-file"].contains(&long) =>
            {
                let what = if long == "--param-file" { "parameter" } else { "annotation" };
                let flag = self.short(long);
                format!(
                    "error: Failed to parse arguments: The {what} arguments are invalid: An argument must be provided \
                     for '{flag}'\nRun 'wsk --help' for usage."
                )
            }
            ErrorKind::InvalidValue if value.is_empty() => format!("flag needs an argument: {long}"),
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                let short = self.short(long);
                let flag = if short == long { long.to_owned() } else { format!("{short}, {long}") };
                format!("invalid argument \"{value}\" for \"{flag}\" flag")
            }
            _ => {
                let text = self.error.render().to_string();
                text.split("\n\nUsage:").next().unwrap_or(&text).trim_end().to_owned()
            }
        }
    }

    /// The next thing to try.
    fn hint(&self) -> Option<String> {
        let values = match self.error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(values)) => values.join(", "),
            _ => String::new(),
        };
        match self.error.kind() {
            ErrorKind::InvalidSubcommand => {
                let name = self.get(ContextKind::InvalidSubcommand);
                let mut names = Vec::new();
                all_names(self.root, &mut names);
                closest(&name, names).map(|near| format!("did you mean '{near}'?"))
            }
            ErrorKind::UnknownArgument => match self.get(ContextKind::SuggestedArg) {
                near if near.is_empty() => Some("--help shows the flags of a command".to_owned()),
                near => Some(format!("did you mean '{near}'?")),
            },
            ErrorKind::InvalidValue if !values.is_empty() => Some(format!("it is one of {values}")),
            _ => None,
        }
    }

    /// The short form of a flag, as people know it.
    fn short(&self, long: &str) -> String {
        let name = long.trim_start_matches('-');
        let short =
            flags(self.root).into_iter().find(|(known, _)| known == name).and_then(|(_, flag)| flag.short);
        short.map_or_else(|| long.to_owned(), |short| format!("-{short}"))
    }
}

fn all_names<'a>(command: &'a Command, names: &mut Vec<&'a str>) {
    for below in command.get_subcommands() {
        names.push(below.get_name());
        all_names(below, names);
    }
}

/// What is known of the flags of a name, in all commands.
#[derive(Clone, Copy, Default)]
struct Flag {
    short: Option<char>,
    /// Whether a command gives it a value.
    valued: bool,
}

fn flags(command: &Command) -> BTreeMap<String, Flag> {
    let mut found: BTreeMap<String, Flag> = BTreeMap::new();
    for below in command.get_subcommands() {
        for (name, flag) in flags(below) {
            let known = found.entry(name).or_default();
            known.short = known.short.or(flag.short);
            known.valued |= flag.valued;
        }
    }
    for argument in command.get_arguments() {
        let Some(name) = argument.get_long() else { continue };
        let known = found.entry(name.to_owned()).or_default();
        known.short = known.short.or(argument.get_short());
        known.valued |= argument.get_action().takes_values();
    }
    found
}

/// `--blocking=true` as `--blocking`, and without `--blocking=false`: upstream's switches may have a value behind `=`.
/// What stands behind `-p` and its like is left as it is.
pub(super) fn plain_switches(root: &Command, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let flags = flags(root);
    let mut values = 0;
    let switch = |argument: &str| -> Option<(String, bool)> {
        let (flag, value) = argument.split_once('=')?;
        let value = match value.to_lowercase().as_str() {
            "true" | "t" | "1" => true,
            "false" | "f" | "0" => false,
            _ => return None,
        };
        let is_switch = match flag.strip_prefix("--") {
            Some(name) => flags.get(name).is_some_and(|flag| !flag.valued),
            None => flag.len() == 2 && flag.starts_with('-'),
        };
        is_switch.then(|| (flag.to_owned(), value))
    };
    let plain = |argument: OsString| {
        let text = argument.to_string_lossy().into_owned();
        if values > 0 {
            values -= 1;
            return Some(argument);
        }
        let pair = ["-p", "--param", "-a", "--annotation", "-F", "--feed-param", "-T", "--trigger-param"];
        values = if pair.contains(&text.as_str()) { 2 } else { 0 };
        match switch(&text) {
            Some((flag, true)) => Some(flag.into()),
            Some((_, false)) => None,
            None => Some(argument),
        }
    };
    arguments.into_iter().filter_map(plain).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(arguments: &[&str]) -> String {
        let arguments = ["wsk"].iter().chain(arguments).map(OsString::from);
        super::super::parse(arguments).unwrap_err().message
    }

    #[test]
    fn errors_are_in_upstreams_words() {
        assert_eq!(said(&["action", "create", "--foo"]), "unknown flag: --foo");
        assert_eq!(said(&["action", "create", "-x", "a"]), "unknown shorthand flag: 'x' in -x");
        assert_eq!(said(&["action", "list", "--limit"]), "flag needs an argument: --limit");
        assert_eq!(said(&["action", "list", "-l", "x"]), "invalid argument \"x\" for \"-l, --limit\" flag");
        assert!(said(&["foo"]).starts_with("Error: unknown command \"foo\" for \"wsk\""));
        assert!(
            said(&["action", "invoke", "a", "-p", "x"])
                .contains("Arguments for '-p' must be a key/value pair")
        );
        assert!(said(&["action", "invoke", "a", "-P"]).contains("An argument must be provided for '-P'"));
    }

    #[test]
    fn switches_may_have_a_value() {
        let plain = |arguments: &[&str]| {
            let plain = plain_switches(&super::super::command(), arguments.iter().map(OsString::from));
            plain.into_iter().map(|argument| argument.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(
            plain(&["x", "--blocking=true", "-r=false", "-p", "a=true", "--result=1"]),
            ["x", "--blocking", "-p", "a=true", "--result=1"]
        );
        assert_eq!(plain(&["--web=true", "--limit=1"]), ["--web=true", "--limit=1"]);
    }
}
