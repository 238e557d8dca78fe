use super::fault::did_you_mean;
use super::section::{Entry, Setting, entries, join};
use super::{Fault, Faults, Raw};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::str::FromStr;

/// What the environment variable of every key begins with.
pub const VARIABLE_PREFIX: &str = "OXIWHISK_";

/// Variables that begin with the prefix and are no keys: those that name the file and the server, and those of the project's scripts.
const OTHER_VARIABLES: [&str; 5] =
    ["OXIWHISK_ADMIN_URL", "OXIWHISK_CONFIG", "OXIWHISK_BIN", "OXIWHISK_CACHE", "OXIWHISK_NO_INSTALL"];

/// The environment variable of a key: `server.port` is `OXIWHISK_SERVER__PORT`.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// What a configuration is made of. Later fields override earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file: its name, for messages, and its text.
    pub file: Option<(String, String)>,
    /// The environment; only variables with the prefix are looked at.
    pub environment: Vec<(String, String)>,
    /// From the command line. Of several for one key the last one counts.
    pub overrides: Vec<Override>,
}

/// A key that was set on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The key.
    pub key: String,
    /// Its value.
    pub text: String,
    /// The option by which it was set, such as `--port`.
    pub option: String,
}

/// Where something was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In the file of that name.
    File(String),
    /// In that environment variable.
    Variable(String),
    /// By that option.
    Option(String),
}

impl Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(name) => f.write_str(name),
            Origin::Variable(name) => write!(f, "environment variable {name}"),
            Origin::Option(option) => write!(f, "option {option}"),
        }
    }
}

impl Sources {
    /// Reads the configuration, and says where each key was set that is not as by default.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first thing.
    pub fn load<T: Setting + Default>(self) -> Result<(T, BTreeMap<String, Origin>), Faults> {
        let known: Vec<String> = entries::<T>()
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Key { key, .. } => Some(key),
                Entry::Section { .. } => None,
            })
            .collect();
        let mut reader = Reader::new(self, &known);
        let config = T::read(&mut reader, "", T::default());
        reader.unknown_in_file(&known);
        if reader.faults.is_empty() { Ok((config, reader.origins)) } else { Err(Faults(reader.faults)) }
    }
}

/// The layers while they are read.
#[derive(Debug)]
pub struct Reader {
    file_name: String,
    file: toml::Table,
    /// From the environment and the command line, the strongest only.
    texts: BTreeMap<String, (Origin, String)>,
    origins: BTreeMap<String, Origin>,
    faults: Vec<Fault>,
}

impl Reader {
    fn new(sources: Sources, known: &[String]) -> Reader {
        let mut reader = Reader {
            file_name: String::new(),
            file: toml::Table::new(),
            texts: BTreeMap::new(),
            origins: BTreeMap::new(),
            faults: Vec::new(),
        };
        if let Some((name, text)) = sources.file {
            match text.parse() {
                Ok(table) => reader.file = table,
                Err(error) => {
                    reader.fault(
                        "",
                        &Origin::File(name.clone()),
                        error.to_string().trim_end(),
                        String::new(),
                    );
                }
            }
            reader.file_name = name;
        }
        reader.environment(sources.environment, known);
        reader.overrides(sources.overrides, known);
        reader
    }

    fn environment(&mut self, environment: Vec<(String, String)>, known: &[String]) {
        let by_variable: BTreeMap<String, &String> = known.iter().map(|key| (variable(key), key)).collect();
        for (name, text) in environment {
            if let Some(key) = by_variable.get(&name) {
                self.texts.insert((*key).clone(), (Origin::Variable(name), text));
            } else if name.starts_with(VARIABLE_PREFIX) && !is_not_ours(&name, &text) {
                let meant = did_you_mean(&name, by_variable.keys().map(String::as_str));
                let advice = meant.map_or_else(String::new, |meant| format!("did you mean {meant}?"));
                self.fault("", &Origin::Variable(name), "it is no key of the configuration", advice);
            }
        }
    }

    fn overrides(&mut self, overrides: Vec<Override>, known: &[String]) {
        for Override { key, text, option } in overrides {
            if known.contains(&key) {
                self.texts.insert(key, (Origin::Option(option), text));
            } else {
                self.unknown(&key, Origin::Option(option), known);
            }
        }
    }

    /// Notes that there is a section at `key`, which must not be a value in the file.
    #[doc(hidden)]
    pub fn section(&mut self, key: &str) {
        let found = lookup(&self.file, key).filter(|value| !value.is_table()).map(ToString::to_string);
        if let Some(found) = found {
            let origin = Origin::File(self.file_name.clone());
            self.fault(
                key,
                &origin,
                &format!("{found} is not a section"),
                format!("write [{key}] and its keys"),
            );
        }
    }

