"""A media node's gRPC service as the tests ask it."""

from __future__ import annotations

import grpc.aio
from rheon.media.v1 import media_pb2, media_pb2_grpc


async def get_node(address: str) -> media_pb2.GetNodeResponse:
    async with grpc.aio.insecure_channel(address) as channel:
        return await media_pb2_grpc.MediaServiceStub(channel).GetNode(media_pb2.GetNodeRequest(), timeout=5)


async def get_room(address: str, room: str) -> media_pb2.GetRoomResponse:
    async with grpc.aio.insecure_channel(address) as channel:
        return await media_pb2_grpc.MediaServiceStub(channel).GetRoom(media_pb2.GetRoomRequest(room=room), timeout=5)
