//! What an action's annotations say of its life on the web.

use types::{Annotations, json};

/// An action that the web may call (WEB-04).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    /// Whether it gets query and body as they are (WEB-19).
    pub(super) raw: bool,
    /// Whether it answers OPTIONS and gives CORS headers itself (WEB-12).
    pub(super) custom_options: bool,
    protection: Protection,
}

/// Whom it answers (WEB-07).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Protection {
    /// Everybody.
    Open,
    /// Whoever has credentials.
    Users,
    /// Whoever knows this text.
    Secret(String),
    /// Nobody: the annotation is of a type that means nothing.
    Closed,
}

impl Export {
    /// What the annotations say; `None`: it is not for the web.
    pub(crate) fn of(annotations: &Annotations) -> Option<Export> {
        let is_true = |key: &str| annotations.get(key).is_some_and(|value| value.get() == "true");
        let protection = match annotations.get("require-whisk-auth") {
            None => Protection::Open,
            Some(value) => match (json::text(value.get()), value.get()) {
                (Some(secret), _) => Protection::Secret(secret),
                (None, "true") => Protection::Users,
                (None, "false") => Protection::Open,
                (None, number)
                    if number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) =>
                {
                    Protection::Secret(number.to_owned())
                }
                (None, _) => Protection::Closed,
            },
        };
        is_true("web-export").then(|| Export {
            raw: is_true("raw-http"),
            custom_options: is_true("web-custom-options"),
            protection,
        })
    }

    /// Whether it answers somebody with that secret (`X-Require-Whisk-Auth`), or with credentials (WEB-07).
    pub(super) fn admits(&self, secret: Option<&[u8]>, has_credentials: bool) -> bool {
        match &self.protection {
            Protection::Open => true,
            Protection::Users => has_credentials,
            Protection::Secret(expected) => secret.is_some_and(|secret| is_same(secret, expected.as_bytes())),
            Protection::Closed => false,
        }
    }
}

/// Compares in a time that does not tell how much of a guess is right.
fn is_same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given.iter().zip(expected).fold(0, |all, (given, expected)| all | (given ^ expected));
    given.len() == expected.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(annotations: &str) -> Option<Export> {
        Export::of(&serde_json::from_str(annotations).unwrap())
    }

    #[test]
    fn web_04_only_true_exports() {
        assert!(export(r#"[{"key":"web-export","value":true}]"#).is_some());
        for other in ["false", "\"true\"", "1", "null", "[true]"] {
            assert_eq!(export(&format!(r#"[{{"key":"web-export","value":{other}}}]"#)), None, "{other}");
        }
        assert_eq!(export("[]"), None);
    }

    #[test]
    fn web_12_web_19_switches_are_true_or_off() {
        let both = |value: &str| {
            let found = export(&format!(
                r#"[{{"key":"web-export","value":true}},{{"key":"raw-http","value":{value}}},{{"key":"web-custom-options","value":{value}}}]"#
            ));
            found.map(|export| (export.raw, export.custom_options))
        };
        assert_eq!(both("true"), Some((true, true)));
        for off in ["false", "\"true\"", "1"] {
            assert_eq!(both(off), Some((false, false)), "{off}");
        }
    }

    #[test]
    fn web_07_who_is_answered() {
        let admits = |protection: &str, secret: Option<&str>, credentials: bool| {
            let text = format!(
                r#"[{{"key":"web-export","value":true}},{{"key":"require-whisk-auth","value":{protection}}}]"#
            );
            export(&text).unwrap().admits(secret.map(str::as_bytes), credentials)
        };
        assert!(export(r#"[{"key":"web-export","value":true}]"#).unwrap().admits(None, false));
        assert!(admits("false", None, false));
        assert!(admits("true", None, true));
        assert!(!admits("true", Some("true"), false));
        for (protection, secret) in
            [(r#""s\u0065cret""#, "secret"), ("1234567890123456789", "1234567890123456789"), ("-1", "-1")]
        {
            assert!(admits(protection, Some(secret), false), "{protection}");
            for wrong in [None, Some(""), Some("Secret"), Some("secre"), Some("secretx"), Some("1")] {
                assert!(!admits(protection, wrong, true), "{protection} {wrong:?}");
            }
        }
        for nonsense in ["null", "[\"secret\"]", "{}"] {
            assert!(!admits(nonsense, Some("secret"), true), "{nonsense}");
        }
    }
}
