//! `oxiwhisk admin`: what `wskadmin` does, through the admin API of a running server. What it says, and its exit codes,
//! are those of `wskadmin`.

mod db;
mod http;
mod limits;
mod user;

use super::{Exit, config, print};
use crate::args::{AdminArgs, AdminCommand};
use http::Client;
use std::fs;
use std::process::ExitCode;

/// Something failed that the server said or that is there.
const FAILED: u8 = 1;
/// What was asked for makes no sense.
const USAGE: u8 = 2;

pub(crate) fn run(args: &AdminArgs) -> ExitCode {
    let done = match &args.command {
        AdminCommand::User(command) => user::run(command, || client(args)),
        AdminCommand::Limits(command) => client(args).and_then(|client| limits::run(command, &client)),
        AdminCommand::Db(command) => client(args).and_then(|client| db::run(command, &client)),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(exit) => exit.report(),
    }
}

/// The server that the options name, or else the one that the configuration describes.
fn client(args: &AdminArgs) -> Result<Client, Exit> {
    let config = config::load(args.config.config.as_deref(), args.config.overrides())?;
    let url = match &args.url {
        Some(url) => url.clone(),
        None if config.server.port == 0 => {
            return Err(Exit::usage(
                "the configuration leaves the port open; say --url or --port".to_owned(),
            ));
        }
        None => config.server.url(),
    };
    let credential = match (&args.credential, &args.credential_file, &config.admin.credential) {
        (Some(secret), ..) => secret.clone(),
        (None, Some(file), _) => read(file)?,
        (None, None, Some(secret)) => secret.clone(),
        (None, None, None) => {
            let data_dir = match &config.server.data_dir {
                Some(dir) => dir.clone(),
                None => node::host::default_data_dir().map_err(|error| Exit::start(&error))?,
            };
            read(&node::admin_file(&data_dir))?
        }
    };
    Client::new(&url, credential)
}

fn read(file: &std::path::Path) -> Result<String, Exit> {
    let text = fs::read_to_string(file).map_err(|error| {
        let file = file.display();
        Exit::failure(format!(
            "cannot read the operator's credential from {file}: {error}; say --data-dir, --credential-file, or set \
             OXIWHISK_ADMIN__CREDENTIAL"
        ))
    })?;
    Ok(text.trim().to_owned())
}

/// Says something, and ends with that code.
fn say(text: &str, code: u8) -> Result<u8, Exit> {
    print(&format!("{text}\n"));
    Ok(code)
}

/// A name as a segment of a path.
fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}
