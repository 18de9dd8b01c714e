"""Scores that installed packages bring: the example of the page, and plug-ins that misbehave in every way."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothgen import verify
from smoothgen.contracts import ScoreClaim
from smoothgen.errors import GenerationFailed, InvalidClaim, InvalidPlugin
from smoothgen.queue import CompleteLook
from tests.support import plugins
from tests.support.plugins import write_package
from tests.support.workers.jobs import Measures
from tests.workers.test_executor import chunk_of, run_state_of, selection_of
from tests.workers.test_score_jobs import TANH, by_executors, claim_on, model_of, number_job
from workers.jobs.methods import method_of
from workers.jobs.outcomes import Refused
from workers.jobs.selection import Selected
from workers.scores import output_score
from workers.serving.executor import Executor

ROOT = Path(__file__).parents[2]


def install(folder: Path, code: str) -> None:
    write_package(folder, code, name="polite", target="polite_score:Polite")


def forget() -> None:
    plugins.forget("polite_score")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    forget()
    yield tmp_path
    forget()


def plugged(**asked: Any) -> dict[str, Any]:
    return {"score": {"name": "plugin", "plugin": "polite"}, "at_least": 0.001, **asked}


def scoring(body: str, *, ends: str = "(0.0, 1.0)", two_valued: bool = False) -> str:
    """The code of a plug-in whose score is this expression of `output`."""
    return (
        f"class Polite:\n    range, two_valued = {ends}, {two_valued}\n    def __init__(self, options): ...\n"
        f"    def score(self, output):\n        return {body}\n"
    )


def test_the_example_of_the_page_is_a_score(site: Path) -> None:
    install(site, (plugins.EXAMPLES / "polite_score.py").read_text("utf-8"))
    page = (ROOT / "docs/plugins.md").read_text("utf-8")
    claim, *_ = re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    score = output_score(ScoreClaim.model_validate(json.loads(claim)), Measures())
    assert score.values(["Please sit. Stand up.", "", "PLEASE!"]).tolist() == [0.5, 0, 1]
    assert score.identity.options == {"distribution": "polite-score 1.0", "options": {"words": ["please"]}}
    assert model_of(TANH).card.scores[-1] == "plugin:polite"
    with pytest.raises(InvalidClaim, match="options may have words"):
        output_score(claim_on(name="plugin", plugin="polite", options={"tone": 1}), Measures())


def test_the_digest_of_what_was_loaded_is_in_the_certificate(site: Path) -> None:
    install(site, scoring("1.0"))
    result = by_executors(number_job(plugged()))
    assert result.certificate is not None
    [claim] = result.certificate["claims"]
    assert re.fullmatch("sha256:[0-9a-f]{64}", claim["score"]["digest"])
    assert claim["score"]["name"] == "plugin:polite"
    assert (verify(result.certificate).valid, verify(result.certificate).meaning) == (True, "not checked")
    install(site, scoring("1.0 + 0.0"))
    forget()
    again = by_executors(number_job(plugged()))
    assert again.certificate is not None
    assert again.certificate["claims"][0]["score"]["digest"] != claim["score"]["digest"]


FAILS_OFTEN = "{} if float(output) > 0.8 else 1.0"


@pytest.mark.parametrize("failure", ["1 / 0", "float('nan')", "7.0", "-0.1", "None", "'polite'", "exit(3)"])
def test_a_sample_that_it_fails_on_counts_as_the_worst_and_a_note_says_so(site: Path, failure: str) -> None:
    install(site, scoring(FAILS_OFTEN.format(failure)))
    result = by_executors(number_job(plugged()))
    assert result.certificate is not None
    [claim] = result.certificate["claims"]
    assert 0 < claim["failed"] < 200
    [note] = [note for note in result.notes or [] if note.code == "unscored"]
    assert f"could not be computed for {claim['failed']} of 200 samples" in note.detail
    install(site, scoring(FAILS_OFTEN.format("0.0")))
    forget()
    worst = by_executors(number_job(plugged()))
    assert worst.certificate is not None
    assert worst.certificate["claims"][0]["radius"] == claim["radius"]
    assert verify(result.certificate).valid


def test_a_plug_in_that_fails_on_the_output_fails_the_job(site: Path) -> None:
    install(site, scoring("1 / 0"))
    [refused] = Executor(model_of(TANH), 64).run(run_state_of([selection_of(number_job(plugged()))]))
    assert isinstance(refused, Refused)
    assert refused.problem.status == 500
    assert "'plugin:polite' cannot be computed for the output" in refused.problem.detail
    assert "ZeroDivisionError" in refused.problem.detail


def test_a_plug_in_that_fails_on_all_samples_fails_the_job(site: Path) -> None:
    install(site, scoring("1.0"))
    job = number_job(plugged())
    [selected] = Executor(model_of(TANH), 64).run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected)
    look = CompleteLook(np.zeros(200), 0.0, "", (), np.full((200, 1), np.nan))
    with pytest.raises(GenerationFailed, match="could be computed for none of 200 samples"):
        method_of(job).take(job, selected.stored, look)


def test_a_worker_with_another_version_refuses_the_chunk(site: Path) -> None:
    install(site, scoring("1.0"))
    job = number_job(plugged())
    [selected] = Executor(model_of(TANH), 64).run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected)
    install(site, scoring("0.5"))
    forget()
    [refused] = Executor(model_of(TANH), 64).run(run_state_of([chunk_of(job, selected, 0, 10)]))
    assert isinstance(refused, Refused)
    assert "is another one on this worker" in refused.problem.detail


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (scoring("1.0", ends="(1.0, 0.0)"), "must have a range"),
        (scoring("1.0", ends="7"), "does not take the options"),
        (
            "class Polite:\n    range, two_valued = (0.0, 1.0), True\n    def __init__(self, options): ...\n",
            "no method score",
        ),
        ("raise ImportError('no weights')", "cannot be loaded"),
        ("Other = 1", "cannot be loaded"),
        (scoring("1.0"), "at_least=3.0 must lie in"),
    ],
)
def test_what_is_no_score_is_a_problem_of_the_request(site: Path, code: str, words: str) -> None:
    install(site, code)
    job = number_job(plugged(**({"at_least": 3.0} if "must lie" in words else {})))
    executor = Executor(model_of(TANH), 64)
    [refused] = executor.run(run_state_of([selection_of(job)]))
    assert isinstance(refused, Refused)
    assert refused.problem.status == 422
    assert words in refused.problem.detail


def test_two_packages_of_one_name_are_refused(site: Path) -> None:
    install(site, scoring("1.0"))
    other = site / "rude_score-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rude-score\nVersion: 1.0\n", encoding="utf-8")
    (other / "entry_points.txt").write_text("[smoothgen.scores]\npolite = rude_score:Rude\n", encoding="utf-8")
    with pytest.raises(InvalidPlugin, match="is installed 2 times"):
        output_score(claim_on(name="plugin", plugin="polite"), Measures())


def test_a_two_valued_plug_in_has_two_values(site: Path) -> None:
    install(site, scoring("float(len(output) % 3) / 2", two_valued=True))
    score = output_score(claim_on(name="plugin", plugin="polite"), Measures())
    found = score.values(["", "a", "ab"])
    assert found[[0, 2]].tolist() == [0, 1]
    assert np.isnan(found[1])
