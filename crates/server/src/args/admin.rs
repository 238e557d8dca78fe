//! `oxiwhisk admin`, with the words and options of OpenWhisk's `wskadmin`, so that scripts carry over.

use super::ConfigArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the server is, and what opens its admin API. Without options both are as the configuration of a server on this
/// machine says, which is read as the server reads it.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The server, such as `http://localhost:3233`.
    #[arg(long, value_name = "URL", env = "OXIWHISK_ADMIN_URL")]
    pub(crate) url: Option<String>,
    /// The operator's credential. Others on this machine can see it here; a file or `OXIWHISK_ADMIN__CREDENTIAL` keeps it
    /// to yourself.
    #[arg(long, value_name = "SECRET")]
    pub(crate) credential: Option<String>,
    /// The file with the operator's credential. Not given: `secrets/admin.key` of the data directory.
    #[arg(long, value_name = "FILE", conflicts_with = "credential")]
    pub(crate) credential_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: AdminCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Manage users, their namespaces and keys.
    #[command(subcommand)]
    User(UserCommand),
    /// Manage what namespaces may use.
    #[command(subcommand)]
    Limits(LimitsCommand),
    /// Look into the store.
    #[command(subcommand)]
    Db(DbCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Show what is stored, as JSON.
    Get {
        /// Which part of the store.
        database: Database,
        /// Only what is in this collection: actions, packages, triggers, rules; subjects, limits.
        #[arg(short = 'w', long)]
        view: Option<String>,
        /// The documents too, and not their ids only.
        #[arg(short, long)]
        docs: bool,
    },
}

/// What OpenWhisk keeps in a database each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Database {
    /// Users and limits.
    Subjects,
    /// Actions, packages, triggers and rules.
    Whisks,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Create a user, or a key for one more namespace, and show the key.
    Create(CreateArgs),
    /// Delete a user, or its key for one namespace.
    Delete {
        /// The user.
        subject: String,
        /// Delete the key for this namespace only (also `-ns`).
        #[arg(long)]
        namespace: Option<String>,
    },
    /// Show the key of a user, where keys are kept sealed.
    Get {
        /// The user.
        subject: String,
        /// For this namespace instead of the one with the user's name (also `-ns`).
        #[arg(long)]
        namespace: Option<String>,
        /// All namespaces and their keys.
        #[arg(short, long)]
        all: bool,
    },
    /// Say whose key this is.
    Whois {
        /// The credentials, `uuid:key`.
        authkey: String,
    },
    /// Refuse the keys of users.
    Block {
        /// The users.
        #[arg(required = true)]
        subjects: Vec<String>,
    },
    /// Accept the keys of users again.
    Unblock {
        /// The users.
        #[arg(required = true)]
        subjects: Vec<String>,
    },
    /// List the keys of a namespace.
    List {
        /// The namespace.
        namespace: String,
        /// Show no more than so many.
        #[arg(short, long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
        pick: i64,
        /// Show all.
        #[arg(short, long)]
        all: bool,
        /// Show the keys only.
        #[arg(short, long)]
        key: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The user.
    pub(crate) subject: String,
    /// The credentials, instead of random ones.
    #[arg(short = 'u', long, value_name = "UUID:KEY")]
    pub(crate) auth: Option<String>,
    /// For this namespace instead of the one with the user's name (also `-ns`).
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// What the key is good for, instead of everything: READ, PUT, DELETE, ACTIVATE, with commas between.
    #[arg(long, value_delimiter = ',', value_name = "RIGHTS")]
    pub(crate) rights: Option<Vec<String>>,
    /// Revoke the key that there is, and make a new one.
    #[arg(short, long, visible_short_alias = 'f', visible_alias = "force")]
    pub(crate) revoke: bool,
    /// Make a key and show it, and keep it nowhere.
    #[arg(short, long)]
    pub(crate) genonly: bool,
    /// Do not show the key.
    #[arg(short, long)]
    pub(crate) silent: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LimitsCommand {
    /// Set limits of a namespace; those that are not named stay.
    Set(Box<SetArgs>),
    /// Show the limits of a namespace.
    Get {
        /// The namespace.
        namespace: String,
    },
    /// Delete the limits of a namespace; those of the platform apply.
    Delete {
        /// The namespace.
        namespace: String,
    },
}

/// Each option has the name of a limit.
#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub(crate) struct SetArgs {
    /// The namespace.
    pub(crate) namespace: String,
    /// Activations that may be started in a minute.
    #[arg(long)]
    pub(crate) invocations_per_minute: Option<u32>,
    /// Triggers that may be fired in a minute.
    #[arg(long)]
    pub(crate) fires_per_minute: Option<u32>,
    /// Activations in flight, and containers.
    #[arg(long)]
    pub(crate) concurrent_invocations: Option<u32>,
    /// The kinds that may be created.
    #[arg(long, num_args = 1.., value_name = "KIND")]
    pub(crate) allowed_kinds: Option<Vec<String>>,
    /// Whether activation records are kept: yes, true, no or false.
    #[arg(long, value_parser = yes_or_no, value_name = "BOOLEAN")]
    pub(crate) store_activations: Option<bool>,
    /// Keep activation records.
    #[arg(long, conflicts_with_all = ["store_activations", "disable_store_activations"])]
    pub(crate) enable_store_activations: bool,
    /// Keep no activation records.
    #[arg(long, conflicts_with = "store_activations")]
    pub(crate) disable_store_activations: bool,
    /// How many paused containers of an action are kept past their time.
    #[arg(long)]
    pub(crate) warmed_container_keeping_count: Option<u32>,
    /// For how long, in milliseconds.
    #[arg(long)]
    pub(crate) warmed_container_keeping_timeout: Option<u64>,
    /// The greatest payload, such as `1 MB`.
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_payload_size: Option<String>,
    /// How much is kept of a result that is too long.
    #[arg(long, value_name = "SIZE")]
    pub(crate) truncation_size: Option<String>,
    /// The greatest set of parameters.
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_parameter_size: Option<String>,
    /// The least memory of an action, in MB.
    #[arg(long)]
    pub(crate) min_action_memory: Option<u64>,
    /// The greatest memory of an action, in MB.
    #[arg(long)]
    pub(crate) max_action_memory: Option<u64>,
    /// The least log limit of an action, in MB.
    #[arg(long)]
    pub(crate) min_action_logs: Option<u64>,
    /// The greatest log limit of an action, in MB.
    #[arg(long)]
    pub(crate) max_action_logs: Option<u64>,
    /// The least time limit of an action, in milliseconds.
    #[arg(long)]
    pub(crate) min_action_timeout: Option<u64>,
    /// The greatest time limit of an action, in milliseconds.
    #[arg(long)]
    pub(crate) max_action_timeout: Option<u64>,
    /// The least number of activations in one container at a time.
    #[arg(long)]
    pub(crate) min_action_concurrency: Option<u32>,
    /// The greatest number of activations in one container at a time.
    #[arg(long)]
    pub(crate) max_action_concurrency: Option<u32>,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("{text} is not a valid boolean.")),
    }
}

