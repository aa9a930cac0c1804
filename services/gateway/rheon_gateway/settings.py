"""Configuration of a gateway: environment variables, each also a command line flag."""

import ipaddress
import secrets
from typing import Annotated, Self
from uuid import uuid4

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rheon_gateway.tokens import GOOD_SECRET_BYTES, MIN_SECRET_BYTES
from rheon_telemetry import LOG_LEVELS


class GatewaySettings(BaseSettings):
    """Raises pydantic.ValidationError for unknown names and malformed values."""

    model_config = SettingsConfigDict(extra="forbid", populate_by_name=True)

    host: str = Field(default="", validation_alias="HOST", description="address to listen on")
    port: int = Field(
        default=9000, ge=0, le=65535, validation_alias="PORT", description="port to listen on; 0 takes any free one"
    )
    jwt_secret: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="JWT_SECRET",
        description="secret the tokens of users are signed with (HS256), at least 16 bytes, better 32",
    )
    media_nodes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), validation_alias="MEDIA_NODES", description="gRPC addresses of media nodes, host:port,…"
    )
    cluster_mode: bool = Field(
        default=False, validation_alias="CLUSTER_MODE", description="share rooms with other gateways"
    )
    p2p_relay: bool = Field(
        default=True, validation_alias="P2P_RELAY", description="relay offer, answer and ice-candidate between members"
    )
    dev_mode: bool = Field(
        default=False, validation_alias="DEV_MODE", description="give a token to whoever asks at POST /dev/token"
    )
    log_level: str = Field(
        default="info",
        validation_alias=AliasChoices("LOG_LEVEL", "RUST_LOG"),
        description="error, warning, info, debug or trace",
    )
    log_json: bool = Field(
        default=False, validation_alias="LOG_JSON", description="write log lines as JSON instead of for people"
    )
    node_id: str = Field(
        default_factory=lambda: f"gateway-{uuid4().hex[:12]}",
        min_length=1,
        max_length=128,
        validation_alias="NODE_ID",
        description="name of this gateway, unique in the cluster",
    )

    @field_validator("media_nodes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in (part.strip() for part in value.split(",")) if part)
        return value

    @field_validator("media_nodes")
    @classmethod
    def _check_nodes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            host, _, port = address.rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError(f"{address!r} is not host:port")
            if not _is_loopback(host):
                raise ValueError(
                    f"{address!r} is not a loopback address: connections to media nodes are not encrypted, so gateway "
                    "and media node must run on one machine"
                )
        return value

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, value: str) -> str:
        if value.lower() not in LOG_LEVELS:
            raise ValueError(f"use one of {', '.join(LOG_LEVELS)}")
        return value.lower()

    @field_validator("cluster_mode")
    @classmethod
    def _check_cluster(cls, value: bool) -> bool:
        if value:
            raise ValueError("this version runs as a single gateway: set CLUSTER_MODE=false and name its MEDIA_NODES")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.host:
            self.host = "127.0.0.1" if self.dev_mode else "0.0.0.0"  # noqa: S104 - a server's job
        secret = self.jwt_secret.get_secret_value()
        if not secret and self.dev_mode:
            self.jwt_secret = SecretStr(secrets.token_hex(GOOD_SECRET_BYTES))
        elif not secret:
            raise ValueError("JWT_SECRET is required outside dev mode: the secret your tokens are signed with")
        elif len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"JWT_SECRET is too short: at least {MIN_SECRET_BYTES} bytes are needed")
        return self

    @property
    def secret_is_short(self) -> bool:
        """The secret is accepted, but shorter than RFC 7518 section 3.2 asks for."""
        return len(self.jwt_secret.get_secret_value().encode()) < GOOD_SECRET_BYTES


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
