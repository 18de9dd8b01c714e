"""What a document states twice must agree: counts, confidence, the split of alpha, the sentence itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.shift_bounds import SPREAD_V1
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.checks.recomputed import compare
from smoothgen.certificates.checks.score_claims import claims_stated_twice
from smoothgen.certificates.format.document import to_document
from smoothgen.certificates.format.statement import statement
from smoothgen.certificates.provenance import Threat
from smoothgen.certificates.verification import Check
from smoothgen.errors import InvalidInput
from smoothgen.mechanisms import Mechanism, SynonymClasses


def stated_twice(document: Mapping[str, Any], stated: Certificate) -> Iterable[Check]:
    """Yields a check for everything that follows from the rest of the document."""
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
    yield from claims_stated_twice(document, rebuilt)
    if stated.sigma_selection is not None:
        yield _selection(document["sigma_selection"], rebuilt["sigma_selection"], stated.method)
    rebuilt_words = statement(stated)
    same = document["statement"] == rebuilt_words
    detail = "says what the numbers say" if same else f"differs; the numbers say: {rebuilt_words}"
    yield Check("statement", same, detail)
    if stated.provenance.threat is not None:
        yield _noise_norm(stated.mechanism, stated.provenance.threat)
    if isinstance(stated.mechanism, SynonymClasses):
        yield _partition(stated.mechanism)
    if stated.lipschitz is not None:
        yield _lipschitz(stated.lipschitz)


def _noise_norm(mechanism: Mechanism, threat: Threat) -> Check:
    """Returns the check of the noise's length, and with it that the noise fits the dimension of what is attacked."""
    try:
        noise = mechanism.noise_norm(max(0, threat.dimension))
    except InvalidInput as error:
        return Check("noise_norm", False, str(error))
    same = threat.dimension >= 1 and math.isclose(threat.noise_norm, noise, rel_tol=1e-6)
    formula = "sigma·√dimension" if mechanism.norm == "l2" else "the root mean square length of the noise"
    return Check("noise_norm", same, f"{formula} is {noise:.6g}")


def _partition(mechanism: SynonymClasses) -> Check:
    """Returns the check of the partition, which is named and not contained. No number rests on it: whoever has the file
    compares its digest."""
    named = f"partition {mechanism.partition!r} version {mechanism.version!r}"
    return Check("partition", True, f"names {named}; not checked here: its file must have {mechanism.digest}")


def _lipschitz(lipschitz: Lipschitz) -> Check:
    """Returns the check of the constant. Product and metric were checked when the document was read; the proof is about
    weights that a certificate does not hold."""
    return Check(
        "lipschitz",
        True,
        f"{lipschitz.constant!r} is at least the product of {len(lipschitz.factors)} factors, in {lipschitz.metric!r}; "
        "not checked here: that each bounds its layer of the model named",
    )


def _selection(stated: Mapping[str, Any], rebuilt: Mapping[str, Any], method: str) -> Check:
    """Returns the check of level and radius of the selection of σ, which are stated beside the draws they follow from.

    The cell itself was checked with the inputs.

    Since spread/v2 the radius is the one derived here, or one unit less: it bounds what is claimed, so more is no
    rounding.
    """
    if stated["sigma"] != rebuilt["sigma"]:
        detail = f"states sigma {stated['sigma']!r}, cell {rebuilt['cell']} is {rebuilt['sigma']!r}"
        return Check("sigma_selection", False, detail)
    if method != SPREAD_V1.name and stated["radius"] > rebuilt["radius"]:
        detail = f"states radius {stated['radius']!r}, the draws prove {rebuilt['radius']!r}"
        return Check("sigma_selection", False, detail)
    return compare("sigma_selection", (stated["radius"],), (rebuilt["radius"],))
