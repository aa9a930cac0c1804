//! The worker as its owner sees it: datagrams, commands and time in; datagrams and events out.
#![allow(clippy::unwrap_used, missing_docs)]

mod cases;
mod support;
