"""What a fleet certificate is about: the requests of one pool that were submitted in one window of time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from smoothgen.certificates.format.canonical import canonical
from smoothgen.certificates.meaning.metrics import MetricMeaning, metric_named, require_asked_options
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.sections import RANDOMNESS, require_digest
from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms import Gaussian, Mechanism, SynonymClasses

WINDOWS: Final[Mapping[str, timedelta]] = MappingProxyType({"hour": timedelta(hours=1), "day": timedelta(days=1)})
WINDOW_FORMATS: Final[Mapping[str, str]] = MappingProxyType({"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"})
CENTRE_SLACK: Final = 1 + 1e-6
"""A pool's D is so much more than its metric's: a served output's features are rounded when they become the centre."""
MOST_NUMBERS: Final = 1 << 22
"""The largest x whose request a pool may hold."""
_POOL: Final = re.compile(r"[0-9a-f]{16}")


def window_span(window: str) -> tuple[datetime, datetime]:
    """Returns start and end of a window, UTC. Raises ValueError for what is no window, or not written as it is
    canonical."""
    length, _, text = window.partition(":")
    try:
        start = datetime.strptime(text, WINDOW_FORMATS[length]).replace(tzinfo=UTC)
        span = start, start + WINDOWS[length]
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"{window!r:.80} is no window of an {' or a '.join(WINDOWS)}") from error
    if start.strftime(WINDOW_FORMATS[length]) != text:
        raise ValueError(f"{window!r:.80} would be written {length}:{start.strftime(WINDOW_FORMATS[length])}")
    return span


