//! Flags that every command understands, wherever they stand: `wsk -v action list` and `wsk action list -v` are the same.
//!
//! A command may have a flag of the same name that means something else (`wsk property get --apihost`); there, the global
//! one is not to be had, as with upstream's CLI. clap's own global arguments cannot be hidden in that way.

use crate::output::Format;
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command};

/// The width of help.
const COLUMNS: usize = 80;

/// Flags that every command understands.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct Globals {
    /// Show what goes over the wire
    #[arg(id = "global-verbose", short = 'v', long = "verbose")]
    pub(crate) verbose: bool,
    /// Show all that goes on
    #[arg(id = "global-debug", short = 'd', long = "debug")]
    pub(crate) debug: bool,
    /// Do not check the server's certificate
    #[arg(id = "global-insecure", short = 'i', long = "insecure")]
    pub(crate) insecure: bool,
    /// The key to use: UUID:KEY
    #[arg(id = "global-auth", short = 'u', long = "auth", value_name = "KEY")]
    pub(crate) auth: Option<String>,
    /// Where the server is: HOST, HOST:PORT or a URL
    #[arg(id = "global-apihost", long = "apihost", value_name = "HOST")]
    pub(crate) apihost: Option<String>,
    /// The version of its API
    #[arg(id = "global-apiversion", long = "apiversion", value_name = "VERSION")]
    pub(crate) apiversion: Option<String>,
    /// File with a certificate of one's own
    #[arg(id = "global-cert", long = "cert", value_name = "FILE")]
    pub(crate) cert: Option<String>,
    /// File with the certificate's key
    #[arg(id = "global-key", long = "key", value_name = "FILE")]
    pub(crate) key: Option<String>,
    /// The form of what is shown
    #[arg(id = "global-output", long = "output", short = 'o', value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<Format>,
}

impl Globals {
    /// What was given at any level of the command line; what stands further right wins.
    pub(crate) fn of(matches: &ArgMatches) -> Globals {
        let mut found = Globals::default();
        let mut level = Some(matches);
        while let Some(matches) = level {
            found.update(matches);
            level = matches.subcommand().map(|(_, deeper)| deeper);
        }
        found
    }

    /// Takes over what was given at one level; there, a command may hide flags.
    fn update(&mut self, matches: &ArgMatches) {
        let given = |id| matches.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or_default();
        self.verbose |= given("global-verbose");
        self.debug |= given("global-debug");
        self.insecure |= given("global-insecure");
        for (value, id) in [
            (&mut self.auth, "global-auth"),
            (&mut self.apihost, "global-apihost"),
            (&mut self.apiversion, "global-apiversion"),
            (&mut self.cert, "global-cert"),
            (&mut self.key, "global-key"),
        ] {
            if let Ok(Some(given)) = matches.try_get_one::<String>(id) {
                *value = Some(given.clone());
            }
        }
        if let Ok(Some(given)) = matches.try_get_one::<Format>("global-output") {
            self.output = Some(*given);
        }
    }
}

/// `command` and everything below it, with the global flags that it does not hide.
pub(crate) fn everywhere(command: Command) -> Command {
    let flags = Globals::augment_args(Command::new("globals"));
    let mut flags: Vec<Arg> = flags.get_arguments().cloned().collect();
    let help = Arg::new("help").short('h').long("help").help("Show this help");
    // `-h` and `--help` are the same.
    flags.push(help.action(ArgAction::HelpShort));
    add(command, &flags, 0)
}

/// In help, the global flags stand at the root alone; elsewhere a line points there.
fn add(mut command: Command, flags: &[Arg], depth: usize) -> Command {
    command = command.disable_help_flag(true).term_width(COLUMNS);
    if depth > 0 {
        let own = command.get_after_help().map(|text| format!("{text}\n\n")).unwrap_or_default();
        command = command.after_help(format!("{own}wsk --help shows the flags that all commands have."));
    }
    for flag in flags {
        let taken = |other: &Arg| other.get_long() == flag.get_long();
        if command.get_arguments().any(taken) {
            continue;
        }
        let letter = flag.get_short();
        let letter_taken =
            letter.is_some() && command.get_arguments().any(|other| other.get_short() == letter);
        let mut flag = flag.clone();
        if depth > 0 && flag.get_id() != "help" {
            flag = flag.hide(true);
        }
        if letter_taken {
            flag = flag.short(None);
        }
        command = command.arg(flag);
    }
    let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    names
        .iter()
        .fold(command, |command, name| command.mut_subcommand(name, |below| add(below, flags, depth + 1)))
}
