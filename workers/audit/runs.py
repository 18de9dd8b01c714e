"""The samples of a certificate: under which condition each is drawn, and which distance is stated of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import (
    AnyCertificate,
    Certificate,
    EditsCertificate,
    ExhaustiveCertificate,
    UnitsCertificate,
)
from smoothgen.contracts import JobSpec, unit_texts
from smoothgen.edits import edit_set_of
from smoothgen.errors import InvalidInput
from smoothgen.noise import Stream
from workers.generators import Condition, Generator
from workers.jobs.neighbour_runs import NeighbourRuns, snap_of
from workers.jobs.sampling import condition_of, embedder_of


@dataclass(frozen=True)
class StatedRuns:
    """The samples of a certificate.

    condition: of all of them, or by index where each reads a text of its own. stated: their distances, metric units,
    shape (n,); +inf for those that failed. own: the condition of the prompt's own run, where distances are to its
    output; None where they are to a centre that the certificate states.
    """

    condition: Condition
    stated: NDArray[np.float64]
    own: Condition | None = None


def runs_of(certificate: AnyCertificate, spec: JobSpec, generator: Generator) -> StatedRuns:
    """Returns the samples of a certificate.

    Raises InvalidInput where this model, prompt or chat template gives others than the certificate's.
    """
    condition = condition_of(spec, generator)
    _require_template(certificate, condition)
    if isinstance(certificate, Certificate):
        return _of_noise(certificate, condition)
    if condition.random and not _names_seed(certificate):
        raise InvalidInput(
            "the model drew random numbers of its own, and the certificate does not say by which seed; ask for "
            "temperature 0 where samples are to be audited"
        )
    if isinstance(certificate, ExhaustiveCertificate):
        return _of_sequences(certificate, generator, condition)
    embed = partial(embedder_of(spec, generator), condition.template)
    if isinstance(certificate, EditsCertificate):
        return _of_edits(certificate, spec, condition, embed)
    return _of_units(certificate, spec, condition, embed)


def _of_noise(certificate: Certificate, condition: Condition) -> StatedRuns:
    if condition.mechanism.to_dict() != certificate.mechanism.to_dict():
        raise InvalidInput(
            f"the model's noise here is {condition.mechanism.to_dict()!r:.200}, the certificate's "
            f"{certificate.mechanism.to_dict()!r:.200}"
        )
    sampling = certificate.provenance.sampling
    if sampling is not None and condition.snap != sampling.snap:
        raise InvalidInput(f"noisy embeddings are snapped to table {condition.snap} here, and to {sampling.snap} there")
    return StatedRuns(condition, certificate.evidence.distances.astype(np.float64))


def _of_sequences(certificate: ExhaustiveCertificate, generator: Generator, condition: Condition) -> StatedRuns:
    evidence = certificate.evidence
    listed = snap_of(generator).listed(condition, evidence.runs - 1)
    if not np.array_equal(listed.cost_array, evidence.costs[1:]):
        raise InvalidInput(
            "the token sequences nearest to the prompt are others here than the certificate lists; `smoothgen verify "
            "--model` says which it leaves out"
        )
    runs = NeighbourRuns(snap_of(generator), condition, listed)
    return StatedRuns(replace(condition, of_sample=runs), evidence.distances[1:], condition)


def _of_edits(
    certificate: EditsCertificate, spec: JobSpec, condition: Condition, embed: Callable[[str], Condition]
) -> StatedRuns:
    asked, identity, evidence = spec.request.robustness.edits, certificate.edit_set, certificate.evidence
    if asked is None or identity is None:
        raise InvalidInput("the certificate does not say which set of edits it is of")
    edits = edit_set_of(identity, spec.request.prompt, asked.variants)
    if (edits.identity, edits.size) != (identity, evidence.size):
        raise InvalidInput(
            f"the prompt's set of edits is {edits.digest} here, and {identity.digest:.80} in the certificate; give "
            "each text that the request named beside the prompt by --variant, in order"
        )
    texts, indices = edits.texts, evidence.indices

    def of_sample(stream: Stream, index: int) -> Condition:
        del stream  # a run belongs to no stream of noise
        return embed(texts[int(indices[index])])

    return StatedRuns(replace(condition, of_sample=of_sample), evidence.distances, condition)


def _of_units(
    certificate: UnitsCertificate, spec: JobSpec, condition: Condition, embed: Callable[[str], Condition]
) -> StatedRuns:
    texts, choice, seed = unit_texts(spec.request, spec.mechanism), certificate.choice, certificate.seed
    if len(texts.units) != choice.units:
        raise InvalidInput(f"the text given has {len(texts.units)} units, and the certificate is about {choice.units}")

    def of_sample(stream: Stream, index: int) -> Condition:
        del stream  # a run belongs to no stream of noise
        if seed is None:
            kept = choice.enumerated()[index]
        else:
            [kept] = choice.drawn(seed, Stream.UNITS_CERTIFICATION, [index])
        return embed(texts.text(kept.tolist()))

    stated = certificate.evidence.distances.astype(np.float64)
    return StatedRuns(replace(condition, of_sample=of_sample), stated)


def _names_seed(certificate: AnyCertificate) -> bool:
    if isinstance(certificate, ExhaustiveCertificate):
        return certificate.randomness is not None
    if isinstance(certificate, EditsCertificate):
        return certificate.evidence.seed is not None
    return isinstance(certificate, UnitsCertificate) and certificate.seed is not None


def _require_template(certificate: AnyCertificate, condition: Condition) -> None:
    request = certificate.provenance.request
    stated, own = None if request is None else request.template, condition.template
    if (None if own is None else own.digest) != stated:
        raise InvalidInput(
            f"the chat template around the prompt reads {None if own is None else own.digest} now, and {stated} in the "
            "certificate; use the model's files, and where the template tells the date its day, of the certificate"
        )
