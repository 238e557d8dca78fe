//! APIs as rows: one for each verb of each path (GW-19).

use crate::console::Console;
use client::{ApiFilter, Apis, SwaggerTarget};

/// Wider columns are cut, so that a URL can be seen beside them.
const ACTION_WIDTH: usize = 40;
const NAME_WIDTH: usize = 30;

/// One verb of one path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    action: String,
    name: String,
    base: String,
    path: String,
    verb: &'static str,
    url: String,
}

/// The rows of what is asked for.
pub(super) fn rows(apis: &Apis, part: &ApiFilter, sorted: bool) -> Vec<Row> {
    let wanted = |given: &Option<String>, it: &str| given.as_ref().is_none_or(|given| given == it);
    let verb = part.verb.as_ref().map(|verb| verb.to_lowercase());
    let mut rows = Vec::new();
    for api in apis.apis.iter().filter_map(|entry| entry.value.as_ref()) {
        let Some(document) = &api.apidoc else { continue };
        for (path, operations) in document.paths.iter().flatten() {
            for (own_verb, operation) in operations.operations() {
                if wanted(&part.path, path) && wanted(&verb, own_verb) {
                    rows.push(Row {
                        action: operation.target.as_ref().map(SwaggerTarget::to_string).unwrap_or_default(),
                        name: document.info.as_ref().map(|info| info.title.clone()).unwrap_or_default(),
                        base: document.base_path.clone(),
                        path: path.clone(),
                        verb: own_verb,
                        url: format!("{}{path}", without_slash(&api.gw_api_url)),
                    });
                }
            }
        }
    }
    if sorted {
        rows.sort_by_key(|row| format!("{}{}{}", row.base, row.path, row.verb).to_lowercase());
    }
    rows
}

/// A URL or path without the one `/` at its end.
pub(super) fn without_slash(text: &str) -> &str {
    text.strip_suffix('/').unwrap_or(text)
}

/// The rows below their header, or a block of lines for each.
pub(super) fn text(rows: &[Row], full: bool, console: Console) -> String {
    if full {
        return match rows {
            [] => "\n".to_owned(),
            rows => rows.iter().map(block).collect(),
        };
    }
    let width = |column: fn(&Row) -> &str, least: &str, most: usize| {
        let widest = rows.iter().map(|row| column(row).chars().count()).max().unwrap_or_default();
        widest.max(least.len()).min(most)
    };
    // Upstream's widths where there is nothing to measure.
    let (actions, names) = match rows {
        [] => (30, 20),
        _ => (
            width(|row| &row.action, "Action", ACTION_WIDTH),
            width(|row| &row.name, "API Name", NAME_WIDTH) + 1,
        ),
    };
    let line = |action: &str, verb: &str, name: &str, url: &str| {
        let action: String = action.chars().take(ACTION_WIDTH).collect();
        let name: String = name.chars().take(NAME_WIDTH).collect();
        format!("{action:<actions$} {verb:>7} {name:>names$}  {url}")
    };
    let mut text = format!("{}\n", console.bold(line("Action", "Verb", "API Name", "URL")));
    for row in rows {
        text.push_str(&line(&row.action, row.verb, &row.name, &row.url));
        text.push('\n');
    }
    text
}

fn block(row: &Row) -> String {
    format!(
        "Action: {}\n   API Name: {}\n   Base path: {}\n   Path: {}\n   Verb: {}\n   URL: {}\n",
        row.action, row.name, row.base, row.path, row.verb, row.url
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn apis() -> Apis {
        let leads_to = |package: &str| {
            json!({
                "operationId": "x",
                "x-openwhisk": {"namespace": "ns", "package": package, "action": "a", "url": "u"},
            })
        };
        serde_json::from_value(json!({"apis": [{"value": {
            "gwApiUrl": "http://gw/b/",
            "apidoc": {
                "basePath": "/b",
                "info": {"title": "books"},
                "paths": {"/z": {"get": leads_to("")}, "/c": {"put": leads_to("p"), "get": {"operationId": "y"}}},
            },
        }}]}))
        .unwrap()
    }

    #[test]
    fn gw_19_every_verb_of_every_path_is_a_row() {
        let text = |part: &ApiFilter, full| text(&rows(&apis(), part, true), full, Console::plain());
        assert_eq!(
            text(&ApiFilter::default(), false),
            "Action     Verb  API Name  URL\n            get     books  http://gw/b/c\n\
             /ns/p/a     put     books  http://gw/b/c\n/ns/a       get     books  http://gw/b/z\n"
        );
        let part =
            ApiFilter { path: Some("/c".to_owned()), verb: Some("PUT".to_owned()), ..ApiFilter::default() };
        assert_eq!(
            text(&part, true),
            "Action: /ns/p/a\n   API Name: books\n   Base path: /b\n   Path: /c\n   Verb: put\n   URL: http://gw/b/c\n"
        );
    }
}
