use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use types::{ContainerId, RuntimeManifest, StemCell};

/// How an invoker keeps its containers.
#[derive(Clone, Debug)]
pub struct Config {
    /// The sum of the memory of all containers, stem cells and those that are being removed included, in MB (POOL-06).
    pub memory: u64,
    /// The first id to give to a container. A restarted invoker must begin above all ids that it ever gave.
    pub first_container: ContainerId,
    /// The stem cells to keep.
    pub stem_cells: Vec<StemCells>,
    /// How many containers may be starting at a time, so that those that run keep the processors; at least one. Orders
    /// beyond that wait, and queues take turns.
    pub concurrent_starts: usize,
    /// Whether a stem cell with more memory than is asked for may be taken where there is none of the right size.
    pub promotion: bool,
    /// How long after one stem cell was taken or made the next one is begun, so that making them does not disturb what
    /// the taken one runs.
    pub stem_cell_delay: Duration,
    /// How often stem cells are counted, given a new target, expired, and tried again after failures (POOL-04).
    pub check_interval: Duration,
}

/// Stem cells of one kind and size (POOL-04).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StemCells {
    /// The kind of runtime.
    pub kind: Arc<str>,
    /// The memory of each, in MB.
    pub memory: u64,
    /// How many, until the first check.
    pub initial: u32,
    /// How the number follows demand; `None`: it does not.
    pub reactive: Option<Reactive>,
}

/// How the number of stem cells follows the cold starts between two checks: for every `threshold` of them `increment`
/// stem cells, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reactive {
    /// At least as many.
    pub min: u32,
    /// At most as many.
    pub max: u32,
    /// How old one must be to be removed when there are more than are needed.
    pub ttl: Duration,
    /// At least one.
    pub threshold: u32,
    /// How many for each threshold.
    pub increment: u32,
}

/// A time to live in the manifest that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtlError {
    /// Which kind.
    pub kind: String,
    /// What stands there.
    pub ttl: String,
}

impl std::error::Error for TtlError {}

impl fmt::Display for TtlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the ttl '{}' of the stem cells of '{}' is not a duration; write a whole number and a unit, such as \"2 minutes\"",
            self.ttl, self.kind
        )
    }
}

impl Default for Config {
    /// Upstream's values (POOL-06, A14), without stem cells.
    fn default() -> Config {
        Config {
            memory: 1024,
            first_container: ContainerId(1),
            stem_cells: Vec::new(),
            concurrent_starts: 8,
            promotion: false,
            stem_cell_delay: Duration::from_millis(200),
            check_interval: Duration::from_secs(600),
        }
    }
}

impl StemCells {
    /// What a manifest asks for.
    ///
    /// # Errors
    /// The first time to live that is not a duration.
    pub fn of(manifest: &RuntimeManifest) -> Result<Vec<StemCells>, TtlError> {
        let mut all = Vec::new();
        for runtime in manifest.all().filter(|runtime| !runtime.deprecated) {
            for cell in &runtime.stem_cells {
                all.push(StemCells {
                    kind: runtime.kind.clone(),
                    memory: cell.memory.as_mb(),
                    initial: cell.initial_count,
                    reactive: reactive(&runtime.kind, cell)?,
                });
            }
        }
        Ok(all)
    }

    /// How many are needed after `misses` cold starts since the last check.
    pub(super) fn target(&self, misses: u32) -> u32 {
        match &self.reactive {
            None => self.initial,
            Some(rule) => {
                let steps = misses / rule.threshold.max(1);
                steps.saturating_mul(rule.increment).clamp(rule.min, rule.max.max(rule.min))
            }
        }
    }
}

fn reactive(kind: &str, cell: &StemCell) -> Result<Option<Reactive>, TtlError> {
    let Some(rule) = &cell.reactive else { return Ok(None) };
    let ttl = duration(&rule.ttl).ok_or_else(|| TtlError { kind: kind.to_owned(), ttl: rule.ttl.clone() })?;
    Ok(Some(Reactive {
        min: rule.min_count,
        max: rule.max_count,
        ttl,
        threshold: rule.threshold,
        increment: rule.increment,
    }))
}

/// Reads `2 minutes`, `30s` and the like.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_04_the_number_follows_the_misses_within_bounds() {
        let rule = Reactive { min: 1, max: 4, ttl: Duration::from_secs(1), threshold: 2, increment: 2 };
        let cells = StemCells { kind: Arc::from("nodejs:20"), memory: 256, initial: 3, reactive: Some(rule) };
        let targets: Vec<u32> = (0..7).map(|misses| cells.target(misses)).collect();
        assert_eq!(targets, [1, 1, 2, 2, 4, 4, 4]);
        let fixed = StemCells { reactive: None, ..cells };
        assert_eq!(fixed.target(100), 3);
    }

    #[test]
    fn e3_11_the_reactive_block_of_the_manifest_is_not_lost() {
        let text = r#"{"runtimes":{"nodejs":[{"kind":"nodejs:20","default":true,"stemCells":[
            {"initialCount":2,"memory":"256 MB","reactive":{"minCount":1,"maxCount":4,"ttl":"2 minutes",
            "threshold":1,"increment":1}}]}]}}"#;
        let cells = StemCells::of(&RuntimeManifest::parse(text).unwrap()).unwrap();
        let rule = Reactive { min: 1, max: 4, ttl: Duration::from_secs(120), threshold: 1, increment: 1 };
        let expected =
            StemCells { kind: Arc::from("nodejs:20"), memory: 256, initial: 2, reactive: Some(rule) };
        assert_eq!(cells, [expected]);
        let bad = StemCells::of(&RuntimeManifest::parse(&text.replace("2 minutes", "soon")).unwrap());
        assert_eq!(bad.unwrap_err().ttl, "soon");
    }
}
