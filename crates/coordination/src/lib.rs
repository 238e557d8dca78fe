//! The port of shared state: leases, watches, compare and set.
