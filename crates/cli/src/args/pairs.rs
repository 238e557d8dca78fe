//! Parameters and annotations: `-p KEY VALUE`, `-P FILE`, `-a KEY VALUE`, `-A FILE`, in the order in which they stand.

use crate::failure::{Failure, Outcome};
use clap::{Arg, ArgAction, ArgMatches, Command, Error};
use client::{KeyValues, WithKeyValues as _};
use serde_json::{Map, Value};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// One occurrence on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
    /// `-p KEY VALUE`
    Pair(String, String),
    /// `-P FILE`: a JSON object
    File(PathBuf),
}

/// A set of such flags: pairs, and maybe files.
#[derive(Clone, Debug)]
pub(crate) struct Pairs<K>(Vec<Given>, PhantomData<K>);

impl<K> Default for Pairs<K> {
    fn default() -> Self {
        Pairs(Vec::new(), PhantomData)
    }
}

/// What the flags of a set are called.
pub(crate) trait Called {
    /// What one of them is, in messages.
    const WHAT: &'static str;
    const PAIR: Flag;
    const FILE: Option<Flag>;
}

/// A flag and what is said of it.
pub(crate) struct Flag {
    long: &'static str,
    short: char,
    help: &'static str,
}

/// `-p`, `-P`
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfParameters;
/// `-a`, `-A`
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfAnnotations;
/// `-F`
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfFeed;
/// `-T`
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfTrigger;

/// Parameters.
pub(crate) type Parameters = Pairs<OfParameters>;
/// Annotations.
pub(crate) type Annotations = Pairs<OfAnnotations>;
/// Parameters of a feed.
pub(crate) type FeedParameters = Pairs<OfFeed>;
/// Parameters of a trigger that has a feed.
pub(crate) type TriggerParameters = Pairs<OfTrigger>;

impl Called for OfParameters {
    const WHAT: &'static str = "parameter";
    const PAIR: Flag =
        Flag { long: "param", short: 'p', help: "Parameter: JSON where the value is JSON, else a text" };
    const FILE: Option<Flag> =
        Some(Flag { long: "param-file", short: 'P', help: "File with parameters: a JSON object" });
}

impl Called for OfAnnotations {
    const WHAT: &'static str = "annotation";
    const PAIR: Flag = Flag {
        long: "annotation",
        short: 'a',
        help: "Annotation: JSON where the value is JSON, else a text",
    };
    const FILE: Option<Flag> =
        Some(Flag { long: "annotation-file", short: 'A', help: "File with annotations: a JSON object" });
}

impl Called for OfFeed {
    const WHAT: &'static str = "parameter";
    const PAIR: Flag = Flag { long: "feed-param", short: 'F', help: "Parameter of the feed" };
    const FILE: Option<Flag> = None;
}

impl Called for OfTrigger {
    const WHAT: &'static str = "parameter";
    const PAIR: Flag = Flag { long: "trigger-param", short: 'T', help: "Parameter of the trigger itself" };
    const FILE: Option<Flag> = None;
}

impl<K: Called> Pairs<K> {
    /// As one object; where a key is given twice, the last wins.
    pub(crate) fn object(&self) -> Outcome<Map<String, Value>> {
        let mut object = Map::new();
        for one in &self.0 {
            object.extend(values(one, K::WHAT)?);
        }
        Ok(object)
    }

    /// As the API wants them, in their order.
    pub(crate) fn list(&self) -> Outcome<KeyValues> {
        let mut list = KeyValues::new();
        for one in &self.0 {
            values(one, K::WHAT)?.into_iter().for_each(|(key, value)| list.set(&key, value));
        }
        Ok(list)
    }

    /// Whether none was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Called> clap::Args for Pairs<K> {
    fn augment_args(command: Command) -> Command {
        let Flag { long, short, help } = K::PAIR;
        let command = command.arg(pair_flag(long, short, help));
        match K::FILE {
            Some(Flag { long, short, help }) => command.arg(file_flag(long, short, help)),
            None => command,
        }
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<K: Called> clap::FromArgMatches for Pairs<K> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut found = pairs_of(matches, K::PAIR.long);
        if let Some(file) = K::FILE {
            found.extend(files_of(matches, file.long));
        }
        found.sort_by_key(|(at, _)| *at);
        Ok(Pairs(found.into_iter().map(|(_, given)| given).collect(), PhantomData))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn pair_flag(long: &'static str, short: char, help: &'static str) -> Arg {
    let flag = Arg::new(long).long(long).short(short).help(help).action(ArgAction::Append);
    flag.num_args(2).value_names(["KEY", "VALUE"]).allow_hyphen_values(true)
}

fn file_flag(long: &'static str, short: char, help: &'static str) -> Arg {
    let flag = Arg::new(long).long(long).short(short).help(help).action(ArgAction::Append);
    flag.value_name("FILE").value_parser(clap::value_parser!(PathBuf))
}

fn pairs_of(matches: &ArgMatches, id: &str) -> Vec<(usize, Given)> {
    let values: Vec<&String> = matches.get_many::<String>(id).into_iter().flatten().collect();
    let places = matches.indices_of(id).into_iter().flatten().step_by(2);
    places
        .zip(values.chunks_exact(2))
        .map(|(at, pair)| (at, Given::Pair(pair[0].clone(), pair[1].clone())))
        .collect()
}

fn files_of(matches: &ArgMatches, id: &str) -> Vec<(usize, Given)> {
    let places = matches.indices_of(id).into_iter().flatten();
    let files = matches.get_many::<PathBuf>(id).into_iter().flatten();
    places.zip(files).map(|(at, file)| (at, Given::File(file.clone()))).collect()
}

fn values(given: &Given, what: &str) -> Outcome<Map<String, Value>> {
    match given {
        Given::Pair(key, value) => Ok(Map::from_iter([(key.clone(), typed(value))])),
        Given::File(file) => object_in(file, what),
    }
}

/// A value of the command line: JSON where it is, else a text.
fn typed(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))
}

fn object_in(file: &Path, what: &str) -> Outcome<Map<String, Value>> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::file(format!(
            "Failed to parse arguments: File '{shown}' is not a valid file or it does not exist"
        )),
        _ => Failure::usage(format!("Unable to read the file '{shown}': {error}")),
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("Invalid {what} argument '{shown}': no JSON object: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn parse(arguments: &[&str]) -> Parameters {
        let command = Parameters::augment_args(Command::new("x").no_binary_name(true));
        Parameters::from_arg_matches(&command.try_get_matches_from(arguments).unwrap()).unwrap()
    }

    #[test]
    fn values_are_json_where_they_can_be() {
        let object =
            parse(&["-p", "n", "1", "-p", "t", "one", "--param", "o", r#"{"a":[true]}"#, "-p", "-x", "-5"]);
        let expected = serde_json::json!({"n": 1, "t": "one", "o": {"a": [true]}, "-x": -5});
        assert_eq!(Value::Object(object.object().unwrap()), expected);
    }

    #[test]
    fn the_last_of_pairs_and_files_wins() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.json");
        std::fs::write(&file, r#"{"a": "file", "b": "file"}"#).unwrap();
        let file = file.to_str().unwrap();
        let object = parse(&["-p", "a", "first", "-P", file, "-p", "b", "last"]).object().unwrap();
        assert_eq!(Value::Object(object), serde_json::json!({"a": "file", "b": "last"}));
    }

    #[test]
    fn a_file_that_is_missing_or_no_object_is_named() {
        let missing = parse(&["-P", "/no/such"]).object().unwrap_err();
        assert!(missing.message.contains("/no/such") && missing.exit == 2, "{missing:?}");
    }
}
