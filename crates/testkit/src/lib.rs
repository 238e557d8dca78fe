//! For tests only: an in-process cluster, builders, a test clock.
