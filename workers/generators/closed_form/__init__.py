"""Generators whose law under noise, and whose true W₁ under attack, are known in closed form.

The prompt is a number x; the output is y = g(x + η) in [0, 1], printed. They drive the whole service in tests (a seam
with a real implementation in the box), cost nothing, and show what a certificate's numbers mean.
"""

from workers.generators.closed_form.adapter import ClosedForm
from workers.generators.closed_form.exact_distance import true_w1
from workers.generators.closed_form.laws import SPECS, Law, Spec

__all__ = ["SPECS", "ClosedForm", "Law", "Spec", "true_w1"]
