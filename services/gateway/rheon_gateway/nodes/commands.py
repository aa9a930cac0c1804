"""Session commands to gRPC calls and back."""

from typing import TYPE_CHECKING, Final, assert_never

from rheon.media.v1 import media_pb2

from rheon_cluster import Member
from rheon_gateway import effects
from rheon_gateway.effects import NodeCommand, Offer
from rheon_gateway.nodes.events import read_offer

if TYPE_CHECKING:
    from rheon.media.v1.media_pb2_grpc import MediaServiceAsyncStub

_KINDS: Final = {"audio": media_pb2.KIND_AUDIO, "video": media_pb2.KIND_VIDEO, None: media_pb2.KIND_UNSPECIFIED}


def to_participant(member: Member) -> media_pb2.Participant:
    """Write a member as the contract does."""
    return media_pb2.Participant(
        room=member.room,
        user_id=member.user_id,
        session_number=member.session_number,
        gateway_id=member.gateway_id,
        username=member.username,
    )


async def execute(
    stub: "MediaServiceAsyncStub", member: Member, command: NodeCommand, *, request_id: str, deadline: float
) -> str | Offer | None:
    """Run one command for a member; the outcome is the one `effects` states for it.

    Raises grpc.aio.AioRpcError.
    """
    participant = to_participant(member)
    match command:
        case effects.Publish(offer=offer):
            published = await stub.Publish(
                media_pb2.PublishRequest(participant=participant, request_id=request_id, offer=offer), timeout=deadline
            )
            return published.answer
        case effects.Unpublish():
            await stub.Unpublish(
                media_pb2.UnpublishRequest(participant=participant, request_id=request_id), timeout=deadline
            )
        case effects.Subscribe(publisher_id=publisher_id, shared=shared):
            subscribed = await stub.Subscribe(
                media_pb2.SubscribeRequest(
                    participant=participant, request_id=request_id, publisher_id=publisher_id, shared=shared
                ),
                timeout=deadline,
            )
            return read_offer(subscribed)
        case effects.RestartIce(publisher_id=publisher_id, connection_id=connection_id):
            restarted = await stub.RestartSubscriptionIce(
                media_pb2.RestartSubscriptionIceRequest(
                    participant=participant,
                    request_id=request_id,
                    publisher_id=publisher_id,
                    connection_id=connection_id,
                ),
                timeout=deadline,
            )
            return read_offer(restarted)
        case effects.Answer(publisher_id=publisher_id, offer_id=offer_id, answer=answer, connection_id=connection_id):
            await stub.AnswerSubscription(
                media_pb2.AnswerSubscriptionRequest(
                    participant=participant,
                    request_id=request_id,
                    publisher_id=publisher_id,
                    offer_id=offer_id,
                    answer=answer,
                    connection_id=connection_id,
                ),
                timeout=deadline,
            )
        case effects.Unsubscribe(publisher_id=publisher_id, connection_id=connection_id):
            await stub.Unsubscribe(
                media_pb2.UnsubscribeRequest(
                    participant=participant,
                    request_id=request_id,
                    publisher_id=publisher_id,
                    connection_id=connection_id,
                ),
                timeout=deadline,
            )
        case effects.SetLayer():
            await stub.SetPreferredLayer(
                media_pb2.SetPreferredLayerRequest(
                    participant=participant,
                    request_id=request_id,
                    publisher_id=command.publisher_id,
                    track_id=command.track_id,
                    spatial=command.spatial,
                    temporal=command.temporal,
                ),
                timeout=deadline,
            )
        case effects.SetMuted(track_id=track_id, kind=kind, muted=muted):
            await stub.SetMuted(
                media_pb2.SetMutedRequest(
                    participant=participant,
                    request_id=request_id,
                    track_id=track_id or "",
                    kind=_KINDS[kind],
                    muted=muted,
                ),
                timeout=deadline,
            )
        case _:
            assert_never(command)
    return None
