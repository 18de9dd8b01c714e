"""A file of thresholds: what a study's rows must reach, in TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from smoothgen.errors import InvalidInput


class _Threshold(BaseModel):
    """Which rows are meant. model: its name. The others narrow it down, and where one is left out, every setting that
    is there must reach the threshold by itself: settings are never averaged."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str
    setting: str | None = None


class _OfCertificates(_Threshold):
    study: str = "protocol"
    method: str | None = None
    metric: str | None = None
    least_share: float = Field(gt=0, le=1)


class CertifiedShare(_OfCertificates):
    """At least `least_share` of the prompts are certified at `radius` or further. An abstention counts as radius 0."""

    radius: float = Field(gt=0)


class BoundedShare(_OfCertificates):
    """For at least `least_share` of the prompts the certified bound at `epsilon` is `at_most`, in the metric's units.

    The bound is read from the certificate's curve: of an exact certificate under mechanism tokens the last step at or
    below `epsilon`, else the first point at or beyond it; a certificate whose curve ends before it fails."""

    epsilon: float = Field(gt=0)
    at_most: float = Field(gt=0)


class FidelityLimit(_Threshold):
    """The measure, over all prompts, is `at_most` or `at_least` so much, or lies between the two."""

    measure: str
    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> FidelityLimit:
        if self.at_most is None and self.at_least is None:
            raise ValueError(f"the limit on {self.measure!r} needs at_most or at_least")
        return self


class Falsification(BaseModel):
    """How many comparisons may cross. None: as many as chance allows, by the test of the report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most_crossings: int | None = Field(default=None, ge=0)


class Thresholds(BaseModel):
    """Every threshold of a file. Attacks in the study are always judged, `falsification` or not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certified: tuple[CertifiedShare, ...] = ()
    bounded: tuple[BoundedShare, ...] = ()
    fidelity: tuple[FidelityLimit, ...] = ()
    falsification: Falsification = Falsification()

    @model_validator(mode="after")
    def _something(self) -> Thresholds:
        if not (self.certified or self.bounded or self.fidelity):
            raise ValueError("no threshold stands in it; write [[certified]], [[bounded]] or [[fidelity]]")
        return self


def read_thresholds(path: Path) -> Thresholds:
    """Returns the thresholds in a TOML file. Raises InvalidInput for a file that is none; the message names the table,
    the field, what stands there and what is wrong with it. Raises OSError for a file that cannot be read."""
    try:
        return Thresholds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is no TOML file: {error}", field="thresholds") from error
    except ValidationError as error:
        told = "; ".join(_told(one["loc"], one["msg"], one["input"]) for one in error.errors())
        raise InvalidInput(
            f"{path}: {told}; docs/evaluation/gate.md lists what a file of thresholds may say", field="thresholds"
        ) from error


def _told(where: tuple[int | str, ...], message: str, given: object) -> str:
    place = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
    shown = "" if isinstance(given, dict) else f" (got {given!r:.60})"
    return f"{place}: {message}{shown}" if place else message.removeprefix("Value error, ")