    /// Reads one key by `FromStr`.
    #[doc(hidden)]
    pub fn text<T: FromStr>(&mut self, key: &str, kind: &str, default: T) -> T {
        self.value(key, kind, default, |raw| {
            raw.text().and_then(|text| text.parse().ok()).ok_or_else(String::new)
        })
    }

    /// Reads one key.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        kind: &str,
        default: T,
        parse: impl Fn(Raw<'_>) -> Result<T, String>,
    ) -> T {
        let (origin, shown, result) = if let Some((origin, text)) = self.texts.get(key) {
            let raw = Raw::Text(text);
            (origin.clone(), raw.show(), parse(raw))
        } else if let Some(value) = lookup(&self.file, key) {
            let raw = Raw::Toml(value);
            (Origin::File(self.file_name.clone()), raw.show(), parse(raw))
        } else {
            return default;
        };
        match result {
            Ok(value) => {
                self.origins.insert(key.to_owned(), origin);
                value
            }
            Err(detail) => {
                let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
                let problem = format!("{shown} does not fit{detail}");
                self.fault(key, &origin, &problem, format!("expected: {kind}"));
                default
            }
        }
    }

    /// For looking at the values of the section at `key` together.
    #[doc(hidden)]
    pub fn checks<'a>(&'a mut self, key: &'a str) -> Checks<'a> {
        Checks { reader: self, key }
    }

    fn unknown_in_file(&mut self, known: &[String]) {
        let known_set: BTreeSet<&str> = known.iter().map(String::as_str).collect();
        let mut unknown = Vec::new();
        collect_unknown(&self.file, "", &known_set, &mut unknown);
        for key in unknown {
            self.unknown(&key, Origin::File(self.file_name.clone()), known);
        }
    }

    fn unknown(&mut self, key: &str, origin: Origin, known: &[String]) {
        let meant = did_you_mean(key, known.iter().map(String::as_str)).or_else(|| {
            // A key that was put into the wrong section.
            let name = key.rsplit('.').next();
            known.iter().map(String::as_str).find(|known| known.rsplit('.').next() == name)
        });
        let advice = meant.map_or_else(String::new, |meant| format!("did you mean {meant}?"));
        self.fault(key, &origin, "there is no such key", advice);
    }

    fn fault(&mut self, key: &str, origin: &Origin, problem: &str, allowed: String) {
        self.faults.push(Fault {
            key: key.to_owned(),
            origin: origin.clone(),
            problem: problem.to_owned(),
            allowed,
        });
    }
}

/// Where a section says what is wrong with its values together.
#[derive(Debug)]
pub struct Checks<'a> {
    reader: &'a mut Reader,
    key: &'a str,
}

impl Checks<'_> {
    /// Where `holds` is false, `field` is a fault, and `expected` says what it must be.
    pub fn require(&mut self, holds: bool, field: &str, expected: &str) {
        if holds {
            return;
        }
        let key = join(self.key, field);
        let origin = self.reader.origins.get(&key).cloned().unwrap_or(Origin::Default);
        self.reader.fault(&key, &origin, "the value is not allowed", format!("expected: {expected}"));
    }
}

/// What the file says at that path.
fn lookup<'a>(file: &'a toml::Table, key: &str) -> Option<&'a toml::Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value = file.get(first)?;
    match rest {
        None => Some(value),
        Some(rest) => lookup(value.as_table()?, rest),
    }
}

/// Every path in the table that is neither a known key, nor inside one, nor a section.
fn collect_unknown(table: &toml::Table, path: &str, known: &BTreeSet<&str>, unknown: &mut Vec<String>) {
    for (name, value) in table {
        let key = join(path, name);
        if known.contains(key.as_str()) {
            continue;
        }
        let section =
            known.iter().any(|known| known.strip_prefix(&key).is_some_and(|rest| rest.starts_with('.')));
        match value {
            toml::Value::Table(inner) if section => collect_unknown(inner, &key, known, unknown),
            // A value in the place of a section has been reported by the section.
            _ if section => {}
            _ => unknown.push(key),
        }
    }
}

/// Variables that begin like ours but were set for other reasons: those that choose the file, those of tests, and those
/// that Kubernetes and Docker set for every service whose name begins with "oxiwhisk".
fn is_not_ours(name: &str, text: &str) -> bool {
    let service_link = name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || (name.ends_with("_PORT") && text.contains("://"));
    OTHER_VARIABLES.contains(&name) || name.starts_with("OXIWHISK_TEST_") || service_link
}

#[cfg(test)]
mod tests;
