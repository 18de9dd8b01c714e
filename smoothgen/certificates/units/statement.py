"""The claim of a certificate of units in one paragraph: our words, and others' only between quotation marks."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

from smoothgen.certificates.exhaustive.sentences import measured_by
from smoothgen.certificates.format.sentences import answer
from smoothgen.certificates.format.statement_v1 import early_stop
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.scores import bound_in_words, claim_in_words, unscored_runs
from smoothgen.certificates.units.certificate import UnitsCertificate
from smoothgen.certificates.units.meaning import unknown_meaning
from smoothgen.certificates.units.threat import HELD_FIXED, KINDS, WORDS

_EVERY_DIGIT: Final = Context(prec=400)
"""Decimals with room for the digits of any double, down to the third place."""
_UNCHECKED: Final = (
    "That the runs read the units so chosen, in order, without their number or places, and that the model gave these "
    "outputs, is not checked here: it takes the units and the model."
)


def statement(certificate: UnitsCertificate) -> str:
    """Returns what is certified, in words, from the certificate's own numbers. Deterministic."""
    sentences = [*_claim(certificate), *_scores(certificate), _how(certificate), _confidence(certificate)]
    if certificate.looks is not None:
        sentences.append(early_stop(certificate.looks, certificate.evidence.samples))
    if certificate.seed is not None and certificate.seed.origin == "client":
        sentences.append("The client chose the seed, so the confidence does not hold against that client.")
    sentences += _lost(certificate)
    unknown = unknown_meaning(certificate)
    if unknown is not None:
        sentences.append(f"What these words and numbers mean is not checked: {unknown}.")
    return " ".join([*sentences, *_outside(certificate), _UNCHECKED])


def _claim(certificate: UnitsCertificate) -> list[str]:
    claims, metric = certificate.claims, certificate.provenance.metric
    at = claims.radius if certificate.altered is None else certificate.altered
    if at == 0:
        return [_nothing(certificate)]
    given = answer(metric)
    kept = None if claims.share is None else f"{_percent(claims.share)} of the runs"
    shift = f"{claims.w1_bound!r} in Wasserstein-1{measured_by(metric)}"
    who = f"Whoever replaces {_any(certificate, at)} by {_anything(certificate, at)}"
    if certificate.keep is not None:
        sentences = [
            f"{who} leaves {given} in at least {kept}.",
            f"The distribution of outputs moves by no more than {shift}.",
        ]
    else:
        sentences = [f"{who} moves the distribution of outputs by no more than {shift}."]
        if kept is not None:
            sentences.append(f"At least {kept} still give {given}.")
    _, plural = _named(certificate)
    sentences.append(
        f"As long as a run still reads {_still(certificate)}, the same holds for whoever deletes or inserts {plural}: "
        f"up to {at} replaced, deleted or inserted in all, and one that moves counts twice."
    )
    if certificate.altered is not None and claims.radius > at:
        sentences.append(f"What was asked, {_asked(certificate)}, holds for up to {claims.radius}.")
    if claims.majority and claims.majority != at:
        sentences.append(f"The answer keeps its majority, more than half of the runs, for up to {claims.majority}.")
    return sentences


def _scores(certificate: UnitsCertificate) -> list[str]:
    """Returns a sentence for each claim on a score, and what else than replacing they hold for."""
    claims, altered, (singular, plural) = certificate.score_claims, certificate.altered, _named(certificate)
    sentences = []
    if not certificate.asks_shift and altered is not None:
        sentences.append(
            f"Only the claims on scores were asked for {altered} altered; that the distribution of outputs moves by at "
            f"most {certificate.tolerance!r} is proven for {certificate.claims.radius}."
        )
    for claim in claims:
        at, bounded = claim.radius if altered is None else altered, bound_in_words(claim.asked, claim.bound)
        if at is None:
            first = (
                f"Not proven, even of unaltered {plural}, is that {claim_in_words(claim.asked)}; of these {bounded}."
            )
        elif at == 0:
            first = f"With unaltered {plural} {bounded}; with one {singular} altered what was asked is not proven."
        else:
            first = f"With {_any(certificate, at)} replaced by {_anything(certificate, at)}, {bounded}."
        sentences.append(first + unscored_runs(claim.evidence.failed))
    if any(claim.radius or altered for claim in claims):
        sentences.append(
            f"For scores too, {plural} that are deleted or inserted count as replaced ones, as long as a run still "
            f"reads {_still(certificate)}."
        )
    return sentences


