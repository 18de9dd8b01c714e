"""What the other sections of a document may say: identities, random numbers, the output, names inside a mechanism."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.meaning.metrics import METRICS, Modality
from smoothgen.certificates.meaning.parameters import require_parameters
from smoothgen.certificates.meaning.threats import attack_named, is_one_pass
from smoothgen.certificates.provenance import (
    MetricIdentity,
    ModelIdentity,
    OutputIdentity,
    Provenance,
    RequestIdentity,
    Sampling,
)
from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms import Mechanism, ShapedGaussian, SynonymClasses
from smoothgen.noise import CLIENT_SEED_LIMIT, SCHEME

PRECISIONS: Final = ("float32", "bfloat16", "float16")
RANDOMNESS: Final = ("common", "fresh")
NOT_RANDOM: Final = "none"
"""Said of a generator that draws nothing of its own, greedy decoding say."""
MAJORITY: Final = "majority"
OUTPUT_KINDS: Final = ("representative", "sample", MAJORITY)
LEAST_MAJORITY: Final = 0.5
"""An answer that keeps so much at a radius has more than half of all outputs strictly below it."""
_CHOSEN: Final = ("representative", MAJORITY)
"""Outputs that are one of the selection samples, the nearest to the centre."""
MEDIA_TYPES: Final[Mapping[Modality, tuple[str, ...]]] = MappingProxyType(
    {"text": ("text/plain", "text/plain; charset=utf-8"), "image": ("image/png",)}
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SEED: Final = re.compile(r"[0-9a-f]{32}")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,99}")
_SIXTEEN_BITS: Final = ("bfloat16", "float16")
_MOST_SELECTED: Final = 1024
_LARGEST_BATCH: Final = 1 << 20


def require_issue(certificate_id: str | None, requested_at: str | None) -> None:
    """Raises InvalidCertificate for an id that is no printable text, and a time that is not written as ISO 8601."""
    if certificate_id is not None:
        _require_name("id", certificate_id)
    if requested_at is None:
        return
    try:
        written = datetime.fromisoformat(requested_at)
    except ValueError as error:
        raise InvalidCertificate(f"requested_at must be a time in ISO 8601: {error}", field="requested_at") from error
    if written.tzinfo is None or not requested_at.isascii():
        raise InvalidCertificate(
            f"requested_at must be a time with its offset from UTC, got {requested_at!r:.80}", field="requested_at"
        )


def _require_name(where: str, name: str) -> None:
    if not name.strip() or not name.isprintable():
        raise InvalidCertificate(f"{where} must be a printable text on one line, got {name!r:.120}", field=where)


def require_request(stated: RequestIdentity) -> None:
    """Raises InvalidCertificate for digests of another form, parameters of another kind, a template without a chat,
    and a chat without one."""
    require_digest("request.prompt_digest", stated.prompt_digest)
    require_parameters(stated.parameters)
    chat = stated.parameters.get("chat") is True
    if chat != (stated.template is not None):
        raise InvalidCertificate(
            f"request.template must be stated exactly where parameters.chat is true, and chat is {chat}",
            field="request.template",
        )
    if stated.template is not None:
        require_digest("request.template", stated.template)
    if stated.context_digest is not None:
        require_digest("request.context_digest", stated.context_digest)


def require_model(stated: ModelIdentity) -> None:
    """Raises InvalidCertificate for a model without a name, a revision or a digest."""
    for name in ("name", "revision"):
        _require_name(f"model.{name}", getattr(stated, name))
    require_digest("model.digest", stated.digest)


def require_digest(where: str, digest: Any) -> None:
    """Raises InvalidCertificate unless the digest is "sha256:" and 64 small hexadecimal digits."""
    if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        raise InvalidCertificate(f"{where} must be 'sha256:<64 hexadecimal digits>', got {digest!r:.120}", field=where)


def require_sampling(stated: Sampling, provenance: Provenance, sampled: bool) -> None:
    """Raises InvalidCertificate for random numbers that no server of ours draws.

    A server's seed has 128 random bits, so it lies below 2^63, where clients' seeds lie, with probability 2^-65.
    sampled: whether the certificate rests on samples, whose centre took at least one selection sample. A
    representative is one of the selection samples too, and so is the majority's.
    """
    if stated.noise_scheme != SCHEME:
        raise _sampling("noise_scheme", f"must be {SCHEME!r}, got {stated.noise_scheme!r:.80}")
    if not _SEED.fullmatch(stated.seed):
        raise _sampling("seed", f"must be 32 small hexadecimal digits, got {stated.seed!r:.80}")
    clients = int(stated.seed, 16) < CLIENT_SEED_LIMIT
    if clients != (stated.seed_origin == "client"):
        raise _sampling(
            "seed_origin",
            f"is {stated.seed_origin!r}, and the seed is {'below' if clients else 'not below'} 2^63: clients choose "
            "seeds below it, and of a server's one in 2^65 is",
        )
    chosen = provenance.output is not None and provenance.output.kind in _CHOSEN
    least = 1 if sampled or chosen else 0
    if not least <= stated.selection_samples <= _MOST_SELECTED:
        raise _sampling("selection_samples", f"must lie in [{least}, {_MOST_SELECTED}], got {stated.selection_samples}")
    possible = _randomness(provenance)
    if stated.randomness not in possible:
        raise _sampling("randomness", f"must be one of {possible} here, got {stated.randomness!r:.80}")
    if stated.precision not in (None, *PRECISIONS):
        raise _sampling("precision", f"must be one of {PRECISIONS}, got {stated.precision!r:.80}")
    if stated.batch_size is not None and not 1 <= stated.batch_size <= _LARGEST_BATCH:
        raise _sampling("batch_size", f"must lie in [1, {_LARGEST_BATCH}], got {stated.batch_size}")
    share = stated.batch_sensitivity
    if share is not None and not (math.isfinite(share) and 0 <= share <= 1):
        raise _sampling("batch_sensitivity", f"is a share of rows, in [0, 1], got {share!r}")
    _require_fitting_precision(stated, provenance)
    if stated.snap is not None:
        _require_snap(stated.snap, provenance)


def _require_snap(digest: str, provenance: Provenance) -> None:
    """Raises InvalidCertificate for a table of another form than a digest, and of an attack on what is no row of it."""
    require_digest("sampling.snap", digest)
    attack = None if provenance.threat is None else attack_named(provenance.threat.attack_on)
    if attack is not None and attack.kind not in ("language", "conversation"):
        raise _sampling("snap", f"is stated of token embeddings, not of the {attack.kind}'s input")


def _require_fitting_precision(stated: Sampling, provenance: Provenance) -> None:
    """Raises InvalidCertificate for a precision of what runs in double precision, which documents do not name, and for
    a fixed batch of a model whose outputs do not depend on it."""
    attack = None if provenance.threat is None else attack_named(provenance.threat.attack_on)
    in_doubles = is_one_pass(provenance.request) or (attack is not None and attack.kind == "closed form")
    if in_doubles and stated.precision is not None:
        raise _sampling("precision", f"is left out for what runs in double precision, got {stated.precision!r:.80}")
    if stated.precision not in _SIXTEEN_BITS:
        for name in ("batch_size", "batch_sensitivity"):
            if getattr(stated, name) is not None:
                raise _sampling(name, f"is stated of models in {' or '.join(_SIXTEEN_BITS)}, not {stated.precision!r}")


def _randomness(provenance: Provenance) -> tuple[str, ...]:
    """Returns what may be said of the generator's own randomness, by its adapter and the generation parameters."""
    attack = None if provenance.threat is None else attack_named(provenance.threat.attack_on)
    parameters = {} if provenance.request is None else provenance.request.parameters
    if attack is None:
        return (*RANDOMNESS, NOT_RANDOM)
    if attack.kind == "closed form":
        return (NOT_RANDOM,)
    if attack.modality == "image":
        return RANDOMNESS
    temperature = parameters.get("temperature")
    if isinstance(temperature, bool) or not isinstance(temperature, int | float):
        return (*RANDOMNESS, NOT_RANDOM)
    return RANDOMNESS if temperature > 0 else (NOT_RANDOM,)


