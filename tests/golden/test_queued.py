"""Jobs that the code of revision 632de68 queued, and one that it began, are finished by the workers of today.

queued-632de68.json holds what that code wrote to Redis, and the sha256 of the certificates it made of these jobs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smoothgen.certificates import verify
from tests.golden.queued import FOLDER, certificate_sha256, restore, worker_of
from tests.support.processes import Lab, eventually

RECORDED: dict[str, Any] = json.loads((FOLDER / "queued-632de68.json").read_text(encoding="utf-8"))


def test_workers_of_today_finish_what_the_old_code_queued(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    try:
        restore(lab, RECORDED["keys"])
        gateway, _ = lab.gateway(), worker_of(lab)
        certificates = {job: certificate_sha256(lab, job) for job in RECORDED["certificates"]}
        assert certificates == RECORDED["certificates"]
        for job in certificates:
            view = eventually(lambda job=job: _succeeded(gateway.http.get(f"/jobs/{job}").json()), 60)
            assert verify(view["certificate"])
    finally:
        lab.close()


def _succeeded(view: dict[str, Any]) -> dict[str, Any] | None:
    return view if view["status"] == "succeeded" else None


def test_one_of_the_jobs_had_begun() -> None:
    begun = [key for key in RECORDED["keys"] if ":distances:" in key]
    assert len(begun) == 1
    assert begun[0].rpartition(":")[2] in RECORDED["certificates"]
