"""The node's gRPC service: requests in, control called, replies and typed failures out."""
