"""From a certificate and its prompt to the job it is of: what a worker needs to draw its samples again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from smoothgen.certificates import AnyCertificate, Certificate, EditsCertificate, ExhaustiveCertificate
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.certificates.provenance import MetricIdentity, RequestIdentity
from smoothgen.contracts import EDITS, TOKENS, GenerateRequest, JobSpec, Modality, Parameters, read_parameters
from smoothgen.contracts.mechanism_names import (
    EMBEDDING,
    EMBEDDING_PER_STEP,
    EMBEDDING_SHAPED,
    LATENT_SCHEDULE,
)
from smoothgen.errors import InvalidInput
from smoothgen.mechanisms import Gaussian, GaussianPerStep, LatentSchedule, Mechanism, ShapedGaussian, SynonymClasses
from smoothgen.noise import Seed
from smoothgen.queue import ANYONE

_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Gaussian.name: EMBEDDING,
        ShapedGaussian.name: EMBEDDING_SHAPED,
        GaussianPerStep.name: EMBEDDING_PER_STEP,
        LatentSchedule.name: LATENT_SCHEDULE,
    }
)
"""What requests call a certificate's noise. Forward noise has no name here: it is on a seed image, which certificates
name by its sha256 alone."""
_DIGESTED: Final = ("history", "image", "prompt_embeds")
"""Parameters that certificates name by their sha256 alone."""
_NO_SEED: Final = Seed(0, "server")


@dataclass(frozen=True)
class Given:
    """What certificates hold the digests of: the prompt, the texts that a request for edits gave beside it, in order,
    and the passages of its context, None where it has none."""

    prompt: str
    variants: Sequence[str] = ()
    context: Sequence[str] | None = None


def job_of(certificate: AnyCertificate, modality: Modality, given: Given) -> JobSpec:
    """Returns the job of a certificate. modality: of its model.

    Raises InvalidInput for a certificate that does not say enough, and where what is given is not what its digests are
    of.
    """
    stated = certificate.provenance
    if stated.request is None or stated.metric is None or stated.model is None:
        raise InvalidInput("the certificate names no request, metric or model, so no sample of it can be run again")
    given = _its_own(stated.request, given)
    parameters = _parameters(stated.request, modality)
    seed = seed_of(certificate)
    sigma, robustness = _noise(certificate) if isinstance(certificate, Certificate) else (None, _runs(certificate))
    if isinstance(certificate, EditsCertificate):
        robustness["edits"] |= {"variants": [*given.variants]}
    written = {
        "model": stated.model.name,
        "prompt": given.prompt,
        "context": None if given.context is None else [*given.context],
        "robustness": {**robustness, "metric": _metric(stated.metric)},
    }
    try:
        request = GenerateRequest.model_validate(written)
    except ValidationError as error:
        raise InvalidInput(f"the certificate's request cannot be written again: {error}") from error
    if request.robustness.metric is None or stated.request.context_digest != request.context_digest:
        raise InvalidInput(
            f"the context given is {request.context_digest}, the certificate's {stated.request.context_digest}; give "
            "the passages that were sent, in order, as a JSON list of texts by --context-file"
        )
    return JobSpec(
        id=certificate.id or "audit",
        request=request,
        parameters=parameters,
        sigma=sigma,
        metric=request.robustness.metric,
        tolerance=certificate.tolerance or 0.0,
        seed=str(seed),
        seed_origin=seed.origin,
        submitted_ms=0,
        tenant=ANYONE,
        retention_s=0,
    )


def seed_of(certificate: AnyCertificate) -> Seed:
    """Returns the seed of a certificate's job; one of 0 where it names none, since nothing was drawn."""
    if isinstance(certificate, Certificate):
        sampling = certificate.provenance.sampling
        if sampling is None:
            raise InvalidInput("the certificate does not say by which random numbers it was sampled")
        return Seed(int(sampling.seed, 16), sampling.seed_origin)
    if isinstance(certificate, ExhaustiveCertificate):
        return certificate.randomness or _NO_SEED
    return (certificate.evidence.seed if isinstance(certificate, EditsCertificate) else certificate.seed) or _NO_SEED


def _noise(certificate: Certificate) -> tuple[float, dict[str, Any]]:
    """Returns the noise level and what a request says of the noise."""
    mechanism: Mechanism = certificate.mechanism
    synonyms = isinstance(mechanism, SynonymClasses)
    noise = mechanism.then if isinstance(mechanism, SynonymClasses) else mechanism
    if noise.name not in _NAMES:
        raise InvalidInput(f"noise {noise.name!r} is on a seed image, which the certificate names by its sha256 alone")
    level = noise.to_dict().get("sigma", noise.to_dict().get("beta"))
    sampling = certificate.provenance.sampling
    if sampling is None or not isinstance(level, float):
        raise InvalidInput("the certificate does not say under which noise it was sampled")
    return level, {
        "mechanism": _NAMES[noise.name],
        "synonyms": synonyms,
        "snap": sampling.snap is not None,
        "randomness": "fresh" if sampling.randomness == "fresh" else "common",
    }


def _runs(certificate: AnyCertificate) -> dict[str, Any]:
    """Returns what a request says of runs without noise."""
    if isinstance(certificate, ExhaustiveCertificate):
        return {"mechanism": TOKENS}
    if isinstance(certificate, EditsCertificate):
        if certificate.edit_set is None:
            raise InvalidInput("the certificate does not say which set of edits it is of")
        identity = certificate.edit_set
        return {"mechanism": EDITS, "edits": {"kinds": [*identity.kinds], "at_once": identity.at_once}}
    threat = getattr(certificate, "threat", None)
    if threat is None:
        raise InvalidInput("the certificate does not say what its units are")
    return {"mechanism": threat.kind}


def _metric(stated: MetricIdentity) -> dict[str, Any]:
    """Returns the metric as a request names it."""
    named: dict[str, Any] = {"name": stated.name}
    if stated.name.startswith(PLUGIN):
        named = {"name": "plugin", "plugin": stated.name.removeprefix(PLUGIN)}
        named["options"] = stated.options.get("options", {})
    elif stated.name == "label":
        named["extract"] = stated.options.get("extract")
    elif stated.name == "vision-chord":
        named["model"] = stated.options.get("encoder")
    return named if stated.cap is None else {**named, "cap": stated.cap}


def _parameters(request: RequestIdentity, modality: Modality) -> Parameters:
    for name in _DIGESTED:
        if request.parameters.get(name) is not None:
            raise InvalidInput(f"the request had {name!r}, which the certificate names by its sha256 alone")
    try:
        return read_parameters(modality, request.parameters)
    except ValidationError as error:
        raise InvalidInput(f"the certificate's generation parameters cannot be read: {error}") from error


def _its_own(request: RequestIdentity, given: Given) -> Given:
    """Returns what is given, with the prompt as the digest has it. Raises InvalidInput for another prompt."""
    prompt = given.prompt
    # An editor ends a file with a line break, which the prompt may not have. The digest says which it is.
    for text in dict.fromkeys((prompt, prompt.removesuffix("\n"), prompt.removesuffix("\r\n"))):
        if _digest(text) == request.prompt_digest:
            return Given(text, given.variants, given.context)
    raise InvalidInput(
        f"the prompt given is {_digest(prompt)}, the certificate's {request.prompt_digest:.80}; give the very text "
        "that was sent, white space included"
    )


def _digest(prompt: str) -> str:
    return f"sha256:{hashlib.sha256(prompt.encode()).hexdigest()}"