/// Writes `-ns`, an option of two letters that `wskadmin` knows, as `--namespace`.
pub(crate) fn with_long_namespace(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_none_or(|command| command != "admin") {
        return arguments;
    }
    for argument in &mut arguments {
        match argument.to_str() {
            Some("-ns") => *argument = "--namespace".into(),
            Some(text) => {
                if let Some(value) = text.strip_prefix("-ns=") {
                    *argument = format!("--namespace={value}").into();
                }
            }
            None => {}
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::{CommandFactory, Parser};

    fn parse(line: &str) -> Result<Command, clap::Error> {
        let words = line.split(' ').map(OsString::from);
        Arguments::try_parse_from(with_long_namespace(words)).map(|arguments| arguments.command)
    }

    #[test]
    fn the_options_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn usr_02_usr_03_usr_04_the_lines_of_wskadmin_are_understood() {
        for line in [
            "oxiwhisk admin user create alice",
            "oxiwhisk admin user create alice -ns space1",
            "oxiwhisk admin user create alice -ns=space1 -r -s",
            "oxiwhisk admin user create -f alice",
            "oxiwhisk admin user create alice -u u:k -g",
            "oxiwhisk admin user get alice -a",
            "oxiwhisk admin user get alice --namespace space1",
            "oxiwhisk admin user list space1 -p 2 -k",
            "oxiwhisk admin user block alice boris",
            "oxiwhisk admin limits set space1 --invocationsPerMinute 1 --allowedKinds nodejs:20 python:3",
            "oxiwhisk admin limits set space1 --disableStoreActivations",
            "oxiwhisk admin limits set space1 --storeActivations no",
            "oxiwhisk admin --port 4400 --data-dir /d limits get space1",
        ] {
            let parsed = parse(line);
            assert!(matches!(parsed, Ok(Command::Admin(_))), "{line}: {parsed:?}");
        }
        for line in ["oxiwhisk admin user block", "oxiwhisk admin limits set s --storeActivations maybe"] {
            assert!(parse(line).is_err(), "{line}");
        }
        // Elsewhere it means what it says.
        assert!(parse("oxiwhisk standalone -ns x").is_err());
    }
}
