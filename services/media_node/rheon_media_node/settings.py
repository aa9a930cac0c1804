"""Configuration of a media node: environment variables, each also a command line flag."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from uuid import uuid4

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rheon_engine.addresses import Announced, parse_ip
from rheon_engine.errors import InvalidParameters
from rheon_media_node.machine import usable_cores
from rheon_telemetry import LOG_LEVELS


class MediaNodeSettings(BaseSettings):
    """Raises pydantic.ValidationError for unknown names and malformed values."""

    model_config = SettingsConfigDict(extra="forbid", populate_by_name=True)

    node_id: str = Field(
        default_factory=lambda: f"node-{uuid4().hex[:12]}",
        min_length=1,
        max_length=128,
        validation_alias="NODE_ID",
        description="name of this node, unique in the cluster",
    )
    grpc_bind: str = Field(
        default="127.0.0.1:50051",
        validation_alias="GRPC_BIND",
        description="loopback host:port on which gateways reach the node; port 0 takes any free one",
    )
    media_bind: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("0.0.0.0",),  # noqa: S104 - media is meant for the network
        min_length=1,
        validation_alias="MEDIA_BIND",
        description="local IP addresses to receive media on, ip,…",
    )
    announced_ips: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        validation_alias="ANNOUNCED_IPS",
        description="addresses under which browsers reach the node, ip or ip:port,…; empty announces MEDIA_BIND, or "
        "the default route's address and loopback if that is a wildcard",
    )
    media_port: int = Field(
        default=40000,
        ge=0,
        le=65535,
        validation_alias="MEDIA_PORT",
        description="UDP port of the first worker, the others follow; a busy block takes the next free one, 0 any",
    )
    workers: int = Field(
        default_factory=usable_cores,
        ge=1,
        le=128,
        validation_alias="WORKERS",
        description="packet threads, as many as cores unless given",
    )
    log_level: str = Field(
        default="info",
        validation_alias=AliasChoices("LOG_LEVEL", "RUST_LOG"),
        description="error, warning, info, debug or trace",
    )
    log_json: bool = Field(
        default=False, validation_alias="LOG_JSON", description="write log lines as JSON instead of for people"
    )

    @field_validator("media_bind", "announced_ips", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in (part.strip() for part in value.split(",")) if part)
        return value

    @field_validator("grpc_bind")
    @classmethod
    def _check_grpc_bind(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError(f"{value!r} is not host:port")
        if not _is_loopback(host):
            raise ValueError(
                f"{value!r} is not a loopback address: calls from gateways are not encrypted, so gateway and media "
                "node must run on one machine"
            )
        return value

    @field_validator("media_bind")
    @classmethod
    def _check_media_bind(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                parse_ip(address)
            except InvalidParameters as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("announced_ips")
    @classmethod
    def _check_announced(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                Announced.parse(address)
            except InvalidParameters as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, value: str) -> str:
        if value.lower() not in LOG_LEVELS:
            raise ValueError(f"use one of {', '.join(LOG_LEVELS)}")
        return value.lower()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
