//! Query parameters: of one that stands twice the first one counts, unknown ones are ignored (LIST-05).

use super::error::ApiError;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The most that a list shows (LIST-01).
const LIST_MAX: usize = 200;

/// What a list shows when nothing is said (LIST-01).
const LIST_DEFAULT: usize = 30;

/// The part of a request after the question mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a>(&'a str);

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many to pass over.
    pub(crate) skip: usize,
    /// How many at the most.
    pub(crate) limit: usize,
    /// Whether only their number is asked for (LIST-03).
    pub(crate) count: bool,
}

impl<'a> Query<'a> {
    pub(crate) fn new(text: Option<&'a str>) -> Query<'a> {
        Query(text.unwrap_or_default())
    }

    /// Names and values in their order; a name without a value has the empty one.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.map(|(name, value)| (decoded(name), decoded(value)))
    }

    /// The value of that name.
    pub(crate) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.pairs().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A switch (HTTP-17).
    pub(crate) fn switch(self, name: &str, otherwise: bool) -> Result<bool, ApiError> {
        switch(name, self.get(name).as_deref(), otherwise)
    }

    /// `limit`, `skip` and `count` for a collection of that name (LIST-01, LIST-02, LIST-03).
    pub(crate) fn page(self, collection: &str) -> Result<Page, ApiError> {
        let limit = match self.number("limit", collection)? {
            None => LIST_DEFAULT,
            Some(0) => LIST_MAX,
            Some(limit) => {
                usize::try_from(limit).ok().filter(|limit| *limit <= LIST_MAX).ok_or_else(|| {
                    let range = format!(
                        "The value '{limit}' is not in the range of 0 to {LIST_MAX} for {collection}."
                    );
                    malformed("limit", &range)
                })?
            }
        };
        let skip = match self.number("skip", collection)? {
            None => 0,
            Some(skip) => usize::try_from(skip).map_err(|_| {
                let sign = format!("The value '{skip}' is not greater than or equal to 0 for {collection}.");
                malformed("skip", &sign)
            })?,
        };
        Ok(Page { skip, limit, count: self.switch("count", false)? })
    }

    fn number(self, name: &str, collection: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.parse().map(Some);
        number
            .map_err(|_| malformed(name, &format!("The value '{value}' is not an integer for {collection}.")))
    }
}

/// What a switch of that name comes to when it was given that value (HTTP-17).
pub(crate) fn switch(name: &str, value: Option<&str>, otherwise: bool) -> Result<bool, ApiError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(otherwise) };
    let is_one_of = |words: [&str; 4]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    if is_one_of(["true", "yes", "on", "1"]) {
        Ok(true)
    } else if is_one_of(["false", "no", "off", "0"]) {
        Ok(false)
    } else {
        Err(malformed(name, &format!("'{value}' is not a valid Boolean value")))
    }
}

/// ERR-04
pub(crate) fn malformed(name: &str, detail: &str) -> ApiError {
    ApiError::bad_request(format!("The query parameter '{name}' was malformed:\n{detail}"))
        .because("malformed_query")
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> String {
        outcome.unwrap_err().text().to_owned()
    }

    #[test]
    fn http_17_switches_know_eight_words() {
        for (value, expected) in [
            ("true", true),
            ("yes", true),
            ("on", true),
            ("1", true),
            ("TRUE", true),
            ("false", false),
            ("no", false),
            ("off", false),
            ("0", false),
        ] {
            let query = format!("x=1&blocking={value}");
            assert_eq!(Query::new(Some(&query)).switch("blocking", !expected).unwrap(), expected, "{value}");
        }
        assert!(Query::new(None).switch("blocking", true).unwrap());
        assert_eq!(
            text(Query::new(Some("blocking=maybe")).switch("blocking", true)),
            "The query parameter 'blocking' was malformed:\n'maybe' is not a valid Boolean value"
        );
    }

    #[test]
    fn list_01_list_02_pages_have_bounds() {
        let page = |query: &str| Query::new(Some(query)).page("actions");
        assert_eq!(page("").unwrap(), Page { skip: 0, limit: 30, count: false });
        assert_eq!(page("limit=0&skip=7").unwrap(), Page { skip: 7, limit: 200, count: false });
        assert_eq!(page("limit=200&count=true").unwrap(), Page { skip: 0, limit: 200, count: true });
        let prefix = "The query parameter 'limit' was malformed:\n";
        assert_eq!(
            text(page("limit=201")),
            format!("{prefix}The value '201' is not in the range of 0 to 200 for actions.")
        );
        assert_eq!(
            text(page("limit=-1")),
            format!("{prefix}The value '-1' is not in the range of 0 to 200 for actions.")
        );
        assert_eq!(text(page("limit=x")), format!("{prefix}The value 'x' is not an integer for actions."));
        assert_eq!(
            text(page("skip=-1")),
            "The query parameter 'skip' was malformed:\nThe value '-1' is not greater than or equal to 0 for actions."
        );
    }

    #[test]
    fn values_are_decoded_and_the_first_one_counts() {
        let query = Query::new(Some("na%6De=a%2Fb+c&name=other&empty"));
        assert_eq!(query.get("name").as_deref(), Some("a/b c"));
        assert_eq!(query.get("empty").as_deref(), Some(""));
        assert_eq!(query.get("absent"), None);
    }
}
