//! A seeded network simulator, virtual peers and an oracle that judges every packet the engine sends.
//!
//! A [`World`](world::World) drives one or two `Worker`s in virtual time: publishers send tagged media over lossy links,
//! subscribers decode and ask for what is missing, and the [`oracle`] looks at every datagram before the network does.
//! One seed is one history.

pub mod link;
pub mod log;
pub mod media;
pub mod meter;
pub mod oracle;
pub mod peer;
pub mod truth;
pub mod world;
