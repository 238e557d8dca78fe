//! How a client wants its invocation answered: query parameters, which are OpenWhisk's own way (INV-01), and the header
//! `Prefer` (RFC 7240).

use crate::api::{ApiError, Applied, Query, malformed, switch};
use crate::config::{Config, WaitOver};
use http::{HeaderMap, HeaderName};
use std::borrow::Cow;
use std::time::Duration;

/// RFC 7240
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// How an invocation is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// Whether to wait for its end.
    pub(super) blocking: bool,
    /// Whether only the result is wanted.
    pub(super) result_only: bool,
    /// How long to wait.
    pub(super) wait: Duration,
    /// What to answer when it has not ended by then (INV-07).
    pub(super) wait_over: WaitOver,
    /// Which preference counts, to be said in the answer.
    pub(super) applied: Option<Applied>,
}

impl Wish {
    /// Reads query and headers. What the query says counts; a preference is a hint and decides what the query leaves
    /// open, and one that is malformed counts as absent.
    pub(super) fn read(query: Query<'_>, headers: &HeaderMap, config: &Config) -> Result<Wish, ApiError> {
        let said = Said::read(query);
        let preferences = Preferences::read(headers);
        let hint = match said.blocking.as_deref() {
            None | Some("") => preferences.hint(config.max_wait),
            Some(_) => None,
        };
        let blocking = match hint {
            None => switch("blocking", said.blocking.as_deref(), false)?,
            Some(Applied::Wait(_)) => true,
            Some(Applied::RespondAsync) => false,
        };
        let result_only = switch("result", said.result.as_deref(), false)?;
        let (wait, applied) = match (said.timeout(config.max_wait)?, hint) {
            // A wait in milliseconds is more exact than the preference.
            (Some(wait), Some(Applied::Wait(_))) => (wait, None),
            (None, Some(Applied::Wait(seconds))) => (Duration::from_secs(seconds.into()), hint),
            (wait, _) => (wait.unwrap_or(config.max_wait), hint),
        };
        let wait_over = match (said.on_timeout()?, preferences.respond_async) {
            (Some(wanted), _) => wanted,
            (None, true) => WaitOver::Accepted,
            (None, false) => config.wait_over,
        };
        Ok(Wish { blocking, result_only, wait, wait_over, applied })
    }
}

