"""Where everything is: media nodes, which node a room lives on, who is in a room, what happens in it.

`Cluster` is the port; `MemoryCluster` serves one process. Every backend passes the same contract suite.
"""

from rheon_cluster.cluster import Cluster, RoomWatch
from rheon_cluster.errors import ClusterError, NoNodeAvailableError, StaleSessionError, UserAlreadyInRoomError
from rheon_cluster.memory import MemoryCluster
from rheon_cluster.records import (
    Deliver,
    GatewayId,
    InboxMessage,
    Joined,
    JoinRequest,
    Member,
    MemberChanged,
    MemberGone,
    MutedTrack,
    NodeId,
    NodeRecord,
    NodeState,
    RoomSnapshot,
    RoomUpdate,
    SessionNumber,
    TakenOver,
    UserId,
)

__all__ = [
    "Cluster",
    "ClusterError",
    "Deliver",
    "GatewayId",
    "InboxMessage",
    "JoinRequest",
    "Joined",
    "Member",
    "MemberChanged",
    "MemberGone",
    "MemoryCluster",
    "MutedTrack",
    "NoNodeAvailableError",
    "NodeId",
    "NodeRecord",
    "NodeState",
    "RoomSnapshot",
    "RoomUpdate",
    "RoomWatch",
    "SessionNumber",
    "StaleSessionError",
    "TakenOver",
    "UserAlreadyInRoomError",
    "UserId",
]
