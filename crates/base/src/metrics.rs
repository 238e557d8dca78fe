//! Counting, and the text in which Prometheus reads the counts.
//!
//! A counter is one atomic number, and a series is made once and then only added to: what is counted for every request
//! costs a few additions and neither a lock nor the hash of a label. The text is Prometheus' own format, version 0.0.4,
//! because it leaves names as they are; OpenMetrics would put `_total` behind names that dashboards know without it.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// The `Content-Type` of a [`Page`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A number that grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many were counted.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How values are spread. Values are whole numbers of some small unit, and shown in a greater one.
#[derive(Debug)]
pub struct Histogram {
    scale: &'static Scale,
    /// One for each bound, and one for what is above all of them.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// The buckets of a histogram.
#[derive(Debug)]
pub struct Scale {
    /// The greatest value of each bucket, in ascending order, in the small unit.
    pub bounds: &'static [u64],
    /// How many small units are one that is shown.
    pub unit: u32,
}

impl Histogram {
    /// Without values.
    #[must_use]
    pub fn new(scale: &'static Scale) -> Histogram {
        let buckets = (0..=scale.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { scale, buckets, sum: AtomicU64::new(0) }
    }

    /// Adds a value in the small unit.
    pub fn observe(&self, value: u64) {
        let at = self.scale.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }
}

/// What a family of numbers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// See [`Histogram`].
    Histogram,
}

/// The text that Prometheus reads, as it is being written.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Page {
        Page::default()
    }

    /// Begins the numbers of one name.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// One number. `labels` were made by [`labels`], or are empty.
    pub fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        match labels {
            "" => self.write(format_args!("{name} {value}\n")),
            labels => self.write(format_args!("{name}{{{labels}}} {value}\n")),
        }
    }

    /// A family of one number.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }

    /// All numbers of a histogram.
    pub fn histogram(&mut self, name: &str, labels: &str, histogram: &Histogram) {
        let unit = f64::from(histogram.scale.unit);
        let comma = if labels.is_empty() { "" } else { "," };
        let mut count = 0;
        let bounds = histogram.scale.bounds.iter().map(|bound| (to_f64(*bound) / unit).to_string());
        for (bound, bucket) in bounds.chain(["+Inf".to_owned()]).zip(&histogram.buckets) {
            count += bucket.load(Ordering::Relaxed);
            self.write(format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}\n"));
        }
        let sum = to_f64(histogram.sum.load(Ordering::Relaxed)) / unit;
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, count);
    }

    /// The whole text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a text does not fail.
        let _ = self.0.write_fmt(text);
    }
}

/// Labels in the form in which a page shows them.
#[must_use]
pub fn labels(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        for character in value.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}

/// Exact up to 2^53; what is greater loses digits that nobody can see in a graph.
#[expect(clippy::cast_precision_loss, reason = "there is no conversion without loss")]
fn to_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        static SCALE: Scale = Scale { bounds: &[5, 1000], unit: 1000 };
        let histogram = Histogram::new(&SCALE);
        [5, 6, 1000, 2500].into_iter().for_each(|value| histogram.observe(value));
        let requests = Counter::default();
        requests.add(2);
        requests.increment();
        let mut page = Page::new();
        page.single("up", Kind::Gauge, "Whether it is.", 1);
        page.family("requests_total", Kind::Counter, "Requests.");
        page.sample("requests_total", &labels(&[("path", "a\"b\\c\nd"), ("code", "200")]), requests.get());
        page.family("wait_seconds", Kind::Histogram, "Waiting.");
        page.histogram("wait_seconds", &labels(&[("who", "me")]), &histogram);
        page.histogram("wait_seconds", "", &Histogram::new(&SCALE));
        let expected = r#"# HELP up Whether it is.
# TYPE up gauge
up 1
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{path="a\"b\\c\nd",code="200"} 3
# HELP wait_seconds Waiting.
# TYPE wait_seconds histogram
wait_seconds_bucket{who="me",le="0.005"} 1
wait_seconds_bucket{who="me",le="1"} 3
wait_seconds_bucket{who="me",le="+Inf"} 4
wait_seconds_sum{who="me"} 3.511
wait_seconds_count{who="me"} 4
wait_seconds_bucket{le="0.005"} 0
wait_seconds_bucket{le="1"} 0
wait_seconds_bucket{le="+Inf"} 0
wait_seconds_sum 0
wait_seconds_count 0
"#;
        assert_eq!(page.into_text(), expected);
    }
}
