"""What a certificate of mechanism passages or words says of other units: how many differ, and what holds for so many.

It takes the request's own units, which are kept as long as its prompt, and no worker: nothing is embedded or run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from app.http.dependencies import Gateway
from smoothgen.certificates import UnitsCertificate, read_certificate
from smoothgen.contracts import Covers, CoversRequest, JobSpec, PromptCover, unit_texts
from smoothgen.errors import Conflict, InvalidInput, NotFound
from smoothgen.planning.units import served_otherwise
from smoothgen.units import UnitTexts, difference


async def compare_units(gateway: Gateway, certificate_id: str, asked: CoversRequest) -> Covers:
    """Returns the answer. Raises NotFound where the request is no longer kept, Conflict for prompts that are compared
    with passages and for passages that are compared with words of a prompt, QueueUnavailable."""
    try:
        material = await gateway.store.covers.material(certificate_id)
    except ValidationError as error:
        raise Conflict(
            f"the request behind certificate {certificate_id!r:.80} was written by another version of the server, so "
            "its units cannot be read; ask for a new certificate"
        ) from error
    if material is None:
        raise NotFound(
            f"the request behind certificate {certificate_id!r:.80} is not kept here, so its units cannot be compared; "
            "ask for a new certificate"
        )
    certificate = read_certificate(json.loads(material[0]))
    if not isinstance(certificate, UnitsCertificate):
        raise Conflict(f"certificate {certificate_id!r:.80} is of method {certificate.method!r} and has no units")
    return await gateway.threads.run(partial(_compared, certificate_id, certificate, material[1], asked))


def _compared(certificate_id: str, certificate: UnitsCertificate, job: JobSpec, asked: CoversRequest) -> Covers:
    of_context = job.request.context is not None
    if of_context != (asked.context is not None):
        had, send = ("a context", "context") if of_context else ("no context", "prompts")
        raise Conflict(
            f"the request behind certificate {certificate_id!r:.80} has {had}: its units are compared with those of "
            f"other {send}; send {send}"
        )
    ours = unit_texts(job.request, job.mechanism)
    if asked.context is not None:
        answers = [_answer(certificate, ours, _other(job, {"context": asked.context}), None)]
    else:
        answers = [_answer(certificate, ours, _other(job, {"prompt": prompt}), prompt) for prompt in asked.prompts]
    return Covers(
        certificate=certificate_id,
        radius=float(certificate.radius),
        norm=f"number of {job.mechanism} that differ",
        confidence=certificate.confidence,
        samples=certificate.evidence.samples if certificate.sampled else 0,
        statement=_statement(certificate),
        answers=answers,
    )


def _other(job: JobSpec, changes: Mapping[str, Any]) -> JobSpec:
    return job.model_copy(update={"request": job.request.model_copy(update=changes)})


def _answer(certificate: UnitsCertificate, ours: UnitTexts, other: JobSpec, prompt: str | None) -> PromptCover:
    try:
        theirs = unit_texts(other.request, other.mechanism).units
        reason = served_otherwise(other, len(theirs), certificate.evidence.diameter)
    except InvalidInput as error:
        return PromptCover(prompt=prompt, comparable=False, reason=str(error))
    altered = difference(ours.units, theirs).altered
    if reason is not None:
        return PromptCover(prompt=prompt, comparable=False, altered=altered, reason=reason)
    bound = certificate.bound_for(altered)
    return PromptCover(
        prompt=prompt,
        comparable=True,
        distance=float(altered),
        altered=altered,
        inside=bound.covered,
        w1_bound=bound.w1_bound,
        least_share=bound.share,
    )


def _statement(certificate: UnitsCertificate) -> str:
    return (
        "Counted are the fewest units that are replaced, left out or put in; one that moved counts twice. All bounds "
        f"hold together with the certificate's confidence, {certificate.confidence!r}. Like the certificate, they are "
        "about a request that differs in its units alone."
    )
