"""Generators whose law under noise, and whose true Wasserstein-1 distance under attack, are known in closed form.

The prompt is a number x. The output is y = g(x + η) in [0, 1], printed as text. Tests drive the whole service with
these models, since they need no weights and their certificates can be compared with the truth.
"""

from workers.generators.closed_form.adapter import ClosedForm
from workers.generators.closed_form.exact_distance import true_w1
from workers.generators.closed_form.laws import SPECS, Law, Spec

__all__ = ["SPECS", "ClosedForm", "Law", "Spec", "true_w1"]
