//! Scenarios, one kind of trouble a file.

mod churn;
mod commands;
mod layers;
mod paths;
mod stalls;
mod wraps;
