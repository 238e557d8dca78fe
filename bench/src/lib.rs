//! Benchmarks: the platform, and beside it in the same run the yardsticks that say what this machine can do at all.
//!
//! Only ratios of two things that were measured in turn, round by round, mean anything on a machine whose speed changes
//! by the minute. Every round checks that nobody cheats: credentials are checked, each answer holds the number that was
//! sent with just that request, no activation id comes twice, and records are read back.

pub mod accounting;
pub mod append;
pub mod cold;
pub mod designs;
pub mod freezer;
pub mod incumbents;
pub mod inside;
pub mod keeping;
pub mod load;
pub mod pipes;
pub mod platform;
pub mod records;
pub mod report;
pub mod round_trips;
pub mod rounds;
pub mod scenes;
pub mod settings;
pub mod spinners;
pub mod stats;
pub mod under_load;
pub mod virtual_time;
pub mod waiting;
pub mod yardstick;
