"""What a cluster operation may raise."""


class ClusterError(Exception):
    """Base of every failure of a cluster backend."""


class NoNodeAvailableError(ClusterError):
    """No serving media node exists; a later attempt may find one."""


class StaleSessionError(ClusterError):
    """The member's session was superseded or has left: the caller no longer speaks for it."""


class UserAlreadyInRoomError(ClusterError):
    """The same connection is already a member of the room."""
