"""A job as a gateway reads it: how it stands, and the news of its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pydantic_core import from_json, to_json

from smoothgen.contracts import FINISHED, JobView


@dataclass(frozen=True)
class JobState:
    """A job as it stands. document: its view as JSON data, with its certificate. certificate: the certificate's JSON as
    it is stored, '' where there is none.

    The document of an ended job has all that the worker wrote, though this version may not know every field.
    """

    id: str
    status: str
    document: dict[str, Any]
    certificate: str = ""

    @classmethod
    def of(cls, view: JobView) -> JobState:
        """Returns the state that a view shows."""
        return cls(view.id, view.status, view.model_dump(mode="json", exclude_none=True))

    @classmethod
    def stored(cls, job_id: str, status: str, view: str, certificate: str, signature: str = "") -> JobState:
        """Returns the state of an ended job from the JSON of its view and of its certificate, and that one's signature,
        '' where it has none.

        They are stored apart, since they are kept for different times, and the signature is made later.
        """
        document = from_json(view)
        if certificate:
            document["certificate"] = from_json(certificate)
        if certificate and signature:
            document["signature"] = signature
        return cls(job_id, status, document, certificate)

    def signed(self, signature: str) -> JobState:
        """Returns the same state with its certificate's signature."""
        return replace(self, document={**self.document, "signature": signature})

    @property
    def ended(self) -> bool:
        """Returns whether the job has ended, so that nothing will change any more."""
        return self.status in FINISHED

    @cached_property
    def text(self) -> str:
        """Returns the document as JSON."""
        return to_json(self.document).decode()

    @cached_property
    def view(self) -> JobView:
        """Returns the document, read as a view."""
        return JobView.model_validate(self.document)


@dataclass(frozen=True)
class Reply:
    """The news that a job ended. state: how it ended, None where that is too long to be sent along and must be read."""

    job_id: str
    state: JobState | None

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Reply:
        """Returns the news that an entry of a gateway's reply stream holds."""
        job_id, view = fields["job"], fields.get("view")
        if view is None:
            return cls(job_id, None)
        return cls(job_id, JobState.stored(job_id, fields["status"], view, fields["certificate"]))
