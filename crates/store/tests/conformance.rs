//! The conformance suite on what this crate brings itself.

use base::clock::SystemClock;
use oxiwhisk_store as store;
use std::time::Duration;
use store::Cached;
use store::fault::Faulty;
use store::memory::{MemoryActivationStore, MemoryArtifactStore, RecordLimits};

fn records() -> MemoryActivationStore {
    let age = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    MemoryActivationStore::new(SystemClock::shared(), RecordLimits { age, ..RecordLimits::default() })
}

mod memory_artifacts {
    use super::*;
    store::artifact_conformance!(async || (MemoryArtifactStore::new(), ()));
}

mod cached_artifacts {
    use super::*;
    store::artifact_conformance!(async || (Cached::new(MemoryArtifactStore::new(), 64 << 20), ()));
}

mod tightly_cached_artifacts {
    use super::*;
    store::artifact_conformance!(async || (Cached::new(MemoryArtifactStore::new(), 2000), ()));
}

mod faulty_artifacts {
    use super::*;
    store::artifact_conformance!(async || (Faulty::new(MemoryArtifactStore::new()), ()));
}

mod memory_activations {
    use super::*;
    store::activation_conformance!(async || (records(), ()));
}

mod faulty_activations {
    use super::*;
    store::activation_conformance!(async || (Faulty::new(records()), ()));
}
