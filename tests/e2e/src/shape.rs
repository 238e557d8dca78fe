//! Shapes: JSON in which some strings stand for what cannot be known beforehand.
//!
//! | in a shape | stands for |
//! |---|---|
//! | `"{any}"`, `"{string}"`, `"{int}"`, `"{number}"`, `"{bool}"`, `"{array}"`, `"{object}"` | any value of that type |
//! | `"{id}"` | 32 lower-case hexadecimal digits |
//! | `"{millis}"` | a time between 2020 and 2100 in milliseconds |
//! | `"{prefix:TEXT}"`, `"{contains:TEXT}"` | a string that begins with, or has in it, that text |
//! | `"{absent}"` as a member's value | the member is not there |
//! | a member named `"..."` | further members may be there |
//! | `["{unordered}", …]` | these elements in any order |
//! | `["{each}", SHAPE]` | any number of elements of that shape |
//! | `["{has}", …]` | these elements and perhaps others |
//!
//! Everything else stands for itself; an object has exactly the members that its shape has.

use serde_json::Value;

/// Says where `value` is not of the shape, or nothing.
///
/// # Errors
/// The first difference, with its path.
pub fn check(shape: &Value, value: &Value) -> Result<(), String> {
    compare(shape, value, "$")
}

/// Fails the test when `value` is not of the shape.
///
/// # Panics
/// With the first difference.
#[track_caller]
pub fn assert_shape(value: &Value, shape: &Value) {
    if let Err(difference) = check(shape, value) {
        panic!("{difference}\nin {value:#}");
    }
}

fn compare(shape: &Value, value: &Value, path: &str) -> Result<(), String> {
    let wrong = || Err(format!("{path}: {value} where {shape} was expected"));
    match (shape, value) {
        (Value::String(pattern), _) if pattern.starts_with('{') && pattern.ends_with('}') => {
            if holds(&pattern[1..pattern.len() - 1], value) { Ok(()) } else { wrong() }
        }
        (Value::Object(shapes), Value::Object(values)) => {
            for (name, shape) in shapes.iter().filter(|(name, _)| *name != "...") {
                match (shape == "{absent}", values.get(name)) {
                    (true, None) => {}
                    (true, Some(value)) => {
                        return Err(format!("{path}.{name}: {value} where nothing was expected"));
                    }
                    (false, None) => return Err(format!("{path}.{name} is not there")),
                    (false, Some(value)) => compare(shape, value, &format!("{path}.{name}"))?,
                }
            }
            let strange = values.keys().find(|name| !shapes.contains_key(*name));
            match strange {
                Some(name) if !shapes.contains_key("...") => Err(format!("{path}.{name} was not expected")),
                _ => Ok(()),
            }
        }
        (Value::Array(shapes), Value::Array(values)) => elements(shapes, values, path),
        _ if shape == value => Ok(()),
        _ => wrong(),
    }
}

fn elements(shapes: &[Value], values: &[Value], path: &str) -> Result<(), String> {
    match shapes.first().and_then(Value::as_str) {
        Some("{each}") => {
            let shape = shapes.get(1).unwrap_or(&Value::Null);
            let mut all = values.iter().enumerate();
            all.try_for_each(|(index, value)| compare(shape, value, &format!("{path}[{index}]")))
        }
        Some("{unordered}") if shapes.len() - 1 != values.len() => {
            Err(format!("{path}: {} elements where {} were expected", values.len(), shapes.len() - 1))
        }
        Some("{unordered}" | "{has}") => {
            let mut left: Vec<&Value> = values.iter().collect();
            for shape in &shapes[1..] {
                let found = left.iter().position(|value| compare(shape, value, path).is_ok());
                left.remove(found.ok_or_else(|| format!("{path}: no element is {shape}"))?);
            }
            Ok(())
        }
        _ if shapes.len() != values.len() => {
            Err(format!("{path}: {} elements where {} were expected", values.len(), shapes.len()))
        }
        _ => {
            let mut all = shapes.iter().zip(values).enumerate();
            all.try_for_each(|(index, (shape, value))| compare(shape, value, &format!("{path}[{index}]")))
        }
    }
}

fn holds(pattern: &str, value: &Value) -> bool {
    let text = value.as_str();
    match pattern {
        "any" => true,
        "string" => value.is_string(),
        "int" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "bool" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "id" => text.is_some_and(|text| {
            text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }),
        "millis" => {
            value.as_u64().is_some_and(|millis| (1_577_836_800_000..4_102_444_800_000).contains(&millis))
        }
        _ => match (pattern.split_once(':'), text) {
            (Some(("prefix", wanted)), Some(text)) => text.starts_with(wanted),
            (Some(("contains", wanted)), Some(text)) => text.contains(wanted),
            // Any other text in braces stands for itself.
            _ => text.is_some_and(|text| {
                text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) == Some(pattern)
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::json;

    #[test]
    fn what_is_the_same_or_of_the_type_fits() {
        let shape =
            json!({"a": "{int}", "b": ["{each}", "{string}"], "c": {"...": 0, "d": "{absent}"}, "e": "{id}"});
        let value = json!({"a": 1, "b": ["x"], "c": {"z": 1}, "e": "0123456789abcdef0123456789abcdef"});
        assert_eq!(check(&shape, &value), Ok(()));
    }

    #[test]
    fn every_difference_is_found() {
        for (shape, value) in [
            (json!({"a": 1}), json!({"a": 2})),
            (json!({"a": 1}), json!({"a": 1, "b": 2})),
            (json!({"a": "{int}"}), json!({"a": 1.5})),
            (json!({"a": "{absent}"}), json!({"a": null})),
            (json!(["{unordered}", 1, 2]), json!([2, 3])),
            (json!(["{unordered}", 1]), json!([1, 1])),
            (json!(["{has}", 1, 1]), json!([1, 2])),
            (json!([1]), json!([1, 2])),
            (json!("{id}"), json!("0123456789ABCDEF0123456789abcdef")),
            (json!("{prefix:ab}"), json!("ba")),
            (json!({"a": {}}), json!({"a": []})),
        ] {
            assert!(check(&shape, &value).is_err(), "{value} fits {shape}");
        }
    }

    #[test]
    fn order_matters_only_where_it_is_said_to() {
        assert_eq!(check(&json!(["{unordered}", 1, "{string}"]), &json!(["x", 1])), Ok(()));
        assert!(check(&json!([1, "{string}"]), &json!(["x", 1])).is_err());
    }
}
