"""What the node shows of itself: rooms, transports and counters."""

from __future__ import annotations

import asyncio
from collections import Counter

from rheon.media.v1 import media_pb2 as pb

from rheon_engine.types import EngineStats, ForwardStats, LayerStats, TransportStats
from rheon_media_node.control.control import MediaControl
from rheon_media_node.control.transport import MediaTransport, TransportState
from rheon_media_node.grpc_api.convert import participant_message, track_message, track_messages
from rheon_media_node.router.state import Member, Publisher, Room, Subscription
from rheon_media_node.router.values import GatewayId, RoomName, TransportId

_STATES = {
    TransportState.NEW: pb.TRANSPORT_STATE_NEW,
    TransportState.CONNECTING: pb.TRANSPORT_STATE_CONNECTING,
    TransportState.CONNECTED: pb.TRANSPORT_STATE_CONNECTED,
    TransportState.CLOSED: pb.TRANSPORT_STATE_CLOSED,
}


def snapshot(control: MediaControl, gateway: GatewayId, node_id: str, boot_id: str) -> pb.NodeSnapshot:
    """What the node holds for a gateway."""
    return pb.NodeSnapshot(
        node_id=node_id,
        boot_id=boot_id,
        participants=[
            pb.SnapshotParticipant(
                participant=participant_message(member.participant),
                publishing=member.publisher is not None and member.publisher.connected,
                subscribed_to=list(member.carriers),
                tracks=_ready_tracks(member.publisher),
            )
            for member in control.rooms.members()
            if member.participant.gateway == gateway
        ],
    )


def _ready_tracks(publisher: Publisher | None) -> list[pb.Track]:
    if publisher is None or not publisher.connected:
        return []
    return track_messages(publisher.listed(), publisher.muted)


def list_rooms(control: MediaControl) -> list[pb.RoomSummary]:
    """Every room with its numbers."""
    return [_summary(control.rooms.room(name)) for name in control.rooms.names()]


def _summary(room: Room) -> pb.RoomSummary:
    members = room.members.values()
    return pb.RoomSummary(
        room=room.name,
        participants=len(members),
        publishers=sum(member.publisher is not None for member in members),
        subscriptions=sum(len(member.carriers) for member in members),
    )


def describe_room(control: MediaControl, name: RoomName, stats: EngineStats) -> pb.GetRoomResponse:
    """One room down to its forwards. Raises RoomNotFound."""
    room = control.rooms.room(name)
    counters = _Counters(control, stats)
    return pb.GetRoomResponse(
        room=room.name,
        publishers=[
            counters.publisher(member, member.publisher)
            for member in room.members.values()
            if member.publisher is not None
        ],
        subscriptions=[
            counters.subscription(member, subscription)
            for member in room.members.values()
            for subscription in member.subscriptions.values()
        ],
    )


