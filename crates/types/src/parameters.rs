use crate::json::{self, Raw};
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;

/// One default parameter of an action, package or trigger (ACT-05).
#[derive(Clone, Debug, Serialize)]
pub struct Parameter {
    /// Its name.
    pub key: Arc<str>,
    /// Its value.
    pub value: Raw,
    /// Given in the environment at initialisation, and not with each run (RUN-10).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub init: bool,
    /// The name of the cipher that the value is locked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Arc<str>>,
}

/// That a member of an activation's arguments is locked: it comes from a parameter that is stored so, and is unlocked
/// only where the code runs (RUN-11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The member's name.
    pub key: Arc<str>,
    /// The name of the cipher.
    pub cipher: Arc<str>,
}

/// Default parameters in the order they were given; a name stands once.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Parameters(Vec<Parameter>);

impl Parameters {
    /// No parameters.
    #[must_use]
    pub const fn new() -> Parameters {
        Parameters(Vec::new())
    }

    /// The parameters in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parameter of that name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Parameter> {
        self.0.iter().find(|parameter| &*parameter.key == key)
    }

    /// Sets one parameter, in place of an earlier one of its name.
    pub fn set(&mut self, parameter: Parameter) {
        match self.0.iter_mut().find(|old| old.key == parameter.key) {
            Some(old) => *old = parameter,
            None => self.0.push(parameter),
        }
    }

    /// These parameters, overlaid with `over` (INV-11).
    #[must_use]
    pub fn overlaid(&self, over: &Parameters) -> Parameters {
        let mut merged = self.clone();
        for parameter in &over.0 {
            merged.set(parameter.clone());
        }
        merged
    }

    /// The sum of the bytes of keys and values (LIM-01).
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.iter().map(|p| (p.key.len() + p.value.get().len()) as u64).sum()
    }
}

impl FromIterator<Parameter> for Parameters {
    fn from_iter<I: IntoIterator<Item = Parameter>>(parameters: I) -> Parameters {
        let mut all = Parameters::new();
        for parameter in parameters {
            all.set(parameter);
        }
        all
    }
}

/// What a client may write; anything else is `parameters malformed!` (ACT-05).
#[derive(Deserialize)]
struct Wire {
    key: String,
    #[serde(default)]
    value: Option<Box<serde_json::value::RawValue>>,
    #[serde(default)]
    init: bool,
    #[serde(default)]
    encryption: Option<String>,
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parameters, D::Error> {
        let malformed = |_| serde::de::Error::custom("parameters malformed!");
        let wires = Vec::<Wire>::deserialize(deserializer).map_err(malformed)?;
        let parameter = |wire: Wire| Parameter {
            key: Arc::from(wire.key),
            value: wire.value.map_or_else(|| json::raw(&()), |value| Raw::from(&*value)),
            init: wire.init,
            encryption: wire.encryption.map(Arc::from),
        };
        Ok(wires.into_iter().map(parameter).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn act_05_parameters_are_arrays_of_key_and_value() {
        let given = r#"[{"key":"a","value":{"x": 1.0}},{"key":"b","value":null,"init":true}]"#;
        let parameters: Parameters = serde_json::from_str(given).unwrap();
        let written = serde_json::to_string(&parameters).unwrap();
        assert_eq!(written, r#"[{"key":"a","value":{"x":1.0}},{"key":"b","value":null,"init":true}]"#);
        for bad in [r#"{"a":1}"#, "[1]", r#"[{"value":1}]"#, r#"[{"key":1,"value":1}]"#, "\"x\""] {
            let error = serde_json::from_str::<Parameters>(bad).unwrap_err();
            assert!(error.to_string().starts_with("parameters malformed!"), "{bad}: {error}");
        }
    }

    #[test]
    fn inv_11_the_later_layer_wins() {
        let below: Parameters =
            serde_json::from_str(r#"[{"key":"a","value":1},{"key":"b","value":2}]"#).unwrap();
        let above: Parameters = serde_json::from_str(r#"[{"key":"b","value":3}]"#).unwrap();
        let merged = below.overlaid(&above);
        assert_eq!(
            serde_json::to_string(&merged).unwrap(),
            r#"[{"key":"a","value":1},{"key":"b","value":3}]"#
        );
        assert_eq!(merged.size(), 4);
    }
}
