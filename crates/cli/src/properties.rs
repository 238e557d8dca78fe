//! The properties file, and the environment above it: where the server is, and whose key to use.

use crate::failure::{Failure, Outcome};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of the file in the home directory.
const FILE: &str = ".wskprops";

/// What the properties file and the environment say.
#[derive(Clone, Debug)]
pub(crate) struct Properties {
    /// Where they were read from, and are written to.
    pub(crate) file: PathBuf,
    pub(crate) host: String,
    pub(crate) version: String,
    pub(crate) auth: String,
    pub(crate) cert: String,
    pub(crate) key: String,
    /// For the API gateway.
    pub(crate) gateway_token: String,
}

impl Properties {
    /// Reads the file, if there is one, and the environment. `WSK_CONFIG_FILE` names the file, also one that does not
    /// exist; otherwise it is `~/.wskprops`.
    pub(crate) fn load() -> Properties {
        let file = match std::env::var_os("WSK_CONFIG_FILE") {
            Some(file) => PathBuf::from(file),
            None => std::env::home_dir().unwrap_or_default().join(FILE),
        };
        let lines = read(&file);
        let line = |key: &str| lines.get(key).cloned().unwrap_or_default();
        let above = |variable: &str, key: &str| {
            std::env::var(variable).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| line(key))
        };
        let version = above("WHISK_APIVERSION", "APIVERSION");
        Properties {
            host: above("WHISK_APIHOST", "APIHOST").trim_end_matches('/').to_owned(),
            version: if version.is_empty() { "v1".to_owned() } else { version },
            auth: above("WHISK_AUTH", "AUTH"),
            cert: line("CERT"),
            key: line("KEY"),
            gateway_token: line("APIGW_ACCESS_TOKEN"),
            file,
        }
    }
}

/// The lines of a properties file. `#` begins a comment; a line that is not `KEY=VALUE` is passed over.
pub(crate) fn read(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(pair).collect()
}

/// Writes a properties file, for its owner alone: it has a key.
pub(crate) fn write(file: &Path, lines: &BTreeMap<String, String>) -> Outcome {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let text: String = lines.iter().map(|(key, value)| format!("{}={value}\n", key.to_uppercase())).collect();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::general(format!("Whisk properties file write failure: {error}")))
}

fn pair(line: &str) -> Option<(String, String)> {
    let line = line.split('#').next().unwrap_or_default();
    let (key, value) = line.split_once('=')?;
    Some((key.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_other_lines_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("props");
        std::fs::write(&file, "# mine\nAPIHOST=http://h:1 # here\nnonsense\n AUTH = a:b=c\n").unwrap();
        let lines = read(&file);
        assert_eq!(lines["APIHOST"], "http://h:1");
        assert_eq!(lines["AUTH"], "a:b=c");
        assert_eq!(lines.len(), 2);
    }
}
