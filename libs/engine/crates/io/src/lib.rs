//! Sockets and worker threads of Rheon's packet engine.
