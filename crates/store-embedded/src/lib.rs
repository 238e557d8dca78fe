//! The embedded, durable store.
