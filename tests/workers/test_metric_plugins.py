"""Metrics that installed packages bring: the example of the page, and plug-ins that are no metric in every way."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen import verify
from smoothgen.contracts import GenerateRequest, JobSpec, PluginMetric
from smoothgen.errors import GenerationFailed, InvalidInput, InvalidMetric, InvalidPlugin, UnknownName
from smoothgen.planning.plan import plan
from smoothgen.plugins import METRICS, stated_by_metric
from tests.support import plugins
from tests.support.workers.jobs import Measures
from tests.workers.test_executor import chunk_of, run_state_of, selection_of, without_times
from tests.workers.test_score_jobs import LENGTH, TANH, by_executors, model_of, number_job, plain
from workers.distances import output_metric
from workers.distances.plugin import PluggedMetric, plugged_kinds
from workers.jobs.outcomes import Measured, Refused
from workers.jobs.selection import Selected
from workers.serving.executor import Executor

GAP = "abs(float(a) - float(b))"


def metric_code(body: str, *, diameter: str = "1.0", outputs: str = '("text",)', options: str = "...") -> str:
    """The code of a plug-in whose distance is this expression of `a` and `b`."""
    return (
        f"class Gap:\n    diameter, outputs, description = {diameter}, {outputs}, 'gap of two numbers'\n"
        f"    def __init__(self, options): {options}\n    def distance(self, a, b):\n        return {body}\n"
    )


def install(folder: Path, code: str, *, name: str = "gap") -> None:
    plugins.write_package(folder, code, name=name, target="gap_metric:Gap", group=METRICS)
    plugins.forget("gap_metric", "words_apart")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    plugins.forget("gap_metric", "words_apart")
    yield tmp_path
    plugins.forget("gap_metric", "words_apart")


def gap_job(**asked: Any) -> JobSpec:
    return number_job(LENGTH, **{"metric": {"name": "plugin", "plugin": "gap"}, **asked})


def plugged(options: dict[str, Any] | None = None) -> PluggedMetric:
    found = output_metric(PluginMetric(name="plugin", plugin="gap", options=options or {}), Measures())
    assert isinstance(found, PluggedMetric)
    return found


def test_a_job_is_certified_in_it_by_executors_as_by_the_plain_loop(site: Path) -> None:
    install(site, metric_code(GAP))
    job = gap_job()
    result = by_executors(job)
    assert without_times(result) == without_times(plain(job))
    assert result.certificate is not None
    metric = result.certificate["metric"]
    assert (metric["name"], metric["description"]) == ("plugin:gap", "gap of two numbers")
    assert metric["options"]["distribution"] == "gap-metric 1.0"
    assert re.fullmatch("sha256:[0-9a-f]{64}", metric["options"]["digest"])
    assert metric["centre"]["kind"] == "medoid text"
    assert (verify(result.certificate).valid, verify(result.certificate).meaning) == (True, "not checked")


def test_it_certifies_what_the_metric_in_the_box_does_up_to_the_centre(site: Path) -> None:
    """The same distance, once as a plug-in: only the centre (medoid, median) and with it D_c differ."""
    install(site, metric_code(GAP))
    ours, box = by_executors(gap_job()), by_executors(gap_job(metric="absolute"))
    assert ours.certificate is not None
    assert box.certificate is not None
    assert ours.certificate["radius"] == pytest.approx(box.certificate["radius"], rel=0.2)


def test_another_version_has_another_digest_and_a_worker_with_it_refuses_the_chunk(site: Path) -> None:
    install(site, metric_code(GAP))
    job = gap_job()
    [selected] = Executor(model_of(TANH), 64).run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected)
    [measured] = Executor(model_of(TANH), 64).run(run_state_of([chunk_of(job, selected, 0, 10)]))
    assert isinstance(measured, Measured)
    install(site, metric_code(f"{GAP} / 2"))
    [refused] = Executor(model_of(TANH), 64).run(run_state_of([chunk_of(job, selected, 0, 10)]))
    assert isinstance(refused, Refused)
    assert "metric 'plugin:gap' is another one on this worker" in refused.problem.detail


@pytest.mark.parametrize("failure", ["1 / 0", "float('nan')", "None", "'far'", "exit(3)"])
def test_a_sample_it_cannot_measure_counts_as_the_worst(site: Path, failure: str) -> None:
    fails = f"{failure} if max(float(a), float(b)) > 0.995 and a != b else {GAP}"
    install(site, metric_code(fails))
    result = by_executors(gap_job(sigma=0.5))
    assert result.certificate is not None
    assert 0 < result.certificate["failed"] < 100
    assert verify(result.certificate).valid


@pytest.mark.parametrize("diameter", ["1e-310", "1.7e308", "float('nan')", "-1.0"])
def test_a_diameter_that_no_certificate_takes_is_refused_at_the_start(site: Path, diameter: str) -> None:
    install(site, metric_code(GAP, diameter=diameter))
    with pytest.raises(InvalidPlugin, match=r"states diameter=.*a number in 1e-30 to 1e[+]30"):
        plugged_kinds("text")


def test_one_that_measures_nothing_fails_the_job_and_says_why(site: Path) -> None:
    install(site, metric_code("1 / 0"))
    [refused] = Executor(model_of(TANH), 64).run(run_state_of([selection_of(gap_job())]))
    assert isinstance(refused, Refused)
    assert refused.problem.status == 500
    assert "measures no selection output" in refused.problem.detail
    assert "ZeroDivisionError" in refused.problem.detail


NO_METRICS = {
    "negative": ("-0.25 if a != b else 0.0", "below 0"),
    "beyond": ("1.5 if a != b else 0.0", "above its stated diameter"),
    "infinite": ("float('inf') if a != b else 0.0", "above its stated diameter"),
    "asymmetric": ("0.5 * (a > b)", "distance(a, b) is"),
    "not zero": ("0.5", "from itself"),
    "no triangle": (f"({GAP}) ** 2", "by way of b"),
}


@pytest.mark.parametrize("why", NO_METRICS)
def test_what_is_no_metric_fails_the_job(site: Path, why: str) -> None:
    body, words = NO_METRICS[why]
    install(site, metric_code(body))
    [refused] = Executor(model_of(TANH), 64).run(run_state_of([selection_of(gap_job())]))
    assert isinstance(refused, Refused)
    assert refused.problem.status == 500
    assert "is no pseudo-metric of diameter 1.0" in refused.problem.detail
    assert words in refused.problem.detail


@pytest.mark.parametrize("body", [f"{GAP} + (a > b) * 0.1", f"{GAP} * (3 if max(float(a), float(b)) > 1 else 1)"])
def test_what_shows_among_certification_samples_alone_fails_the_job_too(site: Path, body: str) -> None:
    install(site, metric_code(body))
    metric = plugged()
    centre = metric.read_centre({"kind": "medoid text", "value": "0.5"}, 1.0)
    with pytest.raises(GenerationFailed, match="is no pseudo-metric"):
        metric.distances(["0.5", "0.75", "1.5"], centre)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("raise ImportError('no weights')", InvalidPlugin, "cannot be loaded: ImportError: no weights"),
        ("Other = 1", InvalidPlugin, "cannot be loaded"),
        (metric_code(GAP, diameter="0.0"), InvalidPlugin, "states diameter=0.0; it must be"),
        (metric_code(GAP, diameter="float('inf')"), InvalidPlugin, "states diameter=inf"),
        (metric_code(GAP, diameter="'wide'"), InvalidPlugin, "states diameter='wide'"),
        (metric_code(GAP, outputs="'text'"), InvalidPlugin, "states outputs='text'"),
        (metric_code(GAP, outputs="('sound',)"), InvalidPlugin, "states outputs="),
        (metric_code(GAP).replace(", description", ", said"), InvalidPlugin, "does not state description"),
        (metric_code(GAP, options="raise ValueError('no such option')"), InvalidMetric, "no such option"),
        (metric_code(GAP).replace("def distance", "def far"), InvalidMetric, "has no attribute 'distance'"),
    ],
)
def test_what_states_too_little_is_named(site: Path, code: str, error: type[InvalidInput], words: str) -> None:
    install(site, code)
    with pytest.raises(error, match=re.escape(words)):
        plugged()


def test_a_worker_with_one_that_states_too_little_does_not_start(site: Path) -> None:
    install(site, metric_code(GAP, diameter="-1.0"))
    with pytest.raises(InvalidPlugin, match=r"metric plug-in 'gap' states diameter=-1\.0"):
        model_of(TANH)


def test_a_name_in_the_box_is_refused(site: Path) -> None:
    install(site, metric_code(GAP), name="edit")
    with pytest.raises(InvalidPlugin, match=r"'edit' of smoothgen\.metrics takes the name of one in the box"):
        model_of(TANH)


def test_options_that_it_refuses_are_a_problem_of_the_request(site: Path) -> None:
    install(site, metric_code(GAP, options="int(options.get('digits', 1))"))
    job = gap_job(metric={"name": "plugin", "plugin": "gap", "options": {"digits": "many"}})
    [refused] = Executor(model_of(TANH), 64).run(run_state_of([selection_of(job)]))
    assert isinstance(refused, Refused)
    assert (refused.problem.status, "does not take the options" in refused.problem.detail) == (422, True)


# The example of the page, as pip installs it.


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    plugins.pip_install(plugins.EXAMPLES, folder)
    return folder


@pytest.fixture
def installed(examples: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(examples))
    plugins.forget("words_apart")
    yield
    plugins.forget("words_apart")


def asked_of(metric: Any, **robustness: Any) -> GenerateRequest:
    robustness = {"samples": 64, "metric": metric, **robustness}
    return GenerateRequest.model_validate({"model": TANH.identity.name, "prompt": "0.25", "robustness": robustness})


@pytest.mark.usefixtures("installed")
def test_the_example_is_planned_by_what_it_states() -> None:
    card = model_of(TANH).card
    stated = card.metric("plugin:words-apart")
    assert stated is not None
    assert (stated.diameter, stated.description) == (1.0, "Jaccard distance of the sets of words (0 to 1)")
    job = plan(asked_of({"name": "plugin", "plugin": "words-apart"}), card, max_samples=100)
    assert (job.metric.name, job.tolerance) == ("plugin", 0.1)
    capped = plan(asked_of({"name": "plugin", "plugin": "words-apart", "cap": 0.5}), card, max_samples=100)
    assert capped.tolerance == 0.05
    with pytest.raises(UnknownName, match="plugin:words-apart"):
        plan(asked_of({"name": "plugin", "plugin": "nobody"}), card, max_samples=100)
    with pytest.raises(InvalidInput, match="tier 'fleet'"):
        plan(asked_of({"name": "plugin", "plugin": "words-apart"}, tier="fleet"), card, max_samples=100)


WORDS_APART = runpy.run_path(str(plugins.EXAMPLES / "words_apart.py"))["WordsApart"]
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "D", "d"]), max_size=4).map(" ".join)


@given(a=TEXTS, b=TEXTS, c=TEXTS, keep_case=st.booleans())
def test_the_example_is_a_metric(a: str, b: str, c: str, keep_case: bool) -> None:
    assert stated_by_metric("words-apart", WORDS_APART).diameter == 1.0
    d = WORDS_APART({"keep_case": keep_case}).distance
    assert 0 <= d(a, b) <= 1
    assert d(a, a) == 0
    assert d(a, b) == d(b, a)
    assert d(a, c) <= d(a, b) + d(b, c) + 1e-12


def test_pictures_are_compared_and_kept_as_png(site: Path) -> None:
    body = "float(abs(a.mean() - b.mean())) / 255"
    install(site, metric_code(body, outputs='("picture",)'))
    assert model_of(TANH).card.metric("plugin:gap") is None  # a model of texts
    metric = plugged()
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in (0, 100, 120)]
    centre = metric.choose_centre(pictures)
    assert (centre.representative, centre.bound, centre.document["kind"]) == (1, 1.0, "medoid picture")
    again = metric.read_centre(centre.document, centre.bound)
    assert np.array_equal(again.value, pictures[1])
    assert metric.distances(pictures, again).tolist() == [100 / 255, 0, 20 / 255]
