"""How much the node holds. What exceeds a limit is refused with TOO_MANY; nothing that exists is dropped for it."""

MAX_ROOMS = 10_000
MAX_TRANSPORTS = 20_000
"""Publish and subscribe transports of the node together."""
MAX_PARTICIPANTS_PER_ROOM = 2_000
MAX_SUBSCRIPTIONS_PER_PARTICIPANT = 1_000
MAX_TRACKS_PER_PUBLISHER = 32
MAX_ROOM_NAME = 128
"""Characters."""
MAX_NAME = 256
"""Characters of a username, gateway id or request id."""
MAX_REMEMBERED_SESSIONS = 65_536
"""Session numbers of participants that left; beyond it the longest unused is forgotten."""
