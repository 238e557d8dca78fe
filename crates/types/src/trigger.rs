use crate::{Annotations, EntityName, EntityPath, FullyQualifiedName, Parameters, SemVer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A trigger (TRG-02). Its JSON is what clients read, and it is stored as such.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trigger {
    /// The namespace that it lives in.
    pub namespace: EntityPath,
    /// Its name.
    pub name: EntityName,
    /// Parameters for every action that it fires (TRG-10).
    pub parameters: Parameters,
    /// Nothing yet.
    pub limits: TriggerLimits,
    /// Its version.
    pub version: SemVer,
    /// Stored, without effect.
    pub publish: bool,
    /// Its annotations.
    pub annotations: Annotations,
    /// When it was written last, in milliseconds since 1970 (NAME-08).
    pub updated: u64,
    /// What fires with it (TRG-03).
    #[serde(default, skip_serializing_if = "RuleLinks::is_empty")]
    pub rules: RuleLinks,
}

impl Trigger {
    /// Its whole name.
    #[must_use]
    pub fn fully_qualified_name(&self) -> FullyQualifiedName {
        FullyQualifiedName::new(self.namespace.clone(), self.name.clone())
    }
}

/// The limits of a trigger: an object without members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerLimits {}

/// The rules of a trigger, by their names. As JSON it is an object with `ns/rule` as keys (TRG-03).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleLinks(pub BTreeMap<FullyQualifiedName, RuleLink>);

impl RuleLinks {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether that rule fires; one that is not here does not (RUL-07).
    #[must_use]
    pub fn status(&self, rule: &FullyQualifiedName) -> RuleStatus {
        self.0.get(rule).map_or(RuleStatus::Inactive, |link| link.status)
    }

    /// Whether firing does anything (TRG-08).
    #[must_use]
    pub fn any_active(&self) -> bool {
        self.0.values().any(|link| link.status == RuleStatus::Active)
    }
}

impl Serialize for RuleLinks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(rule, link)| (rule.to_string(), link)))
    }
}

impl<'de> Deserialize<'de> for RuleLinks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RuleLinks, D::Error> {
        let links = BTreeMap::<String, RuleLink>::deserialize(deserializer)?;
        let named = |(rule, link): (String, RuleLink)| Ok((FullyQualifiedName::parse(&rule)?, link));
        let links: Result<_, crate::NameError> = links.into_iter().map(named).collect();
        links.map(RuleLinks).map_err(serde::de::Error::custom)
    }
}

/// What a trigger knows of one of its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLink {
    /// What it invokes.
    pub action: FullyQualifiedName,
    /// Whether it does.
    pub status: RuleStatus,
}

/// Whether a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleStatus {
    /// It does.
    Active,
    /// It does not.
    Inactive,
}

/// The body of a trigger's PUT (TRG-01): everything may be left out, and what is not known is ignored.
#[derive(Debug, Default, Deserialize)]
pub struct TriggerPut {
    /// Replaces the old ones as a whole (TRG-04).
    #[serde(default)]
    pub parameters: Option<Parameters>,
    /// See [`Trigger::limits`].
    #[serde(default)]
    pub limits: Option<TriggerLimits>,
    /// In place of the next patch version.
    #[serde(default)]
    pub version: Option<SemVer>,
    /// See [`Trigger::publish`].
    #[serde(default)]
    pub publish: Option<bool>,
    /// Replaces the old ones as a whole (TRG-04).
    #[serde(default)]
    pub annotations: Option<Annotations>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = r#"{"namespace":"ns","name":"t","parameters":[],"limits":{},"version":"0.0.1","publish":false,"annotations":[],"updated":1"#;

    #[test]
    fn trg_02_trg_03_a_trigger_reads_as_it_was_written() {
        let linked = format!(
            r#"{BARE},"rules":{{"ns/r":{{"action":{{"path":"other/p","name":"a"}},"status":"inactive"}}}}}}"#
        );
        for text in [format!("{BARE}}}"), linked] {
            let trigger: Trigger = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&trigger).unwrap(), text);
            assert!(!trigger.rules.any_active());
        }
    }

    #[test]
    fn trg_01_the_limits_of_a_trigger_are_an_object() {
        assert!(serde_json::from_str::<TriggerPut>(r#"{"limits":{"x":1},"unknown":2}"#).is_ok());
        assert!(serde_json::from_str::<TriggerPut>(r#"{"limits":7}"#).is_err());
    }
}
