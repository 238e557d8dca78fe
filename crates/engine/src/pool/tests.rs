//! Traces of the pool.
