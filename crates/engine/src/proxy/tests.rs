//! Traces of one container.
