//! Environment variables in manifests.

/// `text` with `${NAME}` anywhere, and `$NAME` where `text` begins with `$`, replaced by the values of variables; one that
/// is not set is empty. `$${NAME}` is `${NAME}` itself.
#[must_use]
pub fn interpolate(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let bare = text.starts_with('$');
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        replaced.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escaped) = rest.strip_prefix("$$")
            && braced(escaped).is_some()
        {
            let end = escaped.find('}').unwrap_or_default() + 1;
            replaced.push('$');
            replaced.push_str(&escaped[..end]);
            rest = &escaped[end..];
        } else if let Some(name) = braced(&rest[1..]) {
            replaced.push_str(&variable(name).unwrap_or_default());
            rest = &rest[name.len() + "${}".len()..];
        } else if let Some(name) = plain(&rest[1..]).filter(|_| bare) {
            replaced.push_str(&variable(name).unwrap_or_default());
            rest = &rest[name.len() + 1..];
        } else {
            replaced.push('$');
            rest = &rest[1..];
        }
    }
    replaced + rest
}

/// The name of the only variable that a text is: `$NAME` or `${NAME}`.
pub(crate) fn sole_variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    match braced(name) {
        Some(inner) if inner.len() + 2 == name.len() => Some(inner),
        _ => plain(name).filter(|plain| plain.len() == name.len()),
    }
}

/// `NAME` of `{NAME}…`
fn braced(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?;
    inner
        .split_once('}')
        .map(|(name, _)| name)
        .filter(|name| plain(name).is_some_and(|plain| plain.len() == name.len()))
}

/// The name that `text` begins with.
fn plain(text: &str) -> Option<&str> {
    let end =
        text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variable(name: &str) -> Option<String> {
        (name == "A").then(|| "value".to_owned())
    }

    #[test]
    fn variables_are_replaced_where_they_are_meant() {
        for (text, replaced) in [
            ("$A", "value"),
            ("${A}", "value"),
            ("x${A}y${A}", "xvaluey value".replace(' ', "").as_str()),
            ("$B", ""),
            ("a $A", "a $A"),
            ("$A/x", "value/x"),
            ("$${A}", "${A}"),
            ("5$", "5$"),
            ("${A", "${A"),
            ("${}", "${}"),
        ] {
            assert_eq!(interpolate(text, &variable), replaced, "{text}");
        }
        assert_eq!(sole_variable("${A}"), Some("A"));
        assert_eq!(sole_variable("$A"), Some("A"));
        assert_eq!(sole_variable("$A/x"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[$A{} é]{0,12}") {
            let _ = interpolate(&text, &variable);
            let _ = sole_variable(&text);
        }
    }
}
