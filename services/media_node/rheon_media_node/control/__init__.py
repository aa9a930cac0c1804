"""Carries out what the router decides, over the packet engine, DTLS endpoints and negotiation."""
