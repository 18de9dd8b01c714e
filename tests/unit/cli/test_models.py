"""What `smoothgen models` prints of a model's card."""

from __future__ import annotations

from typing import Any

import pytest

from smoothgen.cli import show
from smoothgen.cli.show import show_models

CARD: dict[str, Any] = {
    "id": "words",
    "workers": 2,
    "metrics": [{"name": "edit"}],
    "mechanisms": ["tokens", "embedding", "edits"],
    "default_mechanism": "tokens",
    "default_sigma": 0.02,
    "default_snapped_sigma": 0.2345,
    "description": "reads",
}


@pytest.mark.parametrize(
    ("changes", "mechanisms", "sigmas"),
    [
        ({}, "tokens (default), embedding, edits", "0.02, 0.234 snapped"),
        ({"default_mechanism": "embedding"}, "tokens, embedding (default), edits", "0.02, 0.234 snapped"),
        (
            {"default_snapped_sigma": None, "default_betas": {"latent-schedule": 0.5}},
            "tokens (default), embedding, edits",
            "0.02, 0.5 latent-schedule",
        ),
    ],
)
def test_a_card_tells_what_a_request_takes_that_names_nothing(
    changes: dict[str, Any],
    mechanisms: str,
    sigmas: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(show._out, "width", 200)  # rows that are not wrapped
    show_models([CARD | changes])
    printed = capsys.readouterr().out
    assert mechanisms in printed
    assert sigmas in printed


def test_a_server_of_before_says_less() -> None:
    card = {name: value for name, value in CARD.items() if not name.startswith("default_")} | {"default_sigma": 1.0}
    show_models([card])


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_name_is_whole_at_any_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show._out, "width", width)
    names = ["sentence-chord", "feature-chord", "vision-chord", "embedding-per-step", "latent-schedule"]
    card = CARD | {
        "id": "a-model-whose-name-is-longer-than-forty-characters",
        "metrics": [{"name": name} for name in names[:3]],
        "mechanisms": [*names[3:], "tokens"],
        "description": "reads a prompt and goes on with it, one token after the other, until it has come to its end",
    }
    show_models([card, CARD])
    printed = capsys.readouterr().out
    assert "…" not in printed
    words = printed.replace(",", " ").split()
    assert {card["id"], CARD["id"], *names} <= set(words)
    assert any("0.02, 0.234 snapped" in line for line in printed.splitlines())
