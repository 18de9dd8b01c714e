"""Sentences that statements of runs are made of: our words, and others' only between quotation marks."""

from __future__ import annotations

from smoothgen.certificates.exhaustive.certificate import ExhaustiveCertificate
from smoothgen.certificates.exhaustive.threat import GIVEN_EMBEDDINGS, MODALITIES, SURROUNDING, TOKEN_EMBEDDINGS
from smoothgen.certificates.format.sentences import answer
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.threats import is_known_to_be_held
from smoothgen.certificates.meaning.turns import USER_TURNS
from smoothgen.certificates.provenance import MetricIdentity


def attacked(certificate: ExhaustiveCertificate) -> str:
    """Returns what is attacked, in the words of the adapters; with a comma behind others' words."""
    words = TOKEN_EMBEDDINGS if certificate.threat is None else certificate.threat.attack_on
    return words if words in MODALITIES else f"input that this document calls {quoted(words)},"


def was_sent(certificate: ExhaustiveCertificate) -> bool:
    """Returns whether the model reads embeddings that came with the request, whose prompt is a label then."""
    return certificate.threat is not None and certificate.threat.attack_on == GIVEN_EMBEDDINGS


def reads_turns(certificate: ExhaustiveCertificate) -> bool:
    """Returns whether all of the user's turns are attacked, and not the prompt alone."""
    return certificate.threat is not None and certificate.threat.attack_on == USER_TURNS


def what_is_read(certificate: ExhaustiveCertificate) -> str:
    """Returns what the model reads where nobody tampers with it."""
    if was_sent(certificate):
        return "the embeddings sent"
    return "the conversation" if reads_turns(certificate) else "the prompt"


def own_output(certificate: ExhaustiveCertificate) -> str:
    """Returns whose output all distances are to."""
    read = what_is_read(certificate)
    return f"the output of {read}" if was_sent(certificate) else f"{read}'s own"


def snapped_and_run(certificate: ExhaustiveCertificate) -> str:
    """Returns why runs are enough, and which were made."""
    evidence = certificate.evidence
    runs = "the one token sequence" if evidence.runs == 1 else f"{evidence.runs} token sequences"
    end = (
        "stated to be all there are"
        if evidence.next_cost is None
        else f"stated to be all that cost less than {evidence.next_cost!r}, the cost from which on none was run"
    )
    return (
        "Every embedding is replaced by the nearest row of a public table before the model sees it, so such an attack "
        f"can only make the model see another token sequence. The model was run on {runs}, {end}."
    )


def failed_runs(certificate: ExhaustiveCertificate) -> list[str]:
    """Returns the sentence about runs that failed, where some did."""
    failed, runs = certificate.evidence.failed, certificate.evidence.runs
    return [f"{failed} of {runs} runs failed and lie at the diameter from every output."] if failed else []


def the_attacker(certificate: ExhaustiveCertificate) -> str:
    """Returns what an attacker may do and know, and how the generator's own randomness is drawn."""
    return (
        f"The attacker may move all embeddings together, and may know {what_is_read(certificate)}, the model, the "
        "table and the generator's randomness before. The generator's randomness is one draw, the same for every run, "
        "or none."
    )


def measured_by(metric: MetricIdentity | None) -> str:
    """Returns the metric's description, behind a comma; nothing where none is named."""
    if metric is None:
        return ""
    known = METRICS.get(metric.name)
    if known is not None:
        return f", measured by {known.described(metric.cap)}"
    capped = "" if metric.cap is None else f", capped at {metric.cap!r}"
    return f", measured by what this document calls {quoted(metric.name)}{capped}"


def own_answer(metric: MetricIdentity | None) -> list[str]:
    """Returns the sentence about the answer of the prompt's own output, where the document names one."""
    if metric is None or "label" not in metric.centre:
        return []
    return [f"The prompt's own output gives {answer(metric)}."]


def held_fixed(certificate: ExhaustiveCertificate) -> str:
    """Returns the sentence about what lies outside the threat."""
    stated = () if certificate.threat is None else certificate.threat.held_fixed
    held = [words if words == SURROUNDING or is_known_to_be_held(words) else quoted(words) for words in stated]
    named = ", ".join(held) if held else "token count, template and positions"
    return f"Held fixed, outside the threat: {named}."
