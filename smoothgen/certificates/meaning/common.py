"""What documents of every method are held to alike: who issued them, for which request and model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from smoothgen.certificates.meaning.sections import require_issue, require_model, require_request
from smoothgen.certificates.provenance import ModelIdentity, RequestIdentity
from smoothgen.certificates.verification import Check, checked
from smoothgen.errors import InvalidCertificate
from smoothgen.noise import CLIENT_SEED_LIMIT, Seed

_LEFT_TO_SIGNATURES: Final = "the words fix what the numbers are about; that the model named was so run is not checked"


def left_open(sections: Mapping[str, object | None], ours: Mapping[str, bool]) -> str | None:
    """Returns why a document's words do not fix what its numbers mean, None where they do.

    sections: what it should have, by name. ours: whether metric and attack are known ones, by these words.
    """
    missing = [name for name, section in sections.items() if section is None]
    if len(missing) == len(sections):
        return "the document names no model, no metric and no threat"
    if missing:
        return f"the document has no section {', '.join(missing)}"
    plug_ins = [name for name, known in ours.items() if not known]
    return f"{' and '.join(plug_ins)} defined by a plug-in" if plug_ins else None


def meaning_check(unknown: str | None) -> Check:
    """Returns the check `meaning`, for what `left_open` says of a document."""
    return Check("meaning", True, _LEFT_TO_SIGNATURES if unknown is None else f"not checked: {unknown}")


def judged_origin(
    certificate_id: str | None, requested_at: str | None, request: RequestIdentity | None, model: ModelIdentity | None
) -> Iterable[Check]:
    """Yields the checks of a document's issue, request and model; of the last two where it has them."""
    issued = "an id and a time of issue" if certificate_id is not None else "none stated: no server issued it"
    yield checked("identity", issued, lambda: require_issue(certificate_id, requested_at))
    if request is not None:
        yield checked("request", "digests and parameters as a server writes them", lambda: require_request(request))
    if model is not None:
        yield checked("model", "named, with a digest", lambda: require_model(model))


def require_seed_origin(seed: Seed, where: str = "draws") -> None:
    """Raises InvalidCertificate for a seed that its origin does not draw: a server's has 128 random bits, so it lies
    below 2^63, where clients' seeds lie, with probability 2^-65. where: the name of the field that states it."""
    clients = seed.value < CLIENT_SEED_LIMIT
    if clients != (seed.origin == "client"):
        raise InvalidCertificate(
            f"{where}.seed_origin is {seed.origin!r}, and the seed is {'below' if clients else 'not below'} 2^63: "
            "clients choose seeds below it, and of a server's one in 2^65 is",
            field=f"{where}.seed_origin",
        )
