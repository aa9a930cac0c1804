//! Seeded calls through the packet engine, every packet of which is judged by the egress oracle.
//!
//! `RHEON_SIM_SEED=n` runs one seed, `RHEON_SIM_RUNS=n` that many times the usual number of seeds.

mod memory;
mod mutation;
mod scenarios;
mod support;
