//! Benchmarks and their yardsticks.
