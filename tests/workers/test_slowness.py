"""When a worker says that its batches run far below the speed once measured."""

from __future__ import annotations

from structlog.testing import capture_logs

from workers.serving.slowness import LASTING_S, WINDOW, Slowness


def told(slowness: Slowness, seconds: float, batches: int, kind: str = "a") -> list[str]:
    with capture_logs() as logs:
        for _ in range(batches):
            slowness.measured(kind, seconds)
    return [line["event"] for line in logs]


def test_a_lasting_loss_of_speed_is_told_once_and_so_is_its_end():
    slowness = Slowness("m")
    assert told(slowness, 0.1, 100) == []
    assert told(slowness, 1.0, 200) == ["batches_slow"]
    assert told(slowness, 0.1, 100) == ["batches_at_speed"]
    assert told(slowness, 1.0, 200) == ["batches_slow"]


def test_a_short_or_small_loss_is_not_told():
    slowness = Slowness("m")
    assert told(slowness, 0.1, WINDOW) == []
    assert told(slowness, 300.0, 1) == []  # the process was stopped in it
    assert told(slowness, 0.1, WINDOW) == []
    assert told(slowness, 1.0, int(LASTING_S) - 1) == []
    assert told(slowness, 0.1, WINDOW) == []
    assert told(slowness, 0.4, 1000) == []


def test_batches_of_another_kind_are_another_matter():
    slowness = Slowness("m")
    assert told(slowness, 0.01, 100, "short prompts") == []
    assert told(slowness, 1.0, 100, "long prompts") == []


def test_kinds_without_number_take_no_memory():
    slowness = Slowness("m")
    for number in range(1000):
        slowness.measured(number, 0.1)
    assert len(slowness._kinds) < 100
