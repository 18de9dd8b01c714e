"""The formulas again in mpmath, by bisection at 40 digits: slow, and independent of the code they check."""

import mpmath as mp

DIGITS = 40
_STEPS = 140  # bisection of an interval of length 100 down to 1e-40


def worst_event_shift(probability: float, radius_in_sigmas: float) -> mp.mpf:
    """W_r(p), from the event {|ρ − 1| > κ} whose honest probability is p."""
    with mp.workdps(DIGITS):
        p, r = mp.mpf(probability), mp.mpf(radius_in_sigmas)
        if p == 0 or r == 0:
            return mp.mpf(0)
        if p == 1:
            return 2 * total_variation(radius_in_sigmas)
        if p <= _upper(mp.mpf(2), r)[0]:
            ratio = _bisect(lambda log_rho: _upper(mp.exp(log_rho), r)[0] > p, mp.mpf(0), 100 * r + r * r)
            honest, attacked = _upper(mp.exp(ratio), r)
            return attacked - honest
        # Both tails, in terms of the edge a of the lower one: it grows with the probability.
        edge = _bisect(lambda a: _both(a, r)[0] < p, mp.mpf(-50) - r, r / 2)
        return _both(edge, r)[1]


def total_variation(radius_in_sigmas: float) -> mp.mpf:
    """2Φ(r/2) − 1."""
    with mp.workdps(DIGITS):
        return mp.erf(mp.mpf(radius_in_sigmas) / mp.sqrt(8))


def attacked_probability(probability: float, radius_in_sigmas: float) -> mp.mpf:
    """Φ(Φ⁻¹(p) + r)."""
    with mp.workdps(DIGITS):
        p = mp.mpf(probability)
        quantile = _bisect(lambda x: mp.ncdf(x) < p, mp.mpf(-50), mp.mpf(50))
        return mp.ncdf(quantile + mp.mpf(radius_in_sigmas))


def binomial_at_most(count: int, trials: int, probability: float) -> mp.mpf:
    """P(Bin(trials, probability) ≤ count), the plain sum."""
    with mp.workdps(DIGITS):
        x = mp.mpf(probability)
        if x == 1:
            return mp.mpf(0)
        term = total = (1 - x) ** trials
        for k in range(count):
            term *= (trials - k) * x / ((k + 1) * (1 - x))
            total += term
        return total


def _upper(rho, r):
    """Honest and attacked probability of {likelihood ratio > rho}."""
    b = (mp.log(rho) + r * r / 2) / r
    return mp.ncdf(-b), mp.ncdf(r - b)


def _both(a, r):
    """Honest probability of {u < a or u > b} and the mass that moves, for the b of the same κ."""
    kappa = -mp.expm1(r * a - r * r / 2)
    b = (mp.log1p(kappa) + r * r / 2) / r
    return mp.ncdf(a) + mp.ncdf(-b), (mp.ncdf(r - b) - mp.ncdf(-b)) + (mp.ncdf(a) - mp.ncdf(a - r))


def _bisect(still_below, low, high):
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if still_below(middle) else (low, middle)
    return low
