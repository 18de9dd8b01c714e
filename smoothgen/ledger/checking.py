"""Whether a ledger, or an export of one, is as it was written: its chain, and the certificates beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.verify import verify
from smoothgen.errors import InvalidCertificate
from smoothgen.ledger.chain import EMPTY, ERASURE, Entry, Head, carried_on, fault


@dataclass(frozen=True)
class Break:
    """The first thing that is wrong. sequence: the number of the entry, or of the place where it should stand."""

    sequence: int
    detail: str


@dataclass(frozen=True)
class Checked:
    """What came of a check. entries: how many were read. head: after the last of them that is right. missing: jobs of
    which the certificate is recorded and not held. broken: None where nothing is."""

    entries: int
    head: Head
    missing: tuple[str, ...]
    broken: Break | None

    @property
    def sound(self) -> bool:
        """Returns whether nothing is wrong and no certificate is missing."""
        return self.broken is None and not self.missing


class Check:
    """Checks entries one after another, as they are given. full: whether certificates are recomputed, beside their
    digests."""

    def __init__(self, *, full: bool) -> None:
        self._full, self._head, self._entries = full, EMPTY, 0
        self._missing: list[str] = []
        self._left: dict[str, str | None] = {}
        self.broken: Break | None = None

    def begin(self, head: Head) -> None:
        """Begins after this head in place of the ledger's beginning."""
        self._head = head

    def skip(self, contents: list[str]) -> None:
        """Passes over entries of which only the content hashes are known."""
        self._head = carried_on(self._head, contents)

    def entry(self, entry: Entry, document: Mapping[str, Any] | None, left: str | None, *, erased: bool) -> bool:
        """Checks the next entry. Returns whether it is right; after one that is not, nothing more can be said.

        document: what is held of its certificate. erased: whether it was erased, and left the digest of what its
        erasure says is left.
        """
        detail = fault(self._head, entry) or self._of_document(entry, document, left, erased)
        if detail is not None:
            self.broken = Break(self._head.sequence + 1, detail)
            return False
        self._head, self._entries = entry.head, self._entries + 1
        return True

    def end(self, head: Head) -> None:
        """Compares what was read with a head that is known from elsewhere."""
        if self.broken is None and self._head.sequence != head.sequence:
            self.broken = Break(
                min(self._head.sequence, head.sequence) + 1,
                f"{head.sequence} entries should be there, and {self._head.sequence} are",
            )
        elif self.broken is None and self._head != head:
            self.broken = Break(
                head.sequence, f"its hash should be {head.hash}, and is {self._head.hash}: this is another ledger"
            )

    @property
    def result(self) -> Checked:
        """Returns what came of it so far."""
        return Checked(self._entries, self._head, tuple(self._missing), self.broken)

    def _of_document(
        self, entry: Entry, document: Mapping[str, Any] | None, left: str | None, erased: bool
    ) -> str | None:
        if entry.event == ERASURE and self._left.get(entry.job, entry.certificate) != entry.certificate:
            return "it says that something else is left of its job's certificate than stands beside that"
        if entry.event != "certificate":
            return None
        if erased:
            self._left[entry.job] = left
        if document is None:
            if not erased:
                self._missing.append(entry.job)
            return None if left is None else "its certificate is gone, and its erasure says what is left of it"
        digest = left if erased else entry.certificate
        if document.get("digest") != digest:
            return f"it is of certificate {digest}, and the one held has {document.get('digest')!r:.80}"
        return self._of_numbers(document)

    def _of_numbers(self, document: Mapping[str, Any]) -> str | None:
        try:
            if (computed := content_digest(document)) != document["digest"]:
                return f"its certificate gives digest {computed}, and states {document['digest']}: it was changed"
        except InvalidCertificate as error:
            return f"its certificate cannot be read: {error}"
        verdict = verify(dict(document)) if self._full else None
        if verdict is not None and not verdict:
            failed = next(each for each in verdict.checks if not each.passed)
            return f"its certificate does not verify: {failed.name}: {failed.detail}"
        return None
