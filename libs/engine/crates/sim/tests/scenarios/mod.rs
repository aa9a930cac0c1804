//! Scenarios, one kind of trouble a file.

mod churn;
mod commands;
mod debug;
mod paths;
mod stalls;
mod wraps;