/// What the query says of it.
#[derive(Debug, Default)]
struct Said<'a> {
    blocking: Option<Cow<'a, str>>,
    result: Option<Cow<'a, str>>,
    timeout: Option<Cow<'a, str>>,
    on_timeout: Option<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    /// Reads it in one go; of a parameter that stands twice the first one counts.
    fn read(query: Query<'a>) -> Said<'a> {
        let mut said = Said::default();
        for (name, value) in query.pairs() {
            let place = match &*name {
                "blocking" => &mut said.blocking,
                "result" => &mut said.result,
                "timeout" => &mut said.timeout,
                "on_timeout" => &mut said.on_timeout,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        said
    }

    /// INV-03
    fn timeout(&self, max: Duration) -> Result<Option<Duration>, ApiError> {
        let Some(text) = &self.timeout else { return Ok(None) };
        let max = u64::try_from(max.as_millis()).unwrap_or(u64::MAX);
        let millis = text.parse::<u64>().ok().filter(|millis| (1..=max).contains(millis));
        let millis = millis.ok_or_else(|| {
            malformed("timeout", &format!("Timeout must be number of milliseconds up to {max}."))
        })?;
        Ok(Some(Duration::from_millis(millis)))
    }

    fn on_timeout(&self) -> Result<Option<WaitOver>, ApiError> {
        match self.on_timeout.as_deref() {
            None => Ok(None),
            Some("202") => Ok(Some(WaitOver::Accepted)),
            Some("504") => Ok(Some(WaitOver::GatewayTimeout)),
            Some(other) => Err(malformed("on_timeout", &format!("'{other}' is neither 202 nor 504"))),
        }
    }
}

/// What the header `Prefer` says that matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Preferences {
    respond_async: bool,
    /// In seconds.
    wait: Option<u32>,
}

impl Preferences {
    /// Of a preference that stands twice the first one counts (RFC 7240, section 2).
    fn read(headers: &HeaderMap) -> Preferences {
        let mut found = Preferences::default();
        let lines = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        for preference in lines.flat_map(|line| line.split(',')) {
            // What follows a semicolon are parameters, which these two do not have.
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => found.respond_async = true,
                "wait" => found.wait = found.wait.or_else(|| value.parse().ok().filter(|wait| *wait > 0)),
                _ => {}
            }
        }
        found
    }

    /// What they come to. Both together mean to wait, and to be answered with the id then.
    fn hint(self, max: Duration) -> Option<Applied> {
        let max = u32::try_from(max.as_secs()).unwrap_or(u32::MAX).max(1);
        match (self.wait, self.respond_async) {
            (Some(wait), _) => Some(Applied::Wait(wait.min(max))),
            (None, true) => Some(Applied::RespondAsync),
            (None, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn wish(query: &str, prefer: &[&'static str]) -> Wish {
        let mut headers = HeaderMap::new();
        for value in prefer {
            headers.append("prefer", HeaderValue::from_static(value));
        }
        Wish::read(Query::new(Some(query)), &headers, &Config::default()).unwrap()
    }

    #[test]
    fn inv_01_without_a_preference_the_query_counts() {
        let seconds = Duration::from_secs;
        let plain = Wish {
            blocking: false,
            result_only: false,
            wait: seconds(60),
            wait_over: WaitOver::Accepted,
            applied: None,
        };
        assert_eq!(wish("", &[]), plain);
        let blocking = wish("blocking=true&result=true&timeout=1500&on_timeout=504", &[]);
        assert_eq!((blocking.blocking, blocking.result_only), (true, true));
        assert_eq!(
            (blocking.wait, blocking.wait_over),
            (Duration::from_millis(1500), WaitOver::GatewayTimeout)
        );
    }

    #[test]
    fn list_05_of_what_the_query_says_twice_the_first_counts() {
        let wish = wish("blocking=true&result&blocking=false&timeout=7&result=true&timeout=x", &[]);
        assert_eq!((wish.blocking, wish.result_only, wish.wait), (true, false, Duration::from_millis(7)));
    }

    #[test]
    fn a_preference_to_wait_makes_it_blocking() {
        for prefer in ["wait=5", "WAIT = \"5\"; x=y", "handling=strict, wait=5, wait=9"] {
            let wish = wish("", &[prefer]);
            assert_eq!((wish.blocking, wish.wait), (true, Duration::from_secs(5)), "{prefer}");
            assert_eq!(wish.applied, Some(Applied::Wait(5)), "{prefer}");
        }
        let long = wish("", &["wait=3600"]);
        assert_eq!((long.wait, long.applied), (Duration::from_secs(60), Some(Applied::Wait(60))));
    }

    #[test]
    fn malformed_preferences_count_as_absent() {
        for prefer in
            ["wait", "wait=", "wait=0", "wait=-1", "wait=x", "wait=99999999999", "return=minimal", ""]
        {
            let wish = wish("", &[prefer]);
            assert_eq!((wish.blocking, wish.applied), (false, None), "{prefer}");
        }
    }

    #[test]
    fn both_preferences_mean_to_wait_and_then_to_be_told_the_id() {
        let both = wish("on_timeout=504", &["respond-async", "wait=2"]);
        assert_eq!((both.blocking, both.wait_over), (true, WaitOver::GatewayTimeout), "the query counts");
        let mut config = Config { wait_over: WaitOver::GatewayTimeout, ..Config::default() };
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static("respond-async, wait=2"));
        let read = |headers: &HeaderMap, config: &Config| {
            Wish::read(Query::new(None), headers, config).unwrap().wait_over
        };
        assert_eq!(read(&headers, &config), WaitOver::Accepted);
        headers.insert("prefer", HeaderValue::from_static("wait=2"));
        assert_eq!(read(&headers, &config), WaitOver::GatewayTimeout);
        config.wait_over = WaitOver::Accepted;
        assert_eq!(read(&headers, &config), WaitOver::Accepted);
    }

    #[test]
    fn what_the_query_says_counts_more_than_a_preference() {
        let query = wish("blocking=false", &["wait=5"]);
        assert_eq!((query.blocking, query.applied), (false, None));
        let query = wish("blocking=true", &["respond-async"]);
        assert_eq!((query.blocking, query.applied), (true, None));
        let exact = wish("timeout=100", &["wait=5"]);
        assert_eq!((exact.blocking, exact.wait, exact.applied), (true, Duration::from_millis(100), None));
        let detached = wish("", &["respond-async"]);
        assert_eq!((detached.blocking, detached.applied), (false, Some(Applied::RespondAsync)));
    }

    #[test]
    fn another_answer_than_those_two_is_refused() {
        let query = Query::new(Some("on_timeout=500"));
        let error = Wish::read(query, &HeaderMap::new(), &Config::default()).unwrap_err();
        let text = "The query parameter 'on_timeout' was malformed:\n'500' is neither 202 nor 504";
        assert_eq!(error.text(), text);
    }
}
