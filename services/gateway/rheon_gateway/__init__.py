"""The gateway: WebSocket signaling, authentication, placement. It holds no media.

`app.running_gateway` starts one. A message's way: `socket` (frames) → `connection` and `connection_state` (who may say
what) → `lane` (order) → `room_session` (decisions, as effects) → `hub` (rooms, cluster) → `nodes` (gRPC).
"""
