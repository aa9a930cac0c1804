//! A seeded network simulator, virtual peers and the egress oracle.
