"""Writes clients/typescript/test/verify/numbers.json, what the special functions there are tested against, to 30 digits:

.venv/bin/python -m tests.typescript.make_numbers
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import mpmath as mp

NUMBERS = Path(__file__).parents[2] / "clients/typescript/test/verify/numbers.json"
_ROWS = 200


def numbers() -> dict[str, list[list[float | str]]]:
    """Returns rows by function: its arguments, and its exact value as a decimal."""
    mp.mp.dps = 40
    draw = random.Random(27)
    return {
        "ndtr": [[z, _written(mp.ncdf(z))] for z in _arguments_of_ndtr(draw)],
        "ndtri": [[p, _written(_quantile(p))] for p in _probabilities(draw)],
        "erf": [[x, _written(mp.erf(x))] for x in (10 ** draw.uniform(-9, 1) for _ in range(_ROWS))],
        "erfinv": [[y, _written(mp.erfinv(y))] for y in (draw.random() for _ in range(_ROWS))],
        "binomialUpper": [[m, n, a, _written(_binomial_upper(m, n, a))] for m, n, a in _binomials(draw)],
    }


def _arguments_of_ndtr(draw: random.Random) -> Iterator[float]:
    yield from (-37 + 0.37 * k for k in range(122))
    yield from (draw.gauss(0, 1) * 10 ** draw.uniform(-9, 1) for _ in range(_ROWS))


def _probabilities(draw: random.Random) -> Iterator[float]:
    for _ in range(_ROWS):
        yield draw.random()
        yield 10 ** draw.uniform(-300, -0.31)
        yield 10 ** draw.uniform(-12, -0.31)
        yield 1 - 10 ** draw.uniform(-15, -1)
        yield 0.5 + draw.gauss(0, 1) * 10 ** draw.uniform(-12, -2)


def _binomials(draw: random.Random) -> Iterator[tuple[int, int, float]]:
    for _ in range(_ROWS):
        n = int(10 ** draw.uniform(0, 4))
        m = min(int(n * draw.random() ** 3), n - 1)
        yield m, n, draw.choice([10 ** draw.uniform(-12, -1), draw.uniform(0.01, 0.99), 0.0003])


def _quantile(p: float) -> mp.mpf:
    """Returns Φ⁻¹(p), by Newton's method on ln Φ in the lower half."""
    if p > 0.5:
        return -_quantile(mp.mpf(1) - mp.mpf(p))
    p, z = mp.mpf(p), -mp.sqrt(-2 * mp.log(p)) if p < 0.2 else mp.mpf(0)
    for _ in range(80):
        value = mp.ncdf(z)
        step = mp.log(value / p) * value / mp.npdf(z)
        z -= step
        if abs(step) < mp.mpf(10) ** -36:
            break
    return z


def _binomial_upper(m: int, n: int, alpha: float) -> mp.mpf:
    """Returns the x with P(Binomial(n, x) ≤ m) = alpha, by bisection and Newton's method."""
    low, high = mp.mpf(0), mp.mpf(1)
    for _ in range(60):
        x = (low + high) / 2
        low, high = (x, high) if _at_most(m, n, x)[0] > alpha else (low, x)
    for _ in range(3):
        below, mass = _at_most(m, n, x)
        x += (below - alpha) * (1 - x) / (mass * (n - m))
    return x


def _at_most(m: int, n: int, x: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    """Returns P(Binomial(n, x) ≤ m) and P(Binomial(n, x) = m)."""
    mass = mp.binomial(n, m) * x**m * (1 - x) ** (n - m)
    term = total = mass
    for k in range(m, 0, -1):
        term *= k * (1 - x) / ((n - k + 1) * x)
        total += term
        if k < n * x and term < total * mp.mpf(10) ** -38:
            break
    return total, mass


def _written(value: mp.mpf) -> str:
    return mp.nstr(value, 30)


if __name__ == "__main__":
    lists = ",\n".join(f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for name, rows in numbers().items())
    NUMBERS.write_text(f"{{\n{lists}\n}}\n", encoding="utf-8")
