"""Words drawn from the classes of a partition before the text is embedded, then noise."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms.protocol import Mechanism
from smoothgen.noise import Seed, Stream

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_FIELDS: Final = ("partition", "version", "digest")


@dataclass(frozen=True)
class SynonymClasses:
    """A uniform draw for every word from its class of a published partition, and `then` the noise on the embedding.

    Swaps inside classes change no law, so they cost no r at all; r is that of `then`, for an attack on the embedding of
    whatever text was drawn. Proof: docs/theory/synonyms.md, "The ball after the draw". Drawing the text is the
    sampler's: this class names the partition (its name, version and the digest of its file) and draws the noise that
    comes after.

    Raises InvalidCertificate unless name and version are words and the digest a sha256, and for classes within classes.
    """

    partition: str
    version: str
    digest: str
    then: Mechanism
    name: ClassVar[str] = "synonym-classes"

    def __post_init__(self) -> None:
        stated = {name: getattr(self, name) for name in _FIELDS}
        if not all(isinstance(value, str) and value for value in stated.values()) or not _DIGEST.fullmatch(self.digest):
            raise InvalidCertificate(
                f"mechanism {self.name!r} names its partition by name, version and a digest 'sha256:<64 hexadecimal "
                f"digits>'; got {stated!r:.200}",
                field="mechanism",
            )
        if isinstance(self.then, SynonymClasses):
            raise InvalidCertificate(f"mechanism {self.name!r} cannot hold another of its kind", field="mechanism.then")

    @property
    def effective_sigma(self) -> float:
        """Returns the σ of `then`."""
        return self.then.effective_sigma

    @property
    def norm(self) -> str:
        """Returns the norm of `then`."""
        return self.then.norm

    @property
    def remark(self) -> str:
        """Returns what is drawn, from which partition, and what the ball then speaks of, in sentences."""
        own = "" if self.then.remark is None else f" {self.then.remark}"
        return (
            "Before the prompt is embedded, every word of it is replaced by a uniform draw from its class of the "
            f"public partition {self.partition!r}, version {self.version!r} ({self.digest}), which this certificate "
            "names and does not contain: any number of swaps inside the classes leaves the distribution of outputs as "
            f"it is, and the attack above is one on the embedding of the text that was drawn.{own}"
        )

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns the noise on the embedding, as `then` draws it."""
        return self.then.draw(seed, stream, indices, shape)

    def noisy(self, x: NDArray[Any], noise: NDArray[np.float64], step: int = 0) -> NDArray[np.float64]:
        """Returns x + noise, as `then` adds it."""
        return self.then.noisy(x, noise, step)

    def rounding_slack(self, dimension: int) -> float:
        """Returns the rounding slack of `then`."""
        return self.then.rounding_slack(dimension)

    def radius_in_sigmas(self, epsilon: float) -> float:
        """Returns r under `then`, rounded up."""
        return self.then.radius_in_sigmas(epsilon)

    def attack_norm(self, delta: NDArray[np.float64]) -> float:
        """Returns the attack norm of `then`, rounded up."""
        return self.then.attack_norm(delta)

    def noise_norm(self, dimension: int) -> float:
        """Returns the noise norm of `then`."""
        return self.then.noise_norm(dimension)

    def epsilon(self, radius_in_sigmas: float) -> float:
        """Returns the epsilon of `then`, rounded down."""
        return self.then.epsilon(radius_in_sigmas)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {"name": self.name, **{name: getattr(self, name) for name in _FIELDS}, "then": self.then.to_dict()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Mechanism]) -> SynonymClasses:
        """Reads what `to_dict` writes; `read` reads the noise. Raises InvalidCertificate on a missing or foreign
        field, and what `read` raises."""
        inner = document.get("then")
        if set(document) != {"name", "then", *_FIELDS} or not isinstance(inner, Mapping):
            raise InvalidCertificate(
                f"mechanism {cls.name!r} takes exactly {', '.join(_FIELDS)} (words) and then (a mechanism); got "
                f"{dict(document)!r:.200}"
            )
        if inner.get("name") == cls.name:
            raise InvalidCertificate(f"mechanism {cls.name!r} cannot hold another of its kind", field="mechanism.then")
        return cls(**{name: document[name] for name in _FIELDS}, then=read(inner))
