//! When a change is over. Editors write a file in several steps, or write another and rename it: what happens within
//! moments is one change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// How long nothing may happen before a change is over.
const QUIET: Duration = Duration::from_millis(15);
/// How long a change may go on before it is looked at all the same.
const LONGEST: Duration = Duration::from_millis(120);

/// Paths that changed, and were not looked at yet.
#[derive(Debug, Default)]
pub(super) struct Changes {
    paths: BTreeSet<PathBuf>,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Changes {
    /// Something happened to a path.
    pub(super) fn add(&mut self, path: PathBuf, now: Instant) {
        if is_passing(&path) {
            return;
        }
        self.paths.insert(path);
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// When they are to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        Some((self.last? + QUIET).min(self.first? + LONGEST))
    }

    /// They are looked at now.
    pub(super) fn take(&mut self) -> BTreeSet<PathBuf> {
        std::mem::take(self).paths
    }
}

/// What editors and tools write beside the files that count.
fn is_passing(path: &Path) -> bool {
    let ignored = [".git", ".hg", ".svn", "__pycache__", "target"];
    if path.components().any(|part| ignored.iter().any(|name| part.as_os_str() == *name)) {
        return true;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "4913"
        || name == ".DS_Store"
        || name.ends_with('~')
        || name.starts_with(".#")
        || name.starts_with('#')
        || [".swp", ".swx", ".swo", ".tmp", ".pyc"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_within_moments_is_one_change() {
        let begin = Instant::now();
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        let mut changes = Changes::default();
        assert_eq!(changes.due(), None);
        changes.add("a.js".into(), at(0));
        changes.add("b.js".into(), at(10));
        assert_eq!(changes.due(), Some(at(10) + QUIET));
        assert_eq!(changes.take(), BTreeSet::from(["a.js".into(), "b.js".into()]));
        assert_eq!(changes.due(), None);
    }

    #[test]
    fn a_change_that_does_not_end_is_looked_at_all_the_same() {
        let begin = Instant::now();
        let mut changes = Changes::default();
        for milliseconds in (0..1000).step_by(5) {
            changes.add("a.js".into(), begin + Duration::from_millis(milliseconds));
        }
        assert_eq!(changes.due(), Some(begin + LONGEST));
    }

    #[test]
    fn what_editors_leave_beside_is_passed_over() {
        for name in [".git/index", "4913", "a.js~", ".a.js.swp", ".#a.js", "d/__pycache__/x.pyc"] {
            assert!(is_passing(Path::new(name)), "{name}");
        }
        for name in ["a.js", "d/b.py", ".env", "node_modules/x/index.js"] {
            assert!(!is_passing(Path::new(name)), "{name}");
        }
    }
}
