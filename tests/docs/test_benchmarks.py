"""docs/benchmarks.md is what `python -m benchmarks.report` writes from the result files, and nothing else."""

import json

import pytest

from benchmarks.report import PAGE, RESULTS, Result, new_result, page, results

GOOD = {
    "section": "Service",
    "order": 1,
    "title": "Requests a second",
    "command": "python -m benchmarks.load",
    "machine": "two CPU cores",
    "date": "2026-11-29",
    "revision": None,
    "columns": ["what", "measured"],
    "rows": [["requests a second", "203"]],
}


def test_the_page_is_what_the_command_writes():
    assert PAGE.read_text("utf-8") == page()


def test_every_result_file_is_on_the_page():
    assert len(results()) == len(list(RESULTS.glob("*.json"))) > 30
    for result in results().values():
        assert f"### {result.title}\n" in page()


def test_a_result_says_what_is_unknown(tmp_path):
    path = tmp_path / "load.json"
    path.write_text(json.dumps({**GOOD, "command": None}), "utf-8")
    assert Result.read(path).written().splitlines() == [
        "### Requests a second",
        "",
        "by hand; no command was kept · two CPU cores · 2026-11-29 · revision unknown",
        "",
        "| what | measured |",
        "| --- | --- |",
        "| requests a second | 203 |",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"section": "Elsewhere"},
        {"rows": []},
        {"rows": [["one cell"]]},
        {"method": "spread/v9"},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_wrong_result_file_is_refused_by_its_name(change, tmp_path):
    path = tmp_path / "load.json"
    path.write_text(json.dumps({**GOOD, **change}), "utf-8")
    with pytest.raises(ValueError, match=r"load\.json"):
        Result.read(path)


def test_a_new_result_file_is_begun_with_machine_date_and_revision(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.report.RESULTS", tmp_path)
    begun = Result.read(new_result("load", "python -m benchmarks.load"))
    assert begun.command == "python -m benchmarks.load"
    assert begun.revision is not None
    with pytest.raises(FileExistsError):
        new_result("load", "python -m benchmarks.load")
