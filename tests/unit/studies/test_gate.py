"""The gate: thresholds that are reached and that are not, bad files of them, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from smoothgen.certificates.exhaustive.claims import Steps
from smoothgen.certificates.exhaustive.evidence import ExhaustiveEvidence
from smoothgen.cli.main import app
from smoothgen.errors import InvalidInput
from smoothgen.studies import Task
from smoothgen.studies.gate import Check, Thresholds, check, read_thresholds, write_json, write_junit
from smoothgen.studies.grouped import Rows, rows_of
from tests.support import study

pytestmark = pytest.mark.unit


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return rows_of(study.store(tmp_path / "study", study.rows()))


def checked(rows: Rows, **tables: object) -> list[Check]:
    """The checks of certificates and fidelity: attacks are judged last."""
    return [one for one in check(rows, Thresholds.model_validate(tables)) if one.where != "attacks"]


CERTIFIED = {"model": "fashion-32", "setting": "sigma 0.5", "radius": 0.3, "least_share": 0.5}


def test_a_share_is_reached_and_the_prompts_that_fell_are_named(rows):
    [one] = checked(rows, certified=[CERTIFIED])
    assert one.passed
    assert one.measured == "2 of 4 prompts (50.0%)"
    assert {(fell.prompt, fell.why) for fell in one.fell} == {
        ("<b>sneaker</b>", "no radius (radius-out-of-reach)"),
        ("the capital of France is", "radius 0.2"),
    }
    [one] = checked(rows, certified=[{**CERTIFIED, "least_share": 0.51}])
    assert not one.passed


def test_without_a_setting_each_one_must_reach_it_by_itself(rows):
    found = checked(rows, certified=[{"model": "fashion-32", "radius": 0.2, "least_share": 0.7}])
    assert {(one.where, one.passed) for one in found} == {
        ("protocol: sigma 0.5, SmoothGen, pixel-rmse", True),
        ("protocol: sigma 1, SmoothGen, pixel-rmse", False),
    }


def test_estimates_and_baselines_never_count(rows):
    [one] = checked(rows, certified=[{**CERTIFIED, "setting": "estimate"}])
    assert not one.passed
    [one] = checked(rows, certified=[{**CERTIFIED, "study": "baselines", "method": "GAN smoothing (mean)"}])
    assert not one.passed


def test_a_bound_is_read_at_the_next_point_of_the_curve(rows):
    asked = {"model": "fashion-32", "setting": "sigma 0.5", "least_share": 1.0, "epsilon": 0.15}
    assert [one.passed for one in checked(rows, bounded=[{**asked, "at_most": 0.05}])] == [True]
    [one] = checked(rows, bounded=[{**asked, "at_most": 0.04}])
    assert {fell.why for fell in one.fell} == {"bound 0.05"}
    [one] = checked(rows, bounded=[{**asked, "epsilon": 0.5, "at_most": 0.9}])
    assert {fell.why for fell in one.fell} == {"no bound at epsilon 0.5 (its curve ends at 0.4)"}


@pytest.mark.parametrize(("epsilon", "bound"), [(0.5, 0.0), (0.876, 0.0), (0.877, 1.0), (3.0, 1.0)])
def test_a_bound_of_an_exact_certificate_is_that_of_the_last_step(tmp_path, epsilon, bound):
    costs, distances = (0.0, 0.5, 0.877), (0.0, 0.0, 1.0)
    evidence = ExhaustiveEvidence(np.array(costs), np.array(distances), diameter=1.0, next_cost=1.2)
    steps = Steps(evidence)
    exact = {"metric": "label", "sigma": None, "alpha": 0.0, "curve": steps.curve(), "steps": True}
    rows = rows_of(study.store(tmp_path, [study.certificate("a", 0.877, **exact)]))
    asked = {"model": "fashion-32", "least_share": 1.0, "epsilon": epsilon, "at_most": 0.01}

    [one] = checked(rows, bounded=[asked])

    assert steps.at(epsilon) == bound
    assert one.passed == (bound == 0)
    assert [fell.why for fell in one.fell] == ([] if bound == 0 else [f"bound {bound:g}"])


@pytest.mark.parametrize(("epsilon", "told"), [(1.5, "bound 0.02"), (2.0, "bound 0.05"), (3.0, "ends at 2")])
def test_of_units_whole_ones_are_counted(tmp_path, epsilon, told):
    made = study.certificate("a", 1.0, unit="words", curve=((0.0, 0.01), (1.0, 0.02), (2.0, 0.05)))
    rows = rows_of(study.store(tmp_path, [made]))
    [one] = checked(rows, bounded=[{"model": "fashion-32", "least_share": 1, "epsilon": epsilon, "at_most": 0.001}])
    assert told in one.fell[0].why


def test_fidelity_has_limits_on_both_sides(rows):
    asked = {"model": "smollm2-135m", "measure": "perplexity increase", "at_most": 5}
    assert {(one.where, one.passed) for one in checked(rows, fidelity=[asked])} == {
        ("tokens", True),
        ("sigma 0.5", False),
    }
    [one] = checked(rows, fidelity=[{**asked, "setting": "tokens", "at_least": 1}])
    assert not one.passed


def test_a_threshold_that_fits_no_row_fails_and_says_what_is_there(rows):
    [one] = checked(rows, certified=[{**CERTIFIED, "setting": "sigma 5"}])
    assert not one.passed
    assert "protocol: sigma 0.5, SmoothGen, pixel-rmse" in one.measured
    [one] = checked(rows, fidelity=[{"model": "another", "measure": "BLEU", "at_least": 1}])
    assert (one.passed, one.measured) == (False, "no row; the study has model fashion-32; model smollm2-135m")


def test_attacks_are_judged_without_being_asked(tmp_path):
    made = [study.certificate("a", 0.5), *(study.attack(prompt, 1.0, 0.2) for prompt in study.PROMPTS)]
    rows = rows_of(study.store(tmp_path, made))
    asked = {**CERTIFIED, "least_share": 0.5}
    passed = {one.where: one.passed for one in check(rows, Thresholds.model_validate({"certified": [asked]}))}
    assert passed == {"protocol: sigma 0.5, SmoothGen, pixel-rmse": True, "attacks": False}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("certified = 3", "certified: Input should be a valid tuple"),
        (
            "[[certified]]\nmodel = 'm'\nradius = 0.1\nleast_share = 90",
            r"certified\[1\].least_share.*less than or equal",
        ),
        ("[[certified]]\nmodel = 'm'\nradius = -1\nleast_share = 0.9", r"certified\[1\].radius.*got -1"),
        ("[[certified]]\nmodel = 'm'\nradus = 1\nradius = 1\nleast_share = 0.9", r"certified\[1\].radus"),
        ("[[fidelity]]\nmodel = 'm'\nmeasure = 'BLEU'", "'BLEU' needs at_most or at_least"),
        ("", "no threshold stands in it"),
        ("[[certified", "is no TOML file"),
    ],
)
def test_a_bad_file_is_refused_by_place_and_value(tmp_path, text, told):
    path = tmp_path / "thresholds.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=told):
        read_thresholds(path)


def test_the_files_hold_every_check_and_any_prompt(tmp_path):
    fell = {"prompt": "a\x00 <b>\ud800".encode("utf-8", "replace").decode(), "why": "radius 0"}
    common = {"model": "m", "where": "here", "required": "much"}
    checks = [
        Check(**common, measured="much", passed=True),
        Check.model_validate({**common, "measured": "little", "passed": False, "fell": [fell]}),
    ]
    write_json(checks, tmp_path / "gate.json")
    write_junit(checks, tmp_path / "gate.xml")
    result = json.loads((tmp_path / "gate.json").read_text())
    assert (result["passed"], len(result["checks"])) == (False, 2)
    suite = ElementTree.parse(tmp_path / "gate.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "<b>" in suite.find("testcase/failure").text


@pytest.mark.parametrize(("share", "code"), [(0.5, 0), (0.9, 1)])
def test_the_command_exits_with_1_where_a_threshold_is_missed(tmp_path, share, code):
    study.store(tmp_path, study.rows())
    asked = tmp_path / "thresholds.toml"
    asked.write_text(
        f"[[certified]]\nmodel = 'fashion-32'\nsetting = 'sigma 0.5'\nradius = 0.3\nleast_share = {share}\n"
    )
    told = CliRunner().invoke(app, ["report", str(tmp_path), "--thresholds", str(asked)])
    assert told.exit_code == code, told.output
    assert ("'the capital of France is': radius 0.2" in told.output) == bool(code)
    assert (tmp_path / "gate.xml").exists()


def test_a_study_that_is_not_finished_fails(tmp_path):
    store = study.store(tmp_path, study.rows())
    missing = Task(
        kind="certificates", study="protocol", model="fashion-32", setting="sigma 9", prompt="x", settings={}
    )
    store.keep_plan("mine", [*(one.task for one in store), missing])
    asked = tmp_path / "thresholds.toml"
    asked.write_text("[[certified]]\nmodel = 'fashion-32'\nsetting = 'sigma 0.5'\nradius = 0.3\nleast_share = 0.5\n")
    told = CliRunner().invoke(app, ["report", str(tmp_path), "--thresholds", str(asked)])
    assert told.exit_code == 1, told.output
    assert "FAILED  every model, the plan: every task is finished; measured: 1 of its tasks are not" in told.output
    store.keep_plan("mine", [one.task for one in store])
    assert CliRunner().invoke(app, ["report", str(tmp_path), "--thresholds", str(asked)]).exit_code == 0


def test_a_share_below_one_prompt_asks_for_one(rows):
    [one] = checked(rows, certified=[{**CERTIFIED, "radius": 9.0, "least_share": 1e-12}])
    assert (one.passed, one.measured) == (False, "0 of 4 prompts (0.0%)")


def test_the_thresholds_of_the_page_are_read(tmp_path):
    page = (Path(__file__).parents[3] / "docs/evaluation/gate.md").read_text("utf-8")
    path = tmp_path / "thresholds.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    found = read_thresholds(path)
    assert [len(found.certified), len(found.bounded), len(found.fidelity)] == [2, 1, 1]
    assert found.falsification.most_crossings == 0
