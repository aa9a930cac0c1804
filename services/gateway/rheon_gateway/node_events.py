"""What media nodes report, applied to the gateway's sessions and the cluster."""

from dataclasses import replace
from typing import assert_never

from rheon_cluster import Cluster, Member, MutedTrack, NodeId, NodeRecord, StaleSessionError, UserId
from rheon_gateway.hub import Hub
from rheon_gateway.nodes import (
    NodeEvent,
    Participant,
    PublisherClosed,
    PublisherReady,
    Snapshot,
    SubscriptionClosed,
    SubscriptionOffered,
)
from rheon_gateway.ports import MediaNodes
from rheon_gateway.seat import Seat


class NodeEvents:
    """The `NodeListener` of a gateway."""

    def __init__(self, hub: Hub, cluster: Cluster) -> None:
        self._hub = hub
        self._cluster = cluster

    async def node_up(self, node_id: NodeId, address: str, snapshot: Snapshot) -> None:
        """Make the node known, free what it holds for nobody, and correct who publishes."""
        await self._cluster.put_node(NodeRecord(node_id, address))
        if (nodes := self._hub.nodes) is not None:
            for participant in snapshot.participants:
                self._release_unknown(nodes, node_id, participant)
        for seat in self._hub.seats_on(node_id):
            if (member := seat.session.member) is None:
                continue
            participant = Participant(member.room, member.user_id, member.session_number)
            ready = snapshot.participants.get(participant, False)
            was_ready = await self._is_publishing(member)
            await self._set_publishing(member, ready, snapshot.muted.get(participant, ()))
            if was_ready and not ready:
                self._report_lost(seat, publishing=True)

    async def node_lost(self, node_id: NodeId) -> None:
        """Forget the node: its publishers have left, and whoever was there is placed anew with its next request."""
        seats = [(seat, seat.session.member) for seat in self._hub.seats_on(node_id)]
        publishing = {
            (member.room, member.user_id, member.session_number)
            for _, member in seats
            if member is not None and await self._is_publishing(member)
        }
        await self._cluster.remove_node(node_id)
        for seat, member in seats:
            live = seat.session.member
            if member is None or live is None or live.session_number != member.session_number:
                continue
            seat.session.member = replace(live, node_id=None, publishing=False)
            lost = (member.room, member.user_id, member.session_number) in publishing
            self._report_lost(seat, publishing=lost)

    async def node_event(self, node_id: NodeId, event: NodeEvent) -> None:
        """Apply one event; events of sessions that are not live (here) are stale."""
        participant = event.participant
        seat = self._hub.seat_of(participant.room, participant.user_id, participant.session_number)
        if seat is None or (member := seat.session.member) is None or member.node_id != node_id:
            return
        match event:
            case PublisherReady(muted=muted):
                await self._set_publishing(member, True, muted)
            case PublisherClosed():
                await self._set_publishing(member, False)
            case SubscriptionOffered(publisher_id=publisher_id, offer=offer):
                for send in seat.session.offered(publisher_id, offer):
                    seat.send(send.message)
            case SubscriptionClosed(publisher_id=publisher_id, connection_id=connection_id):
                seat.session.subscription_closed(publisher_id, connection_id)
                if not seat.session.shared_subscribe:
                    seat.send(*seat.announcer.closed(UserId(publisher_id)))
            case _:
                assert_never(event)

    def _release_unknown(self, nodes: MediaNodes, node_id: NodeId, participant: Participant) -> None:
        seat = self._hub.seat_of(participant.room, participant.user_id, participant.session_number)
        if seat is not None and (member := seat.session.member) is not None and member.node_id == node_id:
            return
        nodes.release(
            Member(
                room=participant.room,
                user_id=participant.user_id,
                username="",
                session_number=participant.session_number,
                gateway_id=self._hub.gateway_id,
                connection_id="",
                explicit=False,
                node_id=node_id,
            )
        )

    def _report_lost(self, seat: Seat, *, publishing: bool) -> None:
        for send in seat.session.node_lost(publishing=publishing):
            seat.send(send.message)

    async def _is_publishing(self, member: Member) -> bool:
        members = await self._cluster.members(member.room)
        return any(
            other.user_id == member.user_id and other.session_number == member.session_number and other.publishing
            for other in members
        )

    async def _set_publishing(self, member: Member, publishing: bool, muted: tuple[MutedTrack, ...] = ()) -> None:
        try:
            await self._cluster.set_publishing(member.room, member.user_id, member.session_number, publishing, muted)
        except StaleSessionError:
            # A later session took over; its own events count.
            return
