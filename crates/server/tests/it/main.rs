//! The built program: how it starts, what it says, and how it ends.

mod admin;
mod commands;
mod life;
mod program;
mod start;
