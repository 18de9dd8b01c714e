"""Certificates of fleets made for the comparison."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from smoothgen import Gaussian
from smoothgen.certificates.fleet import NOT_SERVED, OUTSTANDING, FleetCertificate, FleetSubject, certify_fleet
from smoothgen.certificates.fleet.grid import THRESHOLDS
from smoothgen.certificates.fleet.subject import CENTRE_SLACK
from smoothgen.contracts import FleetPool
from smoothgen.mechanisms import SynonymClasses

NOISE = Gaussian(0.5)
MECHANISMS = (NOISE, SynonymClasses("words", "1", "sha256:" + "0" * 64, NOISE))
FLEET_METRICS: tuple[tuple[dict[str, Any], float], ...] = (
    ({"name": "sentence-chord"}, 2.0),
    ({"name": "sentence-chord", "cap": 0.5}, 0.5),
    ({"name": "label", "extract": {"kind": "regex", "pattern": "[A-Z]+"}}, 1.0),
    ({"name": "vision-chord", "model": "dinov2"}, 2.0),
    ({"name": "plugin:other", "options": {"a": 1.0}}, 3.0),
)


def of_fleets() -> Iterator[tuple[str, FleetCertificate]]:
    """Windows of pools, running and closed, of few requests and of many, also of none."""
    random = np.random.default_rng(32)
    asked = itertools.product(FLEET_METRICS, MECHANISMS, (0, 5, 4000), (True, False))
    for number, ((metric, diameter), mechanism, requests, closed) in enumerate(asked):
        bins = random.choice([0, 3, 12, 20, 30, THRESHOLDS, OUTSTANDING, NOT_SERVED], requests, p=[0.3, *[0.1] * 7])
        pool = FleetPool(
            model="fashion-32" if number % 4 else "модель 1",
            digest="sha256:" + "1" * 64,
            mechanism=mechanism.to_dict(),
            metric=metric,
            diameter=diameter * CENTRE_SLACK,
            randomness="common" if number % 3 else "fresh",
            largest_dimension=None if number % 7 == 0 else 77 * 768,
            snap="sha256:" + "d" * 64 if number % 5 == 0 else None,
        )
        window = "day:2025-12-31" if number % 2 else "hour:2026-11-23T22"
        yield (
            f"fleet {number}",
            certify_fleet(
                bins.astype(np.uint8).tobytes(),
                diameter=pool.diameter,
                mechanism=mechanism,
                alpha=float(random.choice([1e-6, 1e-3, 0.05])),
                closed=closed,
                rounding_slack=mechanism.rounding_slack(pool.largest_dimension or 16),
                subject=FleetSubject.of_pool(pool.model_dump(mode="json"), pool.id, window),
            ),
        )
