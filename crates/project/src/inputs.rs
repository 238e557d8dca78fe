//! Inputs: their values, from what is written, what overrides it, and the environment.

use crate::environment::{interpolate, sole_variable};
use crate::manifest::{Described, Input, Inputs};
use serde_json::{Map, Value, json};

/// Where values come from besides the manifest.
pub(crate) struct Sources<'a> {
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Of the project and the package: a variable that is not set may be the name of one.
    pub(crate) above: &'a Map<String, Value>,
    /// Of the command line: they win where an input has their name.
    pub(crate) overrides: &'a Map<String, Value>,
}

/// The values of inputs.
///
/// # Errors
/// When a type is none, a value is not of its type, or a required input has no value.
pub(crate) fn values(inputs: &Inputs, sources: &Sources<'_>) -> Result<Map<String, Value>, String> {
    let value = |(name, input): (&String, &Input)| {
        let value = match sources.overrides.get(name) {
            Some(value) => value.clone(),
            None => value(input, sources).map_err(|reason| format!("inputs.{name}: {reason}"))?,
        };
        Ok((name.clone(), value))
    };
    inputs.iter().map(value).collect()
}

fn value(input: &Input, sources: &Sources<'_>) -> Result<Value, String> {
    match input {
        // The name of a type stands for its default.
        Input::Plain(Value::String(text)) if default_of(text).is_some() => {
            Ok(default_of(text).unwrap_or_default())
        }
        Input::Plain(value) => Ok(replaced(value, sources)),
        Input::Described(described) => self::described(described, sources),
    }
}

fn described(input: &Described, sources: &Sources<'_>) -> Result<Value, String> {
    let kind = input.kind.as_deref().map(normal);
    let default = match kind {
        Some(kind) => default_of(kind)
            .ok_or_else(|| format!("the type is string, integer, float, boolean or json, not '{kind}'"))?,
        None => Value::Null,
    };
    let Some(written) = input.value.as_ref().or(input.default.as_ref()) else {
        return if input.required { Err("it is required, and has no value".to_owned()) } else { Ok(default) };
    };
    let value = replaced(written, sources);
    let Some(kind) = kind else { return Ok(value) };
    // What came out of the environment is text, whatever it is meant to be.
    let typed = match (&value, kind) {
        (Value::String(text), "integer" | "float" | "boolean" | "json") if text.is_empty() => Some(default),
        (Value::String(text), "integer") => text.trim().parse().ok().map(|number: i64| json!(number)),
        (Value::String(text), "float") => text.trim().parse().ok().map(|number: f64| json!(number)),
        (Value::String(text), "boolean") => text.trim().parse().ok().map(|truth: bool| json!(truth)),
        (Value::String(text), "json") => serde_json::from_str(text).ok(),
        _ => Some(value.clone()),
    };
    typed.ok_or_else(|| format!("{value} is no {kind}"))
}

/// The names of types that mean the same.
fn normal(kind: &str) -> &str {
    match kind {
        "int" | "number" => "integer",
        "bool" => "boolean",
        "map" | "object" | "array" | "slice" => "json",
        other => other,
    }
}

fn default_of(kind: &str) -> Option<Value> {
    match kind {
        "string" => Some(json!("")),
        "integer" => Some(json!(0)),
        "float" => Some(json!(0.0)),
        "boolean" => Some(json!(false)),
        "json" => Some(json!({})),
        _ => None,
    }
}

/// A value with the variables in its texts replaced.
fn replaced(value: &Value, sources: &Sources<'_>) -> Value {
    match value {
        Value::String(text) => {
            let plain = interpolate(text, sources.variable);
            match sole_variable(text).and_then(|name| sources.above.get(name)) {
                Some(above) if plain.is_empty() => above.clone(),
                _ => Value::String(plain),
            }
        }
        Value::Array(values) => values.iter().map(|value| replaced(value, sources)).collect(),
        Value::Object(fields) => {
            let replaced = fields.iter().map(|(name, value)| (name.clone(), replaced(value, sources)));
            Value::Object(replaced.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values_of(yaml: &str) -> Result<Map<String, Value>, String> {
        let inputs: Inputs = serde_norway::from_str(yaml).unwrap();
        let variable = |name: &str| (name == "N").then(|| "7".to_owned());
        let above = Map::from_iter([("REGION".to_owned(), json!("eu"))]);
        let overrides = Map::from_iter([("over".to_owned(), json!("ridden"))]);
        values(&inputs, &Sources { variable: &variable, above: &above, overrides: &overrides })
    }

    #[test]
    fn every_form_of_an_input_has_its_value() {
        let yaml = r#"
plain: text
number: 5
type: integer
env: $N
missing: $NONE
package: ${REGION}
over: x
deep: {a: ["${N}", true]}
typed: {type: integer, value: $N}
json: {type: json, value: '{"a": 1}'}
default: {type: string, default: d}
empty: {type: boolean}
"#;
        let expected = json!({
            "plain": "text", "number": 5, "type": 0, "env": "7", "missing": "", "package": "eu", "over": "ridden",
            "deep": {"a": ["7", true]}, "typed": 7, "json": {"a": 1}, "default": "d", "empty": false
        });
        assert_eq!(Value::Object(values_of(yaml).unwrap()), expected);
    }

    #[test]
    fn values_that_are_not_of_their_type_are_refused() {
        for (yaml, part) in [
            ("a: {type: integer, value: x}", "no integer"),
            ("a: {type: date, value: x}", "not 'date'"),
            ("a: {type: string, required: true}", "required"),
        ] {
            let error = values_of(yaml).unwrap_err();
            assert!(error.starts_with("inputs.a: ") && error.contains(part), "{error}");
        }
    }
}
