use crate::{Annotations, EntityName, EntityPath, FullyQualifiedName, RuleStatus, SemVer};
use serde::{Deserialize, Serialize};

/// A rule, without its status, which its trigger knows (RUL-05). Its JSON is what lists show (LIST-10), and it is stored
/// as such.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// The namespace that it lives in.
    pub namespace: EntityPath,
    /// Its name.
    pub name: EntityName,
    /// What fires it.
    pub trigger: FullyQualifiedName,
    /// What it invokes.
    pub action: FullyQualifiedName,
    /// Its version.
    pub version: SemVer,
    /// Stored, without effect.
    pub publish: bool,
    /// Its annotations.
    pub annotations: Annotations,
    /// When it was written last, in milliseconds since 1970 (NAME-08).
    pub updated: u64,
}

impl Rule {
    /// Its whole name.
    #[must_use]
    pub fn fully_qualified_name(&self) -> FullyQualifiedName {
        FullyQualifiedName::new(self.namespace.clone(), self.name.clone())
    }
}

/// A rule as clients read it (RUL-04).
#[derive(Clone, Debug, Serialize)]
pub struct RuleWithStatus {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// Whether it fires.
    pub status: RuleStatus,
}

/// The body of a rule's PUT (RUL-01): everything may be left out, and what is not known is ignored.
#[derive(Debug, Default, Deserialize)]
pub struct RulePut {
    /// Needed at creation (RUL-02).
    #[serde(default)]
    pub trigger: Option<FullyQualifiedName>,
    /// Needed at creation (RUL-02).
    #[serde(default)]
    pub action: Option<FullyQualifiedName>,
    /// In place of the next patch version.
    #[serde(default)]
    pub version: Option<SemVer>,
    /// See [`Rule::publish`].
    #[serde(default)]
    pub publish: Option<bool>,
    /// Replaces the old ones as a whole.
    #[serde(default)]
    pub annotations: Option<Annotations>,
}

/// The body of a rule's POST (RUL-08).
#[derive(Debug, Deserialize)]
pub struct RulePost {
    status: String,
}

impl RulePost {
    /// The status that is asked for; blanks around it do not count.
    ///
    /// # Errors
    /// The text of RUL-08 when it is neither `active` nor `inactive`.
    pub fn status(&self) -> Result<RuleStatus, String> {
        match self.status.trim() {
            "active" => Ok(RuleStatus::Active),
            "inactive" => Ok(RuleStatus::Inactive),
            other => Err(format!("{other} is not a recognized rule state")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rul_04_list_10_a_rule_shows_its_ends_as_objects() {
        let text = r#"{"namespace":"ns","name":"r","trigger":{"path":"ns","name":"t"},"action":{"path":"ns/p","name":"a"},"version":"0.0.1","publish":false,"annotations":[{"key":"k","value":{"n":1.0}}],"updated":1"#;
        let rule: Rule = serde_json::from_str(&format!("{text}}}")).unwrap();
        assert_eq!(serde_json::to_string(&rule).unwrap(), format!("{text}}}"));
        let shown = RuleWithStatus { rule, status: RuleStatus::Active };
        assert_eq!(serde_json::to_string(&shown).unwrap(), format!(r#"{text},"status":"active"}}"#));
    }

    #[test]
    fn rul_01_the_ends_are_texts_or_objects() {
        let put: RulePut =
            serde_json::from_str(r#"{"trigger":"/_/t","action":{"path":"ns/p","name":"a"}}"#).unwrap();
        assert_eq!(put.trigger.unwrap().to_string(), "_/t");
        assert_eq!(put.action.unwrap().to_string(), "ns/p/a");
    }

    #[test]
    fn rul_08_two_words_are_a_status() {
        let status = |text: &str| serde_json::from_str::<RulePost>(text).unwrap().status();
        assert_eq!(status(r#"{"status":" active "}"#), Ok(RuleStatus::Active));
        assert_eq!(status(r#"{"status":"inactive"}"#), Ok(RuleStatus::Inactive));
        assert_eq!(status(r#"{"status":"ACTIVE"}"#), Err("ACTIVE is not a recognized rule state".to_owned()));
    }
}
