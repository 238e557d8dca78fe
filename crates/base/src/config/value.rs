use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What was written for a key.
#[derive(Clone, Copy, Debug)]
pub enum Raw<'a> {
    /// In the file, with a type of its own.
    Toml(&'a toml::Value),
    /// In the environment or on the command line.
    Text(&'a str),
}

/// A value of one key.
pub trait Value: Sized {
    /// What may be written, as a noun phrase: `whole number`.
    fn kind() -> String;

    /// Reads it.
    ///
    /// # Errors
    /// What is wrong beyond "not of that kind"; often nothing.
    fn parse(raw: Raw<'_>) -> Result<Self, String>;

    /// Its form in TOML; `None` where there is nothing to write.
    fn show(&self) -> Option<String>;
}

impl<'a> Raw<'a> {
    /// The text of it, if it is one.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        match self {
            Raw::Toml(toml::Value::String(text)) => Some(text),
            Raw::Toml(_) => None,
            Raw::Text(text) => Some(text),
        }
    }

    /// What was written, for a fault.
    #[must_use]
    pub fn show(self) -> String {
        match self {
            Raw::Toml(value) => value.to_string(),
            Raw::Text(text) => quote(text),
        }
    }
}

/// A text as TOML writes it.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn kind() -> String {
                "whole number".to_owned()
            }

            fn parse(raw: Raw<'_>) -> Result<$type, String> {
                let range = || format!("it must be between {} and {}", <$type>::MIN, <$type>::MAX);
                match raw {
                    Raw::Toml(toml::Value::Integer(number)) => <$type>::try_from(*number).map_err(|_| range()),
                    Raw::Toml(_) => Err(String::new()),
                    Raw::Text(text) => {
                        let number: i128 = text.trim().parse().map_err(|_| String::new())?;
                        <$type>::try_from(number).map_err(|_| range())
                    }
                }
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

whole_numbers!(u16, u32, u64, usize);

impl Value for f64 {
    fn kind() -> String {
        "number".to_owned()
    }

    fn parse(raw: Raw<'_>) -> Result<f64, String> {
        let number = match raw {
            Raw::Toml(toml::Value::Float(number)) => Some(*number),
            Raw::Toml(toml::Value::Integer(number)) => number.to_string().parse().ok(),
            Raw::Toml(_) => None,
            Raw::Text(text) => text.trim().parse().ok(),
        };
        number.filter(|number: &f64| number.is_finite()).ok_or_else(String::new)
    }

    fn show(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }
}

impl Value for bool {
    fn kind() -> String {
        "true or false".to_owned()
    }

    fn parse(raw: Raw<'_>) -> Result<bool, String> {
        match raw {
            Raw::Toml(toml::Value::Boolean(value)) => Ok(*value),
            Raw::Text("true" | "1" | "yes" | "on") => Ok(true),
            Raw::Text("false" | "0" | "no" | "off") => Ok(false),
            Raw::Toml(_) | Raw::Text(_) => Err(String::new()),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for String {
    fn kind() -> String {
        "text".to_owned()
    }

    fn parse(raw: Raw<'_>) -> Result<String, String> {
        raw.text().map(str::to_owned).ok_or_else(String::new)
    }

    fn show(&self) -> Option<String> {
        Some(quote(self))
    }
}

impl Value for PathBuf {
    fn kind() -> String {
        "path".to_owned()
    }

    fn parse(raw: Raw<'_>) -> Result<PathBuf, String> {
        let text = raw.text().ok_or_else(String::new)?;
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(PathBuf::from(text)) }
    }

    fn show(&self) -> Option<String> {
        Some(quote(&self.to_string_lossy()))
    }
}

macro_rules! addresses {
    ($($type:ty, $kind:literal);*) => {$(
        impl Value for $type {
            fn kind() -> String {
                $kind.to_owned()
            }

            fn parse(raw: Raw<'_>) -> Result<$type, String> {
                raw.text().and_then(|text| text.trim().parse().ok()).ok_or_else(String::new)
            }

            fn show(&self) -> Option<String> {
                Some(quote(&self.to_string()))
            }
        }
    )*};
}

addresses!(IpAddr, "IP address such as \"127.0.0.1\""; SocketAddr, "IP address and port such as \"127.0.0.1:9000\"");

/// The units of durations in microseconds, the greatest first.
const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl Value for Duration {
    fn kind() -> String {
        "duration such as \"10 s\" (us, ms, s, min, h, d)".to_owned()
    }

    fn parse(raw: Raw<'_>) -> Result<Duration, String> {
        let text = raw.text().ok_or_else(|| "it needs quotes and a unit".to_owned())?.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| String::new())?;
        let unit = unit.trim();
        if unit.is_empty() {
            return Err("it needs a unit".to_owned());
        }
        let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(String::new)?;
        number.checked_mul(*micros).map(Duration::from_micros).ok_or_else(|| "it is too long".to_owned())
    }

    fn show(&self) -> Option<String> {
        let micros = u64::try_from(self.as_micros()).unwrap_or(u64::MAX);
        let unit = if micros == 0 { UNITS.get(3) } else { UNITS.iter().find(|(_, unit)| micros % unit == 0) };
        unit.map(|(name, unit)| format!("\"{} {name}\"", micros / unit))
    }
}

impl<T: Value> Value for Option<T> {
    fn kind() -> String {
        T::kind()
    }

    fn parse(raw: Raw<'_>) -> Result<Option<T>, String> {
        T::parse(raw).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }
}

impl<T: Value> Value for Vec<T> {
    fn kind() -> String {
        format!("list of: {}", T::kind())
    }

    /// A text is a TOML list in brackets, or its members with commas between them.
    fn parse(raw: Raw<'_>) -> Result<Vec<T>, String> {
        match raw {
            Raw::Toml(toml::Value::Array(members)) => {
                members.iter().map(|member| T::parse(Raw::Toml(member))).collect()
            }
            Raw::Toml(_) => Err(String::new()),
            Raw::Text(text) if text.trim_start().starts_with('[') => {
                let value: toml::Value = toml_value(text)?;
                Vec::parse(Raw::Toml(&value))
            }
            Raw::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
            Raw::Text(text) => text.split(',').map(|member| T::parse(Raw::Text(member.trim()))).collect(),
        }
    }

    fn show(&self) -> Option<String> {
        let members: Vec<String> = self.iter().filter_map(T::show).collect();
        Some(format!("[{}]", members.join(", ")))
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    fn kind() -> String {
        format!("table of: {}", T::kind())
    }

    /// A text is an inline TOML table.
    fn parse(raw: Raw<'_>) -> Result<BTreeMap<String, T>, String> {
        match raw {
            Raw::Toml(toml::Value::Table(members)) => members
                .iter()
                .map(|(name, value)| {
                    let value =
                        T::parse(Raw::Toml(value)).map_err(|fault| format!("at '{name}': {fault}"))?;
                    Ok((name.clone(), value))
                })
                .collect(),
            Raw::Toml(_) => Err(String::new()),
            Raw::Text(text) => {
                let value: toml::Value = toml_value(text)?;
                BTreeMap::parse(Raw::Toml(&value))
            }
        }
    }

    fn show(&self) -> Option<String> {
        let members: Vec<String> = self
            .iter()
            .filter_map(|(name, value)| Some(format!("{} = {}", quote(name), value.show()?)))
            .collect();
        Some(if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) })
    }
}

/// Reads one value of TOML.
fn toml_value(text: &str) -> Result<toml::Value, String> {
    let table: toml::Table = format!("value = {text}").parse().map_err(|_| String::new())?;
    table.get("value").filter(|_| table.len() == 1).cloned().ok_or_else(String::new)
}
