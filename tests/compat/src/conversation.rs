use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A conversation: steps that are taken one after the other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// What it is about.
    pub title: String,
    /// What the server is told that it is played with, as `key=value`; not set: nothing, and any OpenWhisk will do.
    #[serde(default)]
    pub settings: Vec<String>,
    /// The steps.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// One request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The ids of the rules that it shows, such as `ACT-02 ERR-01`.
    pub rules: String,
    /// What it shows, as a sentence.
    pub shows: String,
    /// Method and target, such as `GET /api/v1`; `~` stands for `/api/v1/namespaces/_`.
    pub request: String,
    /// Who asks: `guest` (also if absent), `other`, `none`, or any other text as the value of `Authorization`.
    pub auth: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A body, sent as JSON unless `headers` gives another type.
    pub body: Option<String>,
    /// The status, or those that are right.
    pub status: Status,
    /// The shape of the body, as JSON; a body that is not JSON is compared as a text.
    pub expect: Option<String>,
    /// The shapes of headers.
    #[serde(default)]
    pub returns: BTreeMap<String, String>,
    /// Values for later steps: name and where it stands in the body.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// Whether the step is repeated until it fits: for what appears a moment later.
    #[serde(default)]
    pub eventually: bool,
}

/// One status or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Status {
    /// Just this one.
    One(u16),
    /// Any of these.
    Any(Vec<u16>),
}

impl Status {
    /// Whether it is right.
    #[must_use]
    pub fn fits(&self, status: u16) -> bool {
        match self {
            Status::One(right) => *right == status,
            Status::Any(right) => right.contains(&status),
        }
    }
}

impl Conversation {
    /// Reads a file.
    ///
    /// # Panics
    /// When it is not of the form.
    #[must_use]
    pub fn read(path: &Path) -> Conversation {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        toml::from_str(&text).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()))
    }
}

/// What `${…}` stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(BTreeMap<String, String>);

impl Words {
    /// Sets a word; a text stands for itself, anything else for its JSON.
    pub(crate) fn set(&mut self, name: &str, value: &Value) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.0.insert(name.to_owned(), text);
    }

    /// `text` with every `${word}` replaced; `${fill:N}` stands for N times the letter x.
    ///
    /// # Errors
    /// Names a word that was never set.
    pub(crate) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (word, after) = after.split_once('}').ok_or("a `${` without its end")?;
            filled.push_str(before);
            if let Some(count) = word.strip_prefix("fill:") {
                let count = count.parse().map_err(|_| format!("no number in ${{{word}}}"))?;
                filled.extend(std::iter::repeat_n('x', count));
            } else {
                filled.push_str(self.0.get(word).ok_or_else(|| format!("${{{word}}} was not set"))?);
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::Words;
    use serde_json::json;

    #[test]
    fn words_are_filled_in() {
        let mut words = Words::default();
        words.set("name", &json!("Ada"));
        words.set("list", &json!([1]));
        assert_eq!(words.fill("${name}: ${list}${fill:3}."), Ok("Ada: [1]xxx.".to_owned()));
        assert!(words.fill("${other}").is_err());
    }
}
