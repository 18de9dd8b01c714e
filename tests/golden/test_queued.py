"""Jobs that the code of revision 632de68 queued, and one that it began, are finished by the workers of today.

queued-632de68.json holds what that code wrote to Redis, and the sha256 of the certificates it made of these jobs.
Statements have other words since; in those of that time the certificates are the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from smoothgen.certificates import from_document, to_document, verify
from tests.golden.queued import FOLDER, restore, worker_of
from tests.support.processes import Lab, eventually

RECORDED: dict[str, Any] = json.loads((FOLDER / "queued-632de68.json").read_text(encoding="utf-8"))


def test_workers_of_today_finish_what_the_old_code_queued(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    try:
        restore(lab, RECORDED["keys"])
        gateway, _ = lab.gateway(), worker_of(lab)
        certificates = {}
        for job in RECORDED["certificates"]:
            view = eventually(lambda job=job: _succeeded(gateway.http.get(f"/jobs/{job}").json()), 60)
            assert verify(view["certificate"])
            certificates[job] = _sha256_in_older_words(view["certificate"])
        assert certificates == RECORDED["certificates"]
    finally:
        lab.close()


def _sha256_in_older_words(document: dict[str, Any]) -> str:
    """Returns the sha256 of the certificate as the old code wrote it: with the statement of that time."""
    older = to_document(replace(from_document(document), wording=None))
    return hashlib.sha256(to_json(older)).hexdigest()


def _succeeded(view: dict[str, Any]) -> dict[str, Any] | None:
    return view if view["status"] == "succeeded" else None


def test_one_of_the_jobs_had_begun() -> None:
    begun = [key for key in RECORDED["keys"] if ":distances:" in key]
    assert len(begun) == 1
    assert begun[0].rpartition(":")[2] in RECORDED["certificates"]
