"""How much work a worker takes, and how a look is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.serving.pacing import TARGET_S, Speed, pace_of


def test_a_speed_nobody_measured_is_nought_and_takes_one_batch():
    speed = Speed()
    assert speed.samples_a_second == 0
    assert speed.capacity(64) == 64


def test_a_speed_is_samples_by_seconds_and_forgets():
    speed = Speed()
    for _ in range(10):
        speed.measured(64, 0.1)
    assert speed.samples_a_second == pytest.approx(640, rel=0.1)
    assert speed.capacity(64) == pytest.approx(TARGET_S * 640, rel=0.1)
    for _ in range(600):
        speed.measured(64, 1.0)  # another kind of prompt: ten times slower
    assert speed.samples_a_second == pytest.approx(64, rel=0.01)


def test_a_batch_that_took_no_time_breaks_nothing():
    speed = Speed()
    speed.measured(64, 0.0)
    assert speed.samples_a_second > 0
    assert speed.capacity(64) >= 64


@given(
    samples=st.integers(1, 100_000),
    rate=st.floats(0.01, 1e7),
    batch=st.integers(1, 512),
    workers=st.integers(0, 1000),
)
def test_a_chunk_is_whole_batches_of_about_the_target_time(samples: int, rate: float, batch: int, workers: int):
    pace = pace_of(samples, samples_a_second=rate, batch_size=batch, workers=workers)
    assert pace.chunk % batch == 0
    assert batch <= pace.chunk <= TARGET_S * rate + batch
    assert pace.window >= max(2, 2 * workers)


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_a_look_is_shared_by_the_workers_there_are(workers: int):
    pace = pace_of(512, samples_a_second=1e6, batch_size=16, workers=workers)
    assert pace.chunk * workers == 512


def test_a_slow_model_is_still_computed_in_whole_batches():
    assert pace_of(500, samples_a_second=0.5, batch_size=64, workers=1).chunk == 64
