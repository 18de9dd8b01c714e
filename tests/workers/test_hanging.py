"""When the computing thread counts as hung."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.processes import eventually
from workers.progress import made_progress, without_limit
from workers.serving.compute import ComputeThread, Running
from workers.serving.hanging import FACTOR, Hanging, Patience
from workers.serving.metrics import Metrics
from workers.serving.pacing import Speed
from workers.settings import Settings

RUNNING = Running("m", 64)


def settings(**given: float) -> Settings:
    return Settings(models=["m"], **given)


def test_the_first_batch_is_given_longer_and_a_slow_model_too():
    speed = Speed()
    patience = Patience({"m": speed}, settings(hang_after_s=100, first_batch_s=500))
    assert patience.limit_s(RUNNING) == 500
    speed.measured(64, 1.0)
    assert patience.limit_s(RUNNING) == 100
    speed.measured(64, 60.0)
    assert patience.limit_s(RUNNING) == pytest.approx(FACTOR * 60, rel=0.1)
    assert patience.limit_s(Running("m", 1)) == 100


def test_the_first_batch_is_never_given_less_than_the_others():
    assert Patience({"m": Speed()}, settings(hang_after_s=1000)).limit_s(RUNNING) == 1000


@contextmanager
def computing(call: Callable[[], object]) -> Iterator[tuple[ComputeThread, Hanging]]:
    """A thread at this call, looked at with a limit of no time at all."""
    compute = ComputeThread()
    hanging = Hanging(compute, lambda _: 0.0, Metrics(["m"]))
    thread = threading.Thread(target=lambda: asyncio.run(compute.run(RUNNING, call)))
    thread.start()
    eventually(lambda: compute.running is not None)
    hanging.tick()
    try:
        yield compute, hanging
    finally:
        thread.join()
        compute.shutdown()


def test_silence_is_a_hang_and_a_step_ends_it():
    step, leave = threading.Event(), threading.Event()

    def call() -> None:
        step.wait()
        made_progress()
        leave.wait()

    with computing(call) as (compute, hanging):
        assert hanging.hang is None
        time.sleep(0.01)
        hanging.tick()
        assert hanging.hang is not None
        assert hanging.hang.problem.status == 503
        taken = compute.steps.taken
        step.set()
        eventually(lambda: compute.steps.taken > taken)
        hanging.tick()
        assert hanging.hang is None
        leave.set()


def test_a_process_that_stood_still_has_not_hung(monkeypatch: pytest.MonkeyPatch):
    leave = threading.Event()
    with computing(leave.wait) as (_, hanging):
        hanging._limit_s = lambda _: 60.0
        now = time.monotonic()
        monkeypatch.setattr("workers.serving.hanging.time.monotonic", lambda: now + 3600)
        hanging.tick()
        assert hanging.hang is None
        leave.set()


def test_what_may_take_any_time_is_no_hang():
    leave = threading.Event()

    def call() -> None:
        with without_limit():
            leave.wait()

    with computing(call) as (compute, hanging):
        eventually(lambda: compute.steps.unlimited)
        for _ in range(3):
            time.sleep(0.01)
            hanging.tick()
        assert hanging.hang is None
        leave.set()
    assert not compute.steps.unlimited


def test_progress_in_a_thread_nobody_watches_is_nothing():
    assert made_progress("module", (), "output") is None
