"""The gateway's settings. The environment is read here and nowhere else."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from smoothgen.access.records import NAME
from smoothgen.contracts import DEFAULT_RETENTION_S, LEAST_RETENTION_S, LONGEST_RETENTION_S, Extension
from smoothgen.process.draining import LONGEST_S
from smoothgen.process.logs import LogFormat, LogLevel
from smoothgen.queue import ANYONE, Limits

_ORIGIN: Final = re.compile("https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\\[[0-9a-f:]+\\](:[0-9]{1,5})?")


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("an origin is written scheme://host or scheme://host:port, such as https://app.example")
    return text


class Settings(BaseSettings):
    """Environment variables SMOOTHGEN_<NAME>; docs/operations/reference.md lists them."""

    model_config = SettingsConfigDict(env_prefix="SMOOTHGEN_", frozen=True)

    redis_url: str = "redis://127.0.0.1:6379/0"
    wait_replicas: int = Field(default=0, ge=0)
    """How many replicas of Redis must have a job before it is accepted."""
    wait_timeout_ms: int = Field(default=500, ge=1, le=60_000)
    """How long they may take; later the request is answered 503."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    allowed_hosts: list[Annotated[str, Field(min_length=1)]] = []
    """Names this gateway is asked by, apart from its loopback names. Empty: checked only when bound to loopback."""
    api_keys: list[Annotated[str, Field(min_length=1)]] = []
    """Accepted bearer keys, each as `name:key` or as a key alone, beside those that `smoothgen keys` makes."""
    key_grace_s: float = Field(default=300.0, ge=0, le=LONGEST_S)
    """How long a key that was read from Redis goes on while Redis is away."""
    max_requests_per_key: int = Field(default=500, ge=1)
    """Requests of one key that may be in hand at once; more are answered 429."""
    cors_origins: list[Annotated[str, AfterValidator(_origin)]] = []
    """Origins whose pages may use the interface from a browser. Empty: none but the gateway's own."""
    models: list[Annotated[str, Field(min_length=1)]] = []
    """What the workers are configured with: a request for one of these that has not registered yet is answered 503."""
    max_samples: int = Field(default=20_000, ge=1)
    max_output_bytes: int = Field(default=32 * 1024 * 1024, ge=1)
    """About how many bytes the noisy samples of one job with output "samples" may take in Redis; beyond it 422."""
    max_queued_samples: int = Field(default=1_000_000, ge=1)
    """Noisy samples a model may owe to waiting jobs; beyond it requests are answered 429."""
    max_queued_samples_per_key: int = Field(default=500_000, ge=1)
    """Noisy samples a model may owe to one tenant's waiting jobs."""
    max_queued_bytes: int = Field(default=256 * 1024 * 1024, ge=1)
    """Bytes the records of a model's waiting jobs may hold in Redis, seed images above all; beyond it likewise 429."""
    max_queued_bytes_per_key: int = Field(default=128 * 1024 * 1024, ge=1)
    """Bytes the records of one tenant's waiting jobs of a model may hold."""
    retention_s: int = Field(default=DEFAULT_RETENTION_S, ge=LEAST_RETENTION_S, le=LONGEST_RETENTION_S)
    """Seconds after a job's end for which prompt, seed image and output are kept, where the request says nothing."""
    fleet_confidence: float = Field(default=0.999, gt=0, lt=1)
    """Of each window's fleet certificate."""
    max_request_bytes: int = Field(default=8 * 1024 * 1024, ge=1)
    """A seed image comes as base64 inside the request."""
    max_certificate_bytes: int = Field(default=8 * 1024 * 1024, ge=1)
    max_held_bytes: int = Field(default=32 * 1024 * 1024, ge=1)
    """Of all bodies that are being read or worked on at once; beyond it requests are answered 503."""
    max_held_bytes_per_key: int = Field(default=16 * 1024 * 1024, ge=1)
    """Of the bodies of one key."""
    max_header_bytes: int = Field(default=32 * 1024, ge=1024)
    max_connections: int = Field(default=1000, ge=1)
    header_timeout_s: float = Field(default=10.0, gt=0, le=LONGEST_S)
    body_timeout_s: float = Field(default=30.0, gt=0, le=LONGEST_S)
    default_wait_s: float = Field(default=30.0, ge=0, le=LONGEST_S)
    max_wait_s: float = Field(default=120.0, ge=0, le=LONGEST_S)
    openai_wait_s: float = Field(default=590.0, ge=0, le=LONGEST_S)
    """How long a request under /v1 waits for its job: OpenAI's clients give up after 600 s, and repeat it."""
    openai_defaults: dict[str, Extension] = {}
    """What requests under /v1 are certified by where they say nothing, by "tenant:NAME", by model, or by "*"."""
    covers_wait_s: float = Field(default=30.0, gt=0, le=LONGEST_S)
    """How long a comparison of prompts waits for a worker."""
    signing_keys: Path | None = None
    """Folder of the private keys that certificates are signed with; one is made where it has none. Empty: unsigned."""
    signing_issuer: str = Field(default="smoothgen", min_length=1, max_length=256)
    """Who signs, as signatures name it: this service's public address, say."""
    signing_secret: Annotated[SecretStr, Field(min_length=32)] | None = None
    """What gateways with folders of their own vouch for one another's public keys by."""
    ledger_url: str | None = None
    """Database of the ledger of certificates, sqlite:///FILE or postgresql://…; None: none is kept."""
    webhooks: bool = False
    """Whether tenants may register receivers that this server sends to. The same at every gateway."""
    webhooks_allow: list[IPvAnyNetwork] = []
    """Networks beside the public ones that webhooks may be sent to."""
    webhooks_allow_http: bool = False
    webhooks_timeout_s: float = Field(default=15.0, gt=0, le=120)
    """How long one delivery may take."""
    webhooks_first_retry_s: float = Field(default=5.0, gt=0, le=LONGEST_S)
    """About how long after a failed delivery it is tried again; each later pause is four times as long, 4 h at most."""
    webhooks_give_up_s: float = Field(default=24 * 3600.0, gt=0, le=LONGEST_S)
    """How long after its first try a message is given up, and a receiver that took none meanwhile disabled."""
    log_format: LogFormat = "json"
    log_level: LogLevel = "info"

    @field_validator("signing_keys", "signing_secret", mode="before")
    @classmethod
    def _none_where_empty(cls, given: object) -> object:
        return None if given == "" else given

    @model_validator(mode="after")
    def _one_tenant_a_key(self) -> Self:
        for place, (key, name) in enumerate(self.tenants, start=1):
            if not key or key != key.strip() or not NAME.fullmatch(name):
                raise ValueError(
                    f"entry {place} of SMOOTHGEN_API_KEYS is no name:key; a name has 1 to 64 letters, digits, dots, "
                    "dashes and underscores and begins with a letter or digit, a key has a character or more and no "
                    "white space around it"
                )
        keys = [key for key, _ in self.tenants]
        if len(set(keys)) < len(keys):
            raise ValueError("SMOOTHGEN_API_KEYS has one key twice; a key is one tenant's")
        return self

    @model_validator(mode="after")
    def _defaults_of_known_names(self) -> Self:
        for name in self.openai_defaults:
            prefix, colon, tenant = name.partition(":")
            if prefix == "tenant" and colon and not NAME.fullmatch(tenant):
                raise ValueError(f"SMOOTHGEN_OPENAI_DEFAULTS: {name!r:.80} names no tenant; write tenant:NAME")
            is_model = name != "*" and not (prefix == "tenant" and colon)
            if is_model and self.models and name not in self.model_names:
                known = ", ".join(sorted(self.model_names))
                raise ValueError(
                    f"SMOOTHGEN_OPENAI_DEFAULTS: {name!r:.80} is no model of SMOOTHGEN_MODELS ({known}); name one of "
                    "these, tenant:NAME or *"
                )
        return self

    @property
    def tenants(self) -> list[tuple[str, str]]:
        """Returns each key with its tenant's name: what stands before the first colon, which bearer tokens do not
        contain (RFC 6750). A key alone is its own tenant, named by its digest. Several keys of one name are one
        tenant's, so that a key can be replaced without losing what it made."""
        return [(key, _named_by_digest(key) if name is None else name) for key, name in self._written()]

    @property
    def on_loopback(self) -> bool:
        """Returns whether only this machine can reach the gateway."""
        host = self.host.strip("[]").lower()
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def shown_tenants(self) -> list[str]:
        """Returns the names of tenants that metrics show, which need no key: no name that is a digest of a key."""
        return sorted({name for _, name in self._written() if name is not None}) if self.api_keys else [ANYONE]

    def _written(self) -> list[tuple[str, str | None]]:
        """Returns each key with the name written before it, None where there is no colon."""
        parts = (written.partition(":") for written in self.api_keys)
        return [(key, first) if colon else (first, None) for first, colon, key in parts]

    @property
    def limits(self) -> Limits:
        """Returns the limits on what waiting jobs may owe (samples) and hold (bytes), in all and for each key."""
        return Limits(
            self.max_queued_samples,
            self.max_queued_samples_per_key,
            self.max_queued_bytes,
            self.max_queued_bytes_per_key,
        )

    @property
    def model_names(self) -> frozenset[str]:
        """Returns the names of `models`, which may be written name=source as for a worker."""
        return frozenset(model.partition("=")[0] for model in self.models)


def _named_by_digest(key: str) -> str:
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
