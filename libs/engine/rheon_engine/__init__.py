"""Rheon's packet engine: ICE-lite, SRTP and selective forwarding on Rust worker threads under Python control."""