def pool_id(pool: Mapping[str, Any]) -> str:
    """Returns the short name of the pool of these fields: the same for the same pool, everywhere."""
    return hashlib.sha256(canonical(pool).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class FleetSubject:
    """Which requests: those to one model under one noise in one metric, in one window of time.

    pool: the short name of all that they have in common. digest: the model's, "sha256:<hex>". metric: as requests name
    it, with its options. randomness: "common" or "fresh". largest_dimension: the most numbers that x has in any of
    them; None in pools of the releases before fleet/v2. window: such as "hour:2026-11-23T22", UTC. snap: sha256
    ("sha256:<hex>") of the table whose nearest rows the model read in place of the noisy embeddings; None where it read
    the noisy embeddings themselves.
    """

    pool: str
    model: str
    digest: str
    metric: dict[str, Any]
    randomness: str
    largest_dimension: int | None
    window: str
    snap: str | None = None

    @classmethod
    def of_pool(cls, pool: Mapping[str, Any], identity: str, window: str) -> FleetSubject:
        """Returns the subject of a window of a pool, from the pool's fields as contracts.FleetPool has them."""
        named = {name: pool[name] for name in ("model", "digest", "metric", "randomness", "largest_dimension")}
        return cls(pool=identity, window=window, snap=pool.get("snap"), **named)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form, without `snap` where nothing is snapped."""
        written = {**vars(self), "metric": dict(self.metric)}
        if self.snap is None:
            del written["snap"]
        return written

    @classmethod
    def from_dict(cls, document: Any) -> FleetSubject:
        """Reads what `to_dict` writes. Raises InvalidCertificate for what has another shape."""
        fields = [name for name in cls.__dataclass_fields__ if name != "snap"]
        if not isinstance(document, Mapping) or set(document) - {"snap"} != set(fields):
            raise InvalidCertificate(
                f"subject must have exactly {fields}, and snap where embeddings are snapped: the model, metric, pool "
                f"and window of the requests; got {document!r:.200}",
                field="subject",
            )
        largest, metric = document["largest_dimension"], document["metric"]
        texts = {name: document[name] for name in ("pool", "model", "digest", "randomness", "window")}
        if "snap" in document:
            texts["snap"] = document["snap"]
        whole = largest is None or (isinstance(largest, int) and not isinstance(largest, bool))
        if not (all(isinstance(text, str) for text in texts.values()) and isinstance(metric, Mapping) and whole):
            raise InvalidCertificate(f"subject must hold texts, a metric and a whole number, got {document!r:.200}")
        return cls(**texts, metric=dict(metric), largest_dimension=largest)

    @property
    def known_metric(self) -> MetricMeaning | None:
        """Returns the metric, None where a plug-in defines it. Raises InvalidCertificate for a name or a cap nobody
        has."""
        return metric_named(str(self.metric.get("name")), self.cap)

    @property
    def cap(self) -> float | None:
        """Returns the metric's cap, None where it has none. Raises InvalidCertificate unless it is a number."""
        cap = self.metric.get("cap")
        if cap is None:
            return None
        if isinstance(cap, bool) or not isinstance(cap, int | float):
            raise InvalidCertificate(f"subject.metric.cap must be a number, got {cap!r:.80}", field="subject.metric")
        return float(cap)

    def require_sound(self, diameter: float, mechanism: Mechanism, rounding_slack: float) -> None:
        """Raises InvalidCertificate where the subject does not fit itself, D, the noise and its rounding slack."""
        require_digest("subject.digest", self.digest)
        if not self.model.strip() or not _POOL.fullmatch(self.pool):
            raise _invalid(f"must name a model and a pool, got {self.model!r:.80} and {self.pool!r:.80}")
        if self.snap is not None:
            require_digest("subject.snap", self.snap)
        if self.randomness not in RANDOMNESS:
            raise _invalid(f"randomness must be one of {RANDOMNESS}, got {self.randomness!r:.80}")
        metric = self.known_metric
        if metric is not None:
            largest = metric.diameter if self.cap is None else min(metric.diameter, self.cap)
            if diameter != largest * CENTRE_SLACK:
                raise _invalid(f"metric {metric.name!r} has a diameter of {largest * CENTRE_SLACK!r}, not {diameter!r}")
        noise = mechanism.then if isinstance(mechanism, SynonymClasses) else mechanism
        if metric is not None and not isinstance(noise, Gaussian):
            raise _invalid(f"pools are drawn with Gaussian noise, not with {mechanism.name!r}")
        if self.largest_dimension is None:
            return
        if not 1 <= self.largest_dimension <= MOST_NUMBERS:
            raise _invalid(f"largest_dimension must lie in [1, {MOST_NUMBERS}], got {self.largest_dimension}")
        least = mechanism.rounding_slack(self.largest_dimension)
        if rounding_slack < least * (1 - 1e-12):
            raise _invalid(f"rounding_slack must be at least {least!r} for so many numbers, got {rounding_slack!r}")
        if metric is not None:
            require_asked_options(metric, self.metric)
        pool = {name: value for name, value in self.to_dict().items() if name not in ("pool", "window")}
        own = pool_id({**pool, "mechanism": mechanism.to_dict(), "diameter": diameter})
        if own != self.pool:
            raise _invalid(f"pool is {self.pool!r}, and a pool of these requests is {own!r}")

    def require_window(self, *, closed: bool, now: datetime) -> None:
        """Raises InvalidCertificate for what is no window, one that has not begun, or one that is called closed while
        its time runs. now: the reader's clock."""
        try:
            start, end = window_span(self.window)
        except ValueError as error:
            raise InvalidCertificate(f"subject.window: {error}", field="subject.window") from error
        if now < (end if closed else start):
            raise InvalidCertificate(
                f"the window {self.window} {'ends' if closed else 'begins'} at {(end if closed else start).isoformat()}"
                f", so it cannot be {'closed' if closed else 'read'} at {now.isoformat(timespec='seconds')}",
                field="closed",
            )

    @property
    def unknown_meaning(self) -> str | None:
        """Returns why its words do not fix what its numbers mean, None where they do. Raises InvalidCertificate."""
        if self.known_metric is None:
            return "metric defined by a plug-in"
        return None if self.largest_dimension is not None else "its pool does not say how many numbers x has at most"

    def said(self) -> str:
        """Returns which requests these are, in words that follow "on average over N requests"."""
        metric = self.known_metric
        measured = f"what this document calls {quoted(str(self.metric.get('name')))}"
        if metric is not None:
            measured = metric.described(self.cap)
        return (
            f"to model {quoted(self.model)} ({self.digest}) in {self.window.replace(':', ' ', 1)} (UTC), measured by "
            f"{measured}"
        )


def _invalid(message: str) -> InvalidCertificate:
    return InvalidCertificate(f"subject: {message}", field="subject")
