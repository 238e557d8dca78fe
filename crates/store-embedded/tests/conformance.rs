//! The conformance suite on the disk and in memory.

use base::clock::SystemClock;
use oxiwhisk_store_embedded::{Config, Stores, open};
use std::sync::Arc;
use std::time::Duration;
use store::{ActivationStore, ArtifactStore, Cached};
use types::ByteSize;

fn config() -> Config {
    let retention_age = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    Config { retention_age, ..Config::default() }
}

fn durable() -> (Stores, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory is made");
    let config = Config { dir: Some(dir.path().to_owned()), ..config() };
    (open(&config, SystemClock::shared()).expect("the store opens"), dir)
}

fn ephemeral() -> (Stores, ()) {
    (open(&config(), SystemClock::shared()).expect("the store opens"), ())
}

/// Moves to the disk at nearly every record, and begins a file of the journal at nearly every entry.
fn restless() -> (Stores, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory is made");
    let (move_size, journal_file_size) = (ByteSize::bytes(1000), ByteSize::bytes(500));
    let config = Config { dir: Some(dir.path().to_owned()), move_size, journal_file_size, ..config() };
    (open(&config, SystemClock::shared()).expect("the store opens"), dir)
}

fn artifacts<G>((stores, guard): (Stores, G)) -> (Arc<dyn ArtifactStore>, G) {
    (stores.artifacts, guard)
}

fn activations<G>((stores, guard): (Stores, G)) -> (Arc<dyn ActivationStore>, G) {
    (stores.activations, guard)
}

mod durable_artifacts {
    use super::*;
    store::artifact_conformance!(async || artifacts(durable()));
}

mod cached_durable_artifacts {
    use super::*;
    store::artifact_conformance!(async || {
        let (store, guard) = artifacts(durable());
        (Cached::new(store, 16 << 20), guard)
    });
}

mod ephemeral_artifacts {
    use super::*;
    store::artifact_conformance!(async || artifacts(ephemeral()));
}

mod durable_activations {
    use super::*;
    store::activation_conformance!(async || activations(durable()));
}

mod restless_activations {
    use super::*;
    store::activation_conformance!(async || activations(restless()));
}

mod ephemeral_activations {
    use super::*;
    store::activation_conformance!(async || activations(ephemeral()));
}