def require_output(
    stated: OutputIdentity, metric: MetricIdentity | None, bound: float, keep: float | None = None
) -> None:
    """Raises InvalidCertificate for an output of another kind than the metric compares, at a distance from the centre
    that no such output can have, or called the majority's where no more than half is claimed to be kept.

    bound: D_c. keep: the share that the certificate is about, None where it is about another claim.
    """
    if stated.kind not in OUTPUT_KINDS:
        raise InvalidCertificate(f"output.kind must be one of {OUTPUT_KINDS}, got {stated.kind!r:.80}", field="output")
    if stated.kind == MAJORITY and (keep is None or keep < LEAST_MAJORITY):
        raise InvalidCertificate(
            f"output.kind is {MAJORITY!r}, so keep must be stated and at least {LEAST_MAJORITY!r}, got {keep!r}",
            field="output.kind",
        )
    require_digest("output.digest", stated.digest)
    known = None if metric is None else METRICS.get(metric.name)
    kinds = [*MEDIA_TYPES] if known is None else [known.modality]
    types = [media_type for kind in kinds for media_type in MEDIA_TYPES[kind]]
    if known is not None and stated.media_type not in types:
        raise InvalidCertificate(
            f"output.media_type must be one of {types} for metric {known.name!r}, got {stated.media_type!r:.80}",
            field="output.media_type",
        )
    distance = stated.distance_to_centre
    if distance is not None and distance > bound:
        raise InvalidCertificate(
            f"output.distance_to_centre is {distance!r}, and no output is further than {bound!r}", field="output"
        )
    chosen = stated.kind in _CHOSEN
    if distance is not None and metric is not None and not metric.centre:
        raise InvalidCertificate(
            f"output.distance_to_centre is {distance!r}, and the metric section states no centre", field="output"
        )
    if distance is not None and known is not None and known.band == TWO_VALUED.name:
        possible = (0.0,) if chosen else (0.0, bound)
        if distance not in possible:
            raise InvalidCertificate(
                f"output.distance_to_centre must be one of {possible} in metric {known.name!r}, got {distance!r}",
                field="output",
            )


def require_plain_names(mechanism: Mechanism) -> None:
    """Raises InvalidCertificate for a partition or a shape whose name could be read as part of our sentence."""
    names: dict[str, str] = {}
    noise = mechanism
    if isinstance(mechanism, SynonymClasses):
        names |= {"partition": mechanism.partition, "version": mechanism.version}
        noise = mechanism.then
    if isinstance(noise, ShapedGaussian):
        names["shape.name"] = noise.shape.name
    for where, name in names.items():
        if not _PLAIN_NAME.fullmatch(name):
            raise InvalidCertificate(
                f"mechanism.{where} stands in the statement, so it must be up to 100 letters, digits, spaces and signs "
                f"of ._:/+- in ASCII, got {name!r:.120}",
                field=f"mechanism.{where}",
            )


def _sampling(name: str, message: str) -> InvalidCertificate:
    return InvalidCertificate(f"sampling.{name} {message}", field=f"sampling.{name}")
