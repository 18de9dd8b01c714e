"""Mechanisms by the name that stands in certificates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from smoothgen.errors import UnknownName
from smoothgen.mechanisms.forward_diffusion import ForwardDiffusion
from smoothgen.mechanisms.gaussian import Gaussian
from smoothgen.mechanisms.protocol import Mechanism
from smoothgen.mechanisms.schedules import GaussianPerStep, LatentSchedule
from smoothgen.mechanisms.shaped import ShapedGaussian
from smoothgen.mechanisms.synonyms import SynonymClasses

_READERS: dict[str, Callable[[Mapping[str, Any]], Mechanism]] = {
    Gaussian.name: Gaussian.from_dict,
    GaussianPerStep.name: GaussianPerStep.from_dict,
    LatentSchedule.name: LatentSchedule.from_dict,
    ForwardDiffusion.name: ForwardDiffusion.from_dict,
    ShapedGaussian.name: ShapedGaussian.from_dict,
    SynonymClasses.name: lambda document: SynonymClasses.from_dict(document, mechanism_from_dict),
}


def mechanism_from_dict(document: Mapping[str, Any]) -> Mechanism:
    """Reads a mechanism from its JSON form. Raises UnknownName, InvalidCertificate or the mechanism's own error."""
    name = str(document.get("name"))
    if name not in _READERS:
        raise UnknownName("mechanism", name, _READERS, field="mechanism.name")
    return _READERS[name](document)
