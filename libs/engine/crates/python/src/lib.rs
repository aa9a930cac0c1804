//! Python binding of Rheon's packet engine.
