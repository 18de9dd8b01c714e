"""Which set of edits a certificate speaks of: everything that lists it again, but for the texts themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from smoothgen.certificates.format.json_data import (
    require_list,
    require_mapping,
    require_string,
    require_whole_number,
)
from smoothgen.certificates.meaning.sections import require_digest
from smoothgen.errors import InvalidCertificate

EDITS_V1: Final = "edits/v1"
"""Name of the set's rules (`smoothgen.edits`) and of the method that certifies it: neither changes its meaning."""
KINDS: Final = ("typo", "capitals", "spacing", "punctuation", "synonym")
"""The kinds of edits in version edits/v1, in the order they are listed."""
_FIELDS: Final = ["version", "kinds", "at_once", "variants", "partition", "digest"]


@dataclass(frozen=True)
class EditSetIdentity:
    """A set of edits of a text that is not stated here.

    version: of the rules. kinds: in the order of KINDS. at_once: how many edits together, 1 or 2. variants: how many
    texts the caller gave. partition: digest of the synonym classes, None without the kind "synonym". digest:
    "sha256:<hex>" over all of this, the text and every text of the set (`smoothgen.edits.EditSet.digest`).
    """

    version: str
    kinds: tuple[str, ...]
    at_once: int
    variants: int
    partition: str | None
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {**vars(self), "kinds": [*self.kinds]}

    @classmethod
    def from_dict(cls, document: Any) -> EditSetIdentity:
        """Reads what `to_dict` writes. Raises InvalidCertificate."""
        fields = require_mapping(document, "edit_set")
        if set(fields) != set(_FIELDS):
            raise InvalidCertificate(
                f"edit_set must have exactly {_FIELDS}, got {sorted(fields)!r:.200}", field="edit_set"
            )
        partition = fields["partition"]
        return cls(
            version=require_string(fields["version"], "edit_set.version"),
            kinds=tuple(
                require_string(kind, "edit_set.kinds") for kind in require_list(fields["kinds"], "edit_set.kinds")
            ),
            at_once=require_whole_number(fields["at_once"], "edit_set.at_once"),
            variants=require_whole_number(fields["variants"], "edit_set.variants"),
            partition=None if partition is None else require_string(partition, "edit_set.partition"),
            digest=require_string(fields["digest"], "edit_set.digest"),
        )


def require_edit_set(stated: EditSetIdentity, size: int, singles: int) -> None:
    """Raises InvalidCertificate for a version or kinds we do not list, numbers out of range, digests of another form,
    and for counts that such a set cannot have. size: of all texts; singles: of those one edit away."""
    if stated.version != EDITS_V1:
        raise _invalid("version", f"must be {EDITS_V1!r}, got {stated.version!r:.80}")
    if stated.kinds != tuple(kind for kind in KINDS if kind in stated.kinds):
        raise _invalid("kinds", f"must be some of {[*KINDS]}, in this order, got {[*stated.kinds]!r:.200}")
    if stated.at_once not in (1, 2):
        raise _invalid("at_once", f"must be 1 or 2, got {stated.at_once!r}")
    if stated.variants < 0:
        raise _invalid("variants", f"must be at least 0, got {stated.variants!r}")
    if (stated.partition is None) == ("synonym" in stated.kinds):
        raise _invalid("partition", "must be stated exactly where the kinds have 'synonym'")
    if stated.partition is not None:
        require_digest("edit_set.partition", stated.partition)
    require_digest("edit_set.digest", stated.digest)
    if stated.at_once == 1 and singles != size:
        raise _invalid("at_once", f"is 1, and {size - singles} of {size} texts are said to be more than one edit away")
    if not stated.kinds and stated.variants < size:
        raise _invalid("variants", f"is {stated.variants}, and there are {size} texts without any other kind of edit")


def _invalid(name: str, message: str) -> InvalidCertificate:
    return InvalidCertificate(f"edit_set.{name} {message}", field=f"edit_set.{name}")
