"""Check a stranger's certificate: recompute everything it states from the evidence it carries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from smoothgen.certificates.bands import NO_SAMPLES
from smoothgen.certificates.certificate import Certificate, Claims
from smoothgen.certificates.certify import look_share, require_sound_extras, require_sound_output, require_sound_request
from smoothgen.certificates.claims import derive_claims
from smoothgen.certificates.document import content_digest, from_document, parse_json, to_document
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.lipschitz import Lipschitz
from smoothgen.certificates.looks import LookPlan
from smoothgen.certificates.provenance import Threat
from smoothgen.certificates.rounding import SIGNIFICANT_DIGITS
from smoothgen.certificates.shift_bounds import METHODS
from smoothgen.certificates.statement import statement
from smoothgen.errors import InvalidAlpha, InvalidDistances, InvalidInput
from smoothgen.mechanisms import Mechanism, SynonymClasses


@dataclass(frozen=True)
class Check:
    """One thing that was checked, whether it holds, and what was found."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """The verdict: true in a boolean context exactly if every check passed."""

    checks: tuple[Check, ...]

    @property
    def valid(self) -> bool:
        """Whether every check passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def __bool__(self) -> bool:
        return self.valid

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as POST /certificates/verify answers it."""
        return {"valid": self.valid, "checks": [vars(check) for check in self.checks]}


def verify(certificate: Certificate | Mapping[str, Any] | str | bytes | Path) -> Verification:
    """Recompute a certificate from its evidence and compare every stated number. Needs no model and no server.

    Accepts a Certificate, its JSON document (parsed or as text), or a Path. A document that is no certificate at all
    gives a verdict too: one failed check, `document`. What it cannot know: whether the distances were honestly
    measured. The digest catches changes, not forgery: anyone can compute one.

    Raises OSError when a path cannot be read.
    """
    try:
        document = _document(certificate)
        stated = from_document(document)
    except InvalidInput as error:
        return Verification((Check("document", False, str(error)),))
    checks = [Check("document", True, f"reads as {document['schema']}"), _method(document["schema"], stated.method)]
    if checks[-1].passed:
        checks += [_digest(document), _evidence(document, stated), *_claims(stated), *_derived(document, stated)]
    return Verification(tuple(checks))


def _document(certificate: Certificate | Mapping[str, Any] | str | bytes | Path) -> Any:
    if isinstance(certificate, Certificate):
        return to_document(certificate)
    if isinstance(certificate, Path):
        return parse_json(certificate.read_bytes())
    if isinstance(certificate, str | bytes):
        return parse_json(certificate)
    return certificate


def _method(schema: str, name: str) -> Check:
    """The method is one that this library knows, and the one whose documents have this schema."""
    known = [m.name for m in METHODS.values() if m.schema == schema]
    found = name in known
    return Check("method", found, f"{name!r:.80}" + ("" if found else f"; documents of {schema} are of {known}"))


def _digest(document: Mapping[str, Any]) -> Check:
    computed = content_digest(document)
    matches = document["digest"] == computed
    return Check(
        "digest",
        matches,
        "matches the content" if matches else f"stated {document['digest']!r:.80}, is {computed}",
    )


def _evidence(document: Mapping[str, Any], stated: Certificate) -> Check:
    evidence = document["evidence"]
    computed = stated.evidence.sha256
    matches = evidence["sha256"] == computed
    return Check(
        "evidence",
        matches,
        "matches its sha256" if matches else f"stated {evidence['sha256']!r:.80}, is {computed}",
    )


def _claims(stated: Certificate) -> Iterable[Check]:
    """Derive every claim again. Inputs out of range fail one check that says which."""
    try:
        share = _require_sound_inputs(stated)
        derived = derive_claims(
            stated.evidence,
            stated.bounds,
            alpha=share,
            tolerance=stated.tolerance,
            epsilon=stated.epsilon,
            band=stated.band,
            provenance=stated.provenance,
        )
    except InvalidInput as error:
        yield Check("inputs", False, str(error))
        return
    yield Check("inputs", True, "alpha, tolerance, bounds and distances are in range")
    if (stated.claims.stays is None) != (derived.stays is None):
        yield Check("stays", False, f"is stated for two-valued distances only, which {stated.band!r} may not be")
        return
    flat = _flatten(stated.claims), _flatten(derived)
    for name in ("radius", "w1_bound", "curve", "deviation", "stays"):
        yield _compare(name, *(claims[name] for claims in flat))
    asked = stated.epsilon is None or stated.claims.w1_bound <= stated.tolerance
    yield Check(
        "epsilon",
        asked,
        "the bound at the asked epsilon is within the tolerance"
        if asked
        else "the bound "
        f"{stated.claims.w1_bound!r} at epsilon {stated.epsilon!r} is above the tolerance {stated.tolerance!r}",
    )


def _require_sound_inputs(stated: Certificate) -> float:
    """Refuses what `certify` refuses: distances that are empty, negative or beyond the bound, contradictory bounds, a σ
    that its draws do not prove. Returns the alpha that the claims may spend."""
    evidence = stated.evidence
    if stated.band == NO_SAMPLES.name:
        if evidence != Evidence.none(evidence.diameter) or stated.looks is not None:
            raise InvalidDistances(
                f"band {stated.band!r} takes no distances and no looks, and the diameter as its bound"
            )
    else:
        Evidence.from_measurements(evidence.distances, bound=evidence.bound, diameter=evidence.diameter)
    require_sound_request(evidence, stated.alpha, stated.tolerance, stated.epsilon)
    require_sound_output(stated.provenance)
    alpha = require_sound_extras(
        stated.sigma_selection, stated.lipschitz, stated.mechanism, stated.alpha, stated.provenance
    )
    if stated.looks is not None and stated.looks == LookPlan.single(evidence.samples, alpha):
        raise InvalidAlpha("a single look that spends all of alpha is no plan; leave looks out", field="looks")
    return look_share(stated.looks, evidence.samples, alpha)


def _flatten(claims: Claims) -> dict[str, tuple[float | None, ...]]:
    return {
        "radius": (claims.radius,),
        "w1_bound": (claims.w1_bound,),
        "curve": tuple(x for point in claims.curve for x in point),
        "deviation": tuple(x for d in claims.deviation for x in (d.epsilon, d.gamma, d.to_centre, d.to_output)),
        "stays": () if claims.stays is None else tuple(x for point in claims.stays for x in point),
    }


def _compare(name: str, stated: tuple[float | None, ...], derived: tuple[float | None, ...]) -> Check:
    if len(stated) != len(derived):
        return Check(name, False, f"states {len(stated)} numbers where the evidence gives {len(derived)}")
    for s, d in zip(stated, derived, strict=True):
        if s != d and (s is None or d is None or not _one_unit_apart(s, d)):
            return Check(name, False, f"states {s!r}, the evidence gives {d!r}")
    return Check(
        name,
        True,
        f"follows from the evidence: {stated[0]!r}" if len(stated) == 1 else "follows from the evidence",
    )


def _one_unit_apart(stated: float, derived: float) -> bool:
    """Whether two numbers differ by at most one unit in the last certified digit.

    Another machine's erf can differ in its last bits and so tip the outward rounding by one unit; more than that is an
    altered number.
    """
    if derived == 0:
        return False
    unit = Decimal(1).scaleb(Decimal(repr(derived)).adjusted() + 1 - SIGNIFICANT_DIGITS)
    return abs(Decimal(repr(stated)) - Decimal(repr(derived))) <= unit


def _derived(document: Mapping[str, Any], stated: Certificate) -> Iterable[Check]:
    """What is stated twice must agree: counts, confidence, the split of alpha, the sentence itself."""
    try:
        rebuilt = to_document(stated)
    except InvalidInput as error:
        yield Check("derived", False, str(error))
        return
    for name in ("samples", "failed", "confidence", "alpha_split", *(("looks",) if "looks" in rebuilt else ())):
        same = document[name] == rebuilt[name]
        yield Check(
            name,
            same,
            f"{rebuilt[name]!r}" if same else f"states {document[name]!r:.80}, is {rebuilt[name]!r}",
        )
    if stated.sigma_selection is not None:
        yield _selection(document["sigma_selection"], rebuilt["sigma_selection"])
    same = document["statement"] == statement(stated)
    yield Check("statement", same, "says what the numbers say" if same else f"should read: {statement(stated)}")
    if stated.provenance.threat is not None:
        yield _noise_norm(stated.mechanism, stated.provenance.threat)
    if isinstance(stated.mechanism, SynonymClasses):
        yield _partition(stated.mechanism)
    if stated.lipschitz is not None:
        yield _lipschitz(stated.lipschitz)


def _noise_norm(mechanism: Mechanism, threat: Threat) -> Check:
    """The length of the noise, and with it that the noise fits the dimension of what is attacked."""
    try:
        noise = mechanism.noise_norm(max(0, threat.dimension))
    except InvalidInput as error:
        return Check("noise_norm", False, str(error))
    same = threat.dimension >= 1 and math.isclose(threat.noise_norm, noise, rel_tol=1e-6)
    formula = "sigma·√dimension" if mechanism.norm == "l2" else "the root mean square length of the noise"
    return Check("noise_norm", same, f"{formula} is {noise:.6g}")


def _partition(mechanism: SynonymClasses) -> Check:
    """The partition is named, not contained, and no number rests on it: whoever has the file compares its digest."""
    named = f"partition {mechanism.partition!r} version {mechanism.version!r}"
    return Check("partition", True, f"names {named}; not checked here: its file must have {mechanism.digest}")


def _lipschitz(lipschitz: Lipschitz) -> Check:
    """Product and metric have been checked at the door; the proof is about weights that a certificate does not hold."""
    return Check(
        "lipschitz",
        True,
        f"{lipschitz.constant!r} is at least the product of {len(lipschitz.factors)} factors, in {lipschitz.metric!r}; "
        "not checked here: that each bounds its layer of the model named",
    )


def _selection(stated: Mapping[str, Any], rebuilt: Mapping[str, Any]) -> Check:
    """Level and radius of the selection of σ, stated beside the draws they follow from. The cell itself has been
    checked at the door."""
    if stated["sigma"] != rebuilt["sigma"]:
        detail = f"states sigma {stated['sigma']!r}, cell {rebuilt['cell']} is {rebuilt['sigma']!r}"
        return Check("sigma_selection", False, detail)
    return _compare("sigma_selection", (stated["radius"],), (rebuilt["radius"],))
