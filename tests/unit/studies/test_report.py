"""The report of a study: what it says, where its numbers come from, and that prompts cannot break the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smoothgen.cli.main import app
from smoothgen.errors import InvalidInput
from smoothgen.evaluation.curves import Radii
from smoothgen.studies import Store
from smoothgen.studies.grouped import rows_of
from smoothgen.studies.reports import made_report, write_report
from smoothgen.studies.reports.blocks import Line, Report, Table
from smoothgen.studies.reports.certified import at_share
from smoothgen.studies.reports.compared import ratios
from smoothgen.studies.reports.figures import at_least, at_most, median, numbers, plain
from smoothgen.studies.result import read_result
from tests.support import study

pytestmark = pytest.mark.unit


def report_of(rows, tmp_path: Path) -> Report:
    return made_report(study.store(tmp_path, rows))


def table(report: Report, title: str) -> Table:
    return next(b for s in report.sections for b in s.blocks if isinstance(b, Table) and b.title == title)


def line(found: Table, *starts: str) -> Line:
    [one] = [one for one in found.lines if one.cells[: len(starts)] == starts]
    return one


def test_radii_are_rounded_down_and_bounds_up():
    assert (at_least(0.43299), at_most(0.43201), plain(0.43251)) == ("0.432", "0.433", "0.433")
    assert (at_least(None), at_most(float("inf")), plain(0.0), plain(1.234e-5)) == ("–", "∞", "0", "1.23e-05")


def test_the_median_is_a_value_and_seeds_are_ranges():
    assert (median([3, 1, 2]), median([4, 1, 2, 3]), median([])) == (2, 2, None)
    assert numbers([3, 1, 2, 7]) == "1–3, 7"
    assert numbers(range(0, 20, 2)) == "0, 2, 4, 6, 8, 10 and 4 more"


def test_the_radius_of_a_share_counts_abstentions_as_failures():
    radii = Radii((0.4, 0.3, None, 0.2))
    assert [at_share(radii, part) for part in (0.25, 0.5, 0.75, 0.9)] == [0.4, 0.3, 0.2, 0.0]


def test_a_setting_is_one_line_with_shares_average_and_slope(tmp_path):
    found = table(report_of(study.rows(), tmp_path), "Radii by setting")
    cells = dict(zip(found.columns, line(found, "sigma 0.5", "SmoothGen").cells, strict=True))
    assert cells["abstained"] == "1 of 4"
    assert cells["radius of half"] == "0.31"
    assert cells["average"] == "0.235"
    assert (cells["slope C"], cells["offset β"]) == ("0.25", "0.02")
    assert "no certificate" in line(found, "estimate").cells[1]


def test_baselines_stand_with_their_claims_and_a_ratio_over_the_same_prompts(tmp_path):
    report = report_of(study.rows(), tmp_path)
    cells = line(table(report, "Baselines side by side"), "sigma 0.5", "pixel-rmse, 0.1", "GAN smoothing (mean)").cells
    ours, theirs = (0.4321987 / 2 + 0.155 + 0 + 0.1) / 4, (0.05 * 3 + 0.3) / 4
    assert cells[3] == "the mean of the outputs"
    assert cells[-2:] == (plain(ours / theirs), "3 of 4")


def test_a_baseline_that_is_ahead_is_said_to_be(tmp_path):
    rows = [
        study.certificate("a", 0.1, study="baselines"),
        study.certificate("a", 0.4, study="baselines", method="Center Smoothing", ours=False),
    ]
    report = report_of(rows, tmp_path)
    words = " ".join(word for section in report.sections for word in section.words)
    assert "smaller average against Center Smoothing in sigma 0.5" in words
    assert any("larger average radius" in one.cells[3] for one in table(report, "Weaknesses").lines)


def test_a_baseline_that_certifies_nothing_is_infinitely_behind(tmp_path):
    rows = [
        study.certificate("a", 0.1, study="baselines"),
        study.certificate("a", None, study="baselines", method="none", ours=False),
    ]
    [ratio] = ratios(rows_of(study.store(tmp_path, rows)).certificates)
    assert ratio.ratio == float("inf")


def test_expected_outcomes_say_where_they_do_not_hold(tmp_path):
    found = table(report_of(study.rows(), tmp_path), "Expected and measured").lines
    radii, frechet, perplexity = (one.cells for one in found)
    assert radii[2:] == ("1.05 times", "0 of 1 settings", "sigma 0.5 (1.05 times)")
    assert frechet[2] == "in our feature space: sigma 0.5 (0.05); sigma 1 (4)"
    assert frechet[3].startswith("cannot be said")
    assert perplexity[2:] == ("0 to 212 %", "1 of 2 settings", "sigma 0.5 (212)")


def test_what_was_not_measured_is_said_to_be_so(tmp_path):
    found = table(report_of([study.certificate("a", 0.2)], tmp_path), "Expected and measured")
    assert [one.cells[2] for one in found.lines] == ["not measured in this study"] * 3


def test_attacks_have_margins_and_the_multiple_that_reaches_the_tolerance(tmp_path):
    report = report_of(study.rows(), tmp_path)
    cells = table(report, "Every attack, over all prompts and norms").lines[0].cells
    assert cells[3:7] == ("4", "8", "0", "0.07")
    multiple = table(report, "How far beyond the radius attacks must go").lines[0].cells
    assert multiple[3:] == ("4 of 4", "4", "4", "4", "4")
    assert table(report, "Without protection").lines[0].cells[3:5] == ("4 of 4", "0.3")
    assert not report.falsified


def test_attack_by_prompt_is_read_at_the_largest_norm_inside_the_radius(tmp_path):
    rows = [study.attack("a", 0.5, 0.01), study.attack("a", 1.0, 0.02), study.attack("a", 4.0, 0.13)]
    [one] = table(report_of(rows, tmp_path), "Attack by prompt").lines
    assert one.cells[4] == "0.3 embedding norm (1 × the radius)"


def test_crossings_beyond_chance_are_loud_and_planted_ones_are_not(tmp_path):
    crossing = [study.attack(prompt, 1.0, 0.2) for prompt in study.PROMPTS]
    report = report_of(crossing, tmp_path / "real")
    assert report.falsified
    assert "FALSIFIED" in report.words[0]
    planted = [study.attack(prompt, 1.0, 0.2, method="planted fault: sigma halved") for prompt in "ab"]
    report = report_of([*planted, study.attack("a", 1.0, 0.02)], tmp_path / "planted")
    assert not report.falsified
    assert table(report, "Planted faults").lines[0].cells == ("sigma halved", "2", "2", "yes")


def test_every_line_names_the_command_revision_and_seed_it_comes_from(tmp_path):
    store = study.store(tmp_path / "study", study.rows())
    _, [page, _] = write_report(store, tmp_path / "out")
    text = page.read_text("utf-8")
    lines = [one for one in text.splitlines() if one.startswith("| ")]
    measured = [one for one in lines if not re.search(r"\| (---|source) \|$", one)]
    assert all(re.search(r"\| \[1\] \|$", one) for one in measured)
    assert "[1] `smoothgen evaluate quick --local`, revision 0123456789ab, seeds " in text
    for picture in re.findall(r"\]\((pictures/[^)]+)\)", text):
        assert (tmp_path / "out" / picture).stat().st_size > 5_000


@pytest.mark.filterwarnings("error::UserWarning")
def test_attacks_far_beyond_the_radius_are_drawn_without_a_warning(tmp_path):
    made = [study.attack("a", multiple, 0.2) for multiple in (1.0, 40.0)]
    write_report(study.store(tmp_path / "study", made), tmp_path / "out")


def test_the_weights_that_ran_are_stated(tmp_path):
    [one] = study.store(tmp_path, [study.certificate("a", 0.3)])
    ran = one.provenance.model_copy(update={"weights": {"fashion-32": "sha256:12"}})
    made = made_report([one.model_copy(update={"provenance": ran})])
    assert any("Weights that ran: sha256:12." in section.words for section in made.sections)


def test_prompts_stay_text_on_both_pages(tmp_path):
    _, [markdown, html] = write_report(study.store(tmp_path / "study", study.rows()), tmp_path / "out")
    assert "<b>sneaker" not in html.read_text("utf-8")
    assert "&lt;b&gt;sneaker" in html.read_text("utf-8")
    assert r"a \| blue \*coat\*" in markdown.read_text("utf-8")


def test_the_html_page_needs_no_other_file(tmp_path):
    _, [_, page] = write_report(study.store(tmp_path / "study", study.rows()), tmp_path / "out")
    found = re.findall(r"""(?:src|href)="([^"]{0,30})""", page.read_text("utf-8"))
    assert found
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in found)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no finished task"):
        made_report(Store(tmp_path))
    told = CliRunner().invoke(app, ["report", str(tmp_path / "nowhere")])
    assert told.exit_code != 0


def test_the_command_writes_the_report_and_the_result(tmp_path):
    study.store(tmp_path, study.rows())
    told = CliRunner().invoke(app, ["report", str(tmp_path), "--output", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    assert len(read_result(tmp_path / "out" / "result.json").tasks) == len(study.rows())
    with pytest.raises(InvalidInput, match="no result of an evaluation"):
        read_result(next((tmp_path / "tasks").glob("*.json")))


def test_a_radius_without_a_limit_is_infinite_on_the_page_and_ends_at_the_edge_of_the_picture(tmp_path):
    rows = [study.certificate("a", 1.7976931348623157e308), study.certificate("b", 0.2)]
    store = study.store(tmp_path / "study", rows)
    cells = line(table(made_report(store), "Radii by setting"), "sigma 0.5").cells
    assert cells[6:10] == ("0.2", "∞", "∞", "∞")
    write_report(store, tmp_path / "out")


def test_studies_of_any_name_have_a_section(tmp_path):
    report = report_of([study.certificate("a", 2.0, study="units", unit="passages")], tmp_path)
    assert [section.title for section in report.sections][-1] == "Units"