class _Counters:
    """The engine's counters, found by what they belong to."""

    def __init__(self, control: MediaControl, stats: EngineStats) -> None:
        self._control = control
        self._transports: dict[int, TransportStats] = {each.transport: each for each in stats.transports}
        self._layers: dict[int, list[LayerStats]] = {}
        for layer in stats.layers:
            self._layers.setdefault(layer.track, []).append(layer)
        self._forwards: dict[int, ForwardStats] = {each.forward: each for each in stats.forwards}

    def publisher(self, member: Member, publisher: Publisher) -> pb.PublisherState:
        transport = self._control.transports.get(publisher.transport)
        tracks = []
        for track in publisher.listed():
            running = None if transport is None else transport.tracks.get(track.track_id)
            layers = [] if running is None else self._layers.get(running.id, [])
            rids = [encoding.rid or "" for encoding in track.parameters.encodings]
            tracks.append(
                pb.TrackState(
                    track=track_message(track, muted=track.track_id in publisher.muted),
                    layers=[_layer(layer, rids) for layer in sorted(layers, key=lambda layer: layer.layer)],
                )
            )
        return pb.PublisherState(
            user_id=member.participant.user,
            username=member.participant.username,
            session_number=member.participant.session,
            transport=self._transport(publisher.transport, transport),
            tracks=tracks,
        )

    def subscription(self, member: Member, subscription: Subscription) -> pb.SubscriptionState:
        transport = self._control.transports.get(subscription.transport)
        forwards = []
        for track_id, running in () if transport is None else transport.forwards.items():
            accepted = subscription.accepted.get(track_id)
            mid = "" if accepted is None else accepted.mid
            counted = self._forwards.get(running.id)
            forwards.append(
                pb.ForwardState(track_id=track_id, mid=mid) if counted is None else _forward(counted, track_id, mid)
            )
        return pb.SubscriptionState(
            subscriber_id=member.participant.user,
            publisher_id=subscription.only_publisher or 0,
            session_number=member.participant.session,
            transport=self._transport(subscription.transport, transport),
            forwards=forwards,
            connection_id=subscription.connection,
            shared=subscription.shared,
            publisher_ids=subscription.publishers,
        )

    def _transport(self, identity: TransportId, transport: MediaTransport | None) -> pb.TransportCounters:
        counters = pb.TransportCounters(
            state=pb.TRANSPORT_STATE_CLOSED if transport is None else _STATES[transport.state],
            worker=0 if transport is None else transport.engine.worker,
            srtp_profile="" if transport is None else transport.srtp_profile or "",
        )
        counted = self._transports.get(identity)
        if counted is not None:
            counters.packets_received = counted.packets_received
            counters.bytes_received = counted.bytes_received
            counters.packets_sent = counted.packets_sent
            counters.bytes_sent = counted.bytes_sent
            counters.round_trip_time_us = counted.round_trip_time_us
        return counters


def _layer(layer: LayerStats, rids: list[str]) -> pb.LayerState:
    return pb.LayerState(
        rid=rids[layer.layer] if layer.layer < len(rids) else "",
        ssrc=layer.ssrc,
        packets=layer.packets,
        bytes=layer.bytes,
        bitrate=layer.bitrate,
        packets_lost=layer.packets_lost,
        nacks_sent=layer.nacks_sent,
        packets_recovered=layer.packets_recovered,
        key_frame_requests_sent=layer.key_frame_requests_sent,
        key_frames=layer.key_frames,
        jitter_us=layer.jitter_us,
    )


def _forward(forward: ForwardStats, track_id: str, mid: str) -> pb.ForwardState:
    return pb.ForwardState(
        track_id=track_id,
        mid=mid,
        ssrc=forward.ssrc,
        packets=forward.packets,
        bytes=forward.bytes,
        bitrate=forward.bitrate,
        packets_lost=forward.packets_lost,
        nacks_received=forward.nacks_received,
        packets_retransmitted=forward.packets_retransmitted,
        key_frame_requests_received=forward.key_frame_requests_received,
        spatial=forward.spatial,
        temporal=forward.temporal,
        layer_reason=forward.layer_reason,
        paused=forward.paused,
    )


def describe_node(
    control: MediaControl, stats: EngineStats, *, node_id: str, version: str, candidates: list[str], uptime: float
) -> pb.GetNodeResponse:
    """The node: identity, workers, table sizes."""
    tables: Counter[str] = Counter()
    for worker in stats.workers:
        tables.update(worker.tables)
    states = Counter({state.value: 0 for state in TransportState if state is not TransportState.CLOSED})
    states.update(transport.state.value for transport in control.transports)
    publishing = sum(transport.publisher is not None for transport in control.transports)
    return pb.GetNodeResponse(
        node_id=node_id,
        version=version,
        candidates=candidates,
        workers=[
            pb.WorkerState(
                worker=worker.worker,
                port=worker.port,
                packets_received=worker.packets_received,
                bytes_received=worker.bytes_received,
                packets_sent=worker.packets_sent,
                bytes_sent=worker.bytes_sent,
                send_calls=worker.send_calls,
                receive_calls=worker.receive_calls,
                segmentation_offload=worker.segmentation_offload,
                drops_by_reason=worker.drops,
            )
            for worker in stats.workers
        ],
        rooms=len(control.rooms.names()),
        publish_transports=publishing,
        subscribe_transports=len(control.transports) - publishing,
        uptime_ms=int(uptime * 1000),
        tasks=len(asyncio.all_tasks()),
        tables=dict(tables) | control.data.tables(),
        drops_by_reason={**control.transports.drops, **control.data.drops},
        transports_by_state=dict(states),
    )
