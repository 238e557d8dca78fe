//! Tidy tests and generators.
