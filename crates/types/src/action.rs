use crate::{
    ActionLimits, Annotations, EntityName, EntityPath, Exec, FullyQualifiedName, Parameters, SemVer,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An action (ACT-04). Its JSON is what clients read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Action {
    /// Where it lives: `ns` or `ns/pkg`.
    pub namespace: EntityPath,
    /// Its name.
    pub name: EntityName,
    /// What it runs.
    pub exec: Exec,
    /// Its default parameters.
    pub parameters: Parameters,
    /// Its limits.
    pub limits: ActionLimits,
    /// Its version.
    pub version: SemVer,
    /// Stored, without effect (ACT-08).
    pub publish: bool,
    /// Its annotations.
    pub annotations: Annotations,
    /// When it was written last, in milliseconds since 1970 (NAME-08).
    pub updated: u64,
}

impl Action {
    /// Its whole name.
    #[must_use]
    pub fn fully_qualified_name(&self) -> FullyQualifiedName {
        FullyQualifiedName::new(self.namespace.clone(), self.name.clone())
    }
}

/// The body of an action's PUT (ACT-01): everything may be left out, and what is not known is ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionPut {
    /// Read by [`Exec::from_request`] once the runtimes are known.
    #[serde(default)]
    pub exec: Option<Box<RawValue>>,
    /// Replaces the old ones as a whole (ACT-22).
    #[serde(default)]
    pub parameters: Option<Parameters>,
    /// Filled up from the defaults, or from the old action (ACT-07).
    #[serde(default)]
    pub limits: Option<LimitsPut>,
    /// In place of the next patch version.
    #[serde(default)]
    pub version: Option<SemVer>,
    /// See [`Action::publish`].
    #[serde(default)]
    pub publish: Option<bool>,
    /// Laid over the old ones (ACT-21).
    #[serde(default)]
    pub annotations: Option<Annotations>,
    /// Keys taken out of the old ones first (ACT-21).
    #[serde(default)]
    pub del_annotations: Option<Vec<String>>,
}

/// Limits of which some may be missing (ACT-07, ACT-37). Values are kept as text so that a wrong one is refused in the
/// words of LIM-09.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LimitsPut {
    /// Milliseconds.
    #[serde(default)]
    pub timeout: Option<Box<RawValue>>,
    /// MB.
    #[serde(default)]
    pub memory: Option<Box<RawValue>>,
    /// MB.
    #[serde(default)]
    pub logs: Option<Box<RawValue>>,
    /// Activations in one container at a time.
    #[serde(default)]
    pub concurrency: Option<Box<RawValue>>,
    /// Containers.
    #[serde(default)]
    pub instances: Option<Box<RawValue>>,
}

impl LimitsPut {
    /// These limits laid over `below`.
    ///
    /// # Errors
    /// The text of LIM-09 for the first one that is not a whole number.
    pub fn over(&self, below: ActionLimits) -> Result<ActionLimits, String> {
        let count = |given: &Option<Box<RawValue>>, name, below: u32| {
            let value = whole(given.as_deref(), name, u64::from(below))?;
            u32::try_from(value).map_err(|_| format!("{name} limit must be whole number"))
        };
        Ok(ActionLimits {
            timeout: whole(self.timeout.as_deref(), "time", below.timeout)?,
            memory: whole(self.memory.as_deref(), "memory", below.memory)?,
            logs: whole(self.logs.as_deref(), "log", below.logs)?,
            concurrency: count(&self.concurrency, "concurrency", below.concurrency)?,
            instances: match &self.instances {
                None => below.instances,
                given @ Some(_) => Some(count(given, "instances", 0)?),
            },
        })
    }
}

/// A whole number, or the one below where none was given.
fn whole(given: Option<&RawValue>, name: &str, below: u64) -> Result<u64, String> {
    let Some(given) = given else { return Ok(below) };
    let text = given.get();
    if let Ok(value) = text.parse::<u64>() {
        return Ok(value);
    }
    match text.parse::<f64>() {
        // A negative number is a number, and is below every threshold.
        Ok(value) if value < 0.0 && value.fract() == 0.0 => Ok(0),
        Ok(_) => Err(format!("{name} limit must be whole number")),
        Err(_) if text == "null" => Ok(below),
        Err(_) => Err(format!("{name} limit malformed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemLimits;

    #[test]
    fn act_07_partial_limits_are_filled_up() {
        let put: LimitsPut = serde_json::from_str(r#"{"memory":128,"unknown":1}"#).unwrap();
        let limits = put.over(SystemLimits::default().standard()).unwrap();
        let expected =
            ActionLimits { timeout: 60_000, memory: 128, logs: 10, concurrency: 1, instances: None };
        assert_eq!(limits, expected);
    }

    #[test]
    fn lim_09_limits_are_whole_numbers() {
        let error = |text: &str| {
            let put: LimitsPut = serde_json::from_str(text).unwrap();
            put.over(SystemLimits::default().standard()).unwrap_err()
        };
        assert_eq!(error(r#"{"memory":1.5}"#), "memory limit must be whole number");
        assert_eq!(error(r#"{"timeout":"x"}"#), "time limit malformed");
    }

    #[test]
    fn http_21_unknown_fields_are_ignored() {
        let put: ActionPut =
            serde_json::from_str(r#"{"exec":{"kind":"x"},"foo":1,"version":"1.0.0"}"#).unwrap();
        assert!(put.exec.is_some() && put.version.is_some());
    }
}
