//! Mutation fuzzing of every parser, and of packet sequences through a worker. Development only.
//!
//! A [`Fuzzer`](fuzzer::Fuzzer) mutates the inputs in `corpus/TARGET/*.bin` and gives them to a target, which must not
//! panic and checks what must hold of any input. There is no coverage feedback; instead a target sums up what it saw as
//! a number, and inputs with a new sum are mutated further. One seed is one history.

pub mod corpus;
pub mod fuzzer;
pub mod mutation;
pub mod targets;
