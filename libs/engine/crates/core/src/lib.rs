//! Rheon's packet engine without I/O.