def _still(certificate: UnitsCertificate) -> str:
    choice = certificate.choice
    return f"{choice.size} of them" if choice.size else f"each with probability {choice.probability!r}"


def _nothing(certificate: UnitsCertificate) -> str:
    claims, (_, plural) = certificate.claims, _named(certificate)
    first = f"Nothing is claimed of altered {plural}: {_asked(certificate)} is not proven even with one altered."
    if not claims.keeps:
        return first
    given, (_, share) = answer(certificate.provenance.metric), claims.keeps[0]
    return f"{first} Unaltered, they give {given} in at least {_percent(share)} of the runs."


def _asked(certificate: UnitsCertificate) -> str:
    if certificate.keep is not None:
        return f"that the answer keeps a share of at least {certificate.keep!r}"
    return f"that the distribution of outputs moves by at most {certificate.tolerance!r}"


def _any(certificate: UnitsCertificate, altered: int) -> str:
    (singular, plural), units = _named(certificate), certificate.choice.units
    if units == 1:
        return f"the one {singular}"
    return f"any one of the {units} {plural}" if altered == 1 else f"any {altered} of the {units} {plural}"


def _anything(certificate: UnitsCertificate, altered: int) -> str:
    """Returns what may stand in the place of altered units: a word for a word, since two words are two units."""
    if certificate.threat is None or certificate.threat.kind != WORDS:
        return "anything at all"
    return "any other word" if altered == 1 else "any other words, one for each"


def _named(certificate: UnitsCertificate) -> tuple[str, str]:
    """Returns what one unit is called, and what several are."""
    kind = "" if certificate.threat is None else certificate.threat.kind
    return (KINDS[kind], kind) if kind in KINDS else ("unit", "units")


def _percent(share: float) -> str:
    """Returns a share in percent with one decimal, rounded down. Takes any finite number: a stranger's document may
    state one that is no share, and the verdict on it quotes these words."""
    return f"{Decimal(repr(share)).quantize(Decimal('0.001'), ROUND_FLOOR, _EVERY_DIGIT).scaleb(2, _EVERY_DIGIT):f} %"


def _how(certificate: UnitsCertificate) -> str:
    choice, (_, plural) = certificate.choice, _named(certificate)
    if choice.size is not None:
        return (
            f"A run reads {choice.size} of the {plural} and not the others; every choice of so many is equally likely."
        )
    return f"A run reads each of the {plural} with probability {choice.probability!r}, independently of the others."


def _confidence(certificate: UnitsCertificate) -> str:
    runs, kept = certificate.evidence.samples, certificate.claims.kept
    gave = "" if kept is None else f", {kept} of them with that answer"
    if certificate.sampled:
        return f"This holds with confidence {certificate.confidence!r}, from {runs} runs drawn at random{gave}."
    if certificate.missing:
        return f"Of {certificate.choice.subsets} choices, {runs} were run{gave}. Nothing is left to chance: alpha is 0."
    return f"Each of the {runs} choices was run{gave}, so nothing is left to chance: alpha is 0."


def _lost(certificate: UnitsCertificate) -> list[str]:
    failed, missing, runs = certificate.evidence.failed, certificate.missing, certificate.evidence.samples
    lost = [f"{failed} of {runs} runs failed and count as the worst output."] if failed else []
    return [*lost, f"{missing} choices were not run and count as the worst output."] if missing else lost


def _outside(certificate: UnitsCertificate) -> list[str]:
    threat = certificate.threat
    if threat is None:
        sentences = ["This document does not say what the units are; all else is held fixed, outside the threat."]
    else:
        held = ", ".join(words if words in HELD_FIXED else quoted(words) for words in threat.held_fixed)
        sentences = [f"Held fixed, outside the threat: {held or 'all else'}."]
        if threat.kind not in KINDS:
            sentences.insert(0, f"The units are what this document calls {quoted(threat.kind)}.")
    return [
        *sentences,
        "The attacker does not know which units a run will read. This is about such runs, given the generator's own "
        "randomness where that is drawn once for all of them; it is not about a run that reads all units, nor about "
        "whether the answer is right.",
    ]
