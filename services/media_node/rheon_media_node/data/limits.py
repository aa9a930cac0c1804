"""How much data channels may hold and send. What each overflow leads to stands beside it."""

MAX_MESSAGE = 64 * 1024
"""Bytes of one message; a longer one is dropped. The size our descriptions announce (RFC 8841 §6)."""

MAX_CHANNELS = 16
"""Channels of one connection; further ones are closed as soon as they open, or not mirrored."""

MAX_NAME = 256
"""Bytes of a channel's label, and of its protocol; a channel with more is closed."""

MAX_PACKET = 1135
"""Bytes of an SCTP packet: with the 65 bytes of the longest DTLS record around one (AES-CBC with SHA-1) 1200."""

MAX_CHUNK_DATA = (MAX_PACKET - 12 - 16) // 4 * 4
"""Bytes of a message in one packet: what the common header and the DATA chunk's own leave (RFC 9260 §3)."""

MAX_ECHO = 1000
"""Bytes of the parameters a peer may have us send back (heartbeats, cookies); a chunk with more is dropped."""

MAX_CONTROL_CHUNKS = 8
"""Chunks of a packet other than DATA: each may cost us an answer. A packet with more is dropped."""

MAX_INITS = 16
"""INIT chunks that are answered in the life of an association; each starts nothing but costs a signature."""

RECEIVE_WINDOW = 512 * 1024
"""Bytes of unfinished messages a peer may have us hold, as announced to it; more ends its association."""

MAX_HELD_CHUNKS = 1024
"""Unfinished chunks held, however small; more ends the association."""

MAX_MISORDERED = 256
"""Chunks held beyond a lost one. Further ones are dropped unacknowledged, so they are sent again."""

MAX_TSN_GAP = 4096
"""How far a chunk may be ahead of what was received in sequence; farther ones are dropped unacknowledged."""

MAX_INBOUND_STREAMS = 64
"""Streams with state on our side; data of further ones is acknowledged and dropped."""

MAX_SEND_QUEUE = 1024 * 1024
"""Bytes waiting for one subscriber, with MESSAGE_OVERHEAD for every message.

What does not fit is dropped if its channel is partially reliable; a reliable channel is closed instead.
"""

MESSAGE_OVERHEAD = 128
"""Bytes counted for a queued message, or a chunk under way, beside its content."""

MAX_IN_FLIGHT = 256 * 1024
"""Bytes sent and not yet acknowledged, with MESSAGE_OVERHEAD for every chunk: where the congestion window ends."""
