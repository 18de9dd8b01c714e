"""The claim of a certificate of edits in one paragraph: our words, and others' only between quotation marks."""

from __future__ import annotations

from typing import Final

from smoothgen.certificates.edits.certificate import EditsCertificate
from smoothgen.certificates.edits.identity import EDITS_V1
from smoothgen.certificates.edits.meaning import unknown_meaning
from smoothgen.certificates.exhaustive.sentences import measured_by, own_answer
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.scores import bound_in_words, claim_in_words, unscored_runs

_NO_ADVERSARY: Final = (
    "This is no claim against an adversary who chooses the edit: he may choose one of the others, and nothing is "
    "claimed about how far its output moves."
)
_UNCHECKED: Final = (
    "That the texts run are those of the set, and that the model gave these outputs, is not checked here: it takes the "
    "prompt and the model."
)
_MOST_SHOWN: Final = 3


def statement(certificate: EditsCertificate) -> str:
    """Returns what is certified, in words, from the certificate's own numbers. Deterministic."""
    sentences = _sampled(certificate) if certificate.sampled else _exact(certificate)
    sentences += [*own_answer(certificate.provenance.metric), *_scores(certificate)]
    sentences += [*_broken(certificate), *_failed(certificate), _set(certificate)]
    unknown = unknown_meaning(certificate)
    if unknown is not None:
        sentences.append(f"What these words and numbers mean is not checked: {unknown}.")
    sentences.append("The generator's randomness is one draw, the same for every run, or none.")
    return " ".join([*sentences, _UNCHECKED])


def _exact(certificate: EditsCertificate) -> list[str]:
    claims, size, tolerance = certificate.claims, certificate.evidence.size, certificate.tolerance
    measured = measured_by(certificate.provenance.metric)
    if claims.kept == size:
        first = f"{_all(size)} the output within the tolerance {tolerance!r} of the prompt's own{measured}."
    else:
        first = (
            f"{claims.kept} of the {size} edits of the prompt in the set, a share of at least {claims.share!r}, keep "
            f"the output within the tolerance {tolerance!r} of the prompt's own{measured}; {size - claims.kept} do not."
        )
    sentences = [
        first,
        f"{claims.unchanged} of {size} leave it at distance 0.",
        "Whoever chooses among them, at random or not, and knows the prompt, the model and its randomness before, "
        f"moves the distribution of outputs by no more than {claims.w1_bound!r} in Wasserstein-1, given the "
        "generator's own randomness.",
    ]
    if len(claims.curve) > 1:
        singles, (_, bound) = certificate.evidence.singles, claims.curve[0]
        sentences.append(f"The {singles} texts one edit away move it by no more than {bound!r}.")
    return [*sentences, "The model was run on every text in the set and nothing is sampled: alpha is 0."]


def _all(size: int) -> str:
    return "The one edit of the prompt in the set keeps" if size == 1 else f"All {size} edits in the set keep"


def _sampled(certificate: EditsCertificate) -> list[str]:
    claims, evidence, seed = certificate.claims, certificate.evidence, certificate.evidence.seed
    measured = measured_by(certificate.provenance.metric)
    kept = f"keeps the output within the tolerance {certificate.tolerance!r} of the prompt's own{measured}"
    if claims.share == 0:
        first = f"Nothing is claimed: what share of the {evidence.size} edits {kept} is not known."
    else:
        first = (
            f"Of the {evidence.size} edits of the prompt in the set, a share of at least {claims.share!r} {kept}, with "
            f"confidence {certificate.confidence!r} over the draw of the edits."
        )
    drawn = "1 edit was" if evidence.runs == 1 else f"{evidence.runs} edits were"
    sentences = [
        first,
        _NO_ADVERSARY,
        f"{drawn} drawn uniformly, with replacement, and run: {claims.kept} kept it, {claims.unchanged} at distance 0.",
    ]
    if seed is not None and seed.origin == "client":
        sentences.append(
            "The client chose the seed: the confidence is that of a seed chosen without a look at any output."
        )
    return sentences


def _scores(certificate: EditsCertificate) -> list[str]:
    """Returns a sentence for each claim on a score; of a sample, a share for each, and that it is no more."""
    size, claims = certificate.evidence.size, certificate.score_claims
    sentences = []
    for claim in claims:
        asked, lost = claim_in_words(claim.asked), unscored_runs(claim.scored.failed)
        if claim.bound is None:
            held = f"a share of at least {claim.share!r} of the {size} edits gives outputs such that"
            sentences.append(f"With the same confidence, {held} {asked}.{lost}")
            continue
        bounded = bound_in_words(claim.asked, claim.bound)
        if claim.kept == size:
            sentences.append(f"Whoever chooses among the edits, or leaves the prompt as it is, {bounded}.{lost}")
        else:
            sentences.append(
                f"With {claim.kept} of the {size} edits, a share of at least {claim.share!r}, {asked}; with "
                f"{size - claim.kept} it is not. Whoever chooses among the edits, {bounded}.{lost}"
            )
    if claims and certificate.sampled:
        sentences.append("These shares of scores, too, are no claims against an adversary who chooses the edit.")
    return sentences


def _broken(certificate: EditsCertificate) -> list[str]:
    claims = certificate.claims
    shown = []
    for place, edit in enumerate(claims.broken_by[:_MOST_SHOWN]):
        text = None if certificate.texts is None else certificate.texts[place]
        output = None if certificate.outputs is None else certificate.outputs[place]
        read = "" if text is None else f", which reads {quoted(text)},"
        what = " failed" if edit.distance is None else f" gives an output at distance {edit.distance!r}"
        shown.append(f"number {edit.index}{read}{what}{'' if output is None else f': {quoted(output)}'}")
    if not shown:
        return []
    first = "" if claims.broken == len(shown) else f"; these are the first {len(shown)}"
    known = "1 edit is" if claims.broken == 1 else f"{claims.broken} edits are"
    return [f"{known} known to break the claim{first}: {'; '.join(shown)}."]


def _failed(certificate: EditsCertificate) -> list[str]:
    failed, runs = certificate.evidence.failed, certificate.evidence.runs
    return [f"{failed} of {runs} runs failed and lie at the diameter from every output."] if failed else []


def _set(certificate: EditsCertificate) -> str:
    stated = certificate.edit_set
    if stated is None:
        return "This document does not say which set of edits it is; all else of the request is held fixed."
    version = stated.version if stated.version == EDITS_V1 else quoted(stated.version)
    kinds = ", ".join(quoted(kind) for kind in stated.kinds) or "none"
    together = "up to 2 edits together" if stated.at_once == 2 else "one edit at a time"
    listed = "1 text" if stated.variants == 1 else f"{stated.variants} texts"
    given = f", and {listed} that the client gave" if stated.variants else ""
    return (
        f"The set is of version {version}: kinds {kinds}, {together}{given}; all else of the request is held fixed. An "
        "edit may change what the prompt means."
    )
