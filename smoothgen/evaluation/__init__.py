"""The mathematics of the evaluation: baselines, falsification and the curves of a report. Needs numpy and scipy only.

Each room imports only from rooms before it:

confidence: exact binomial bounds. samples: what every method is given for one prompt, and what it gives back.
own, baselines: our certificate and other people's, in one form. falsification: lower bounds on what an attack really
did, set against what a certificate claims. curves: the figures of a report over many prompts.

docs/evaluation/method.md says what each method claims and what a falsification proves.
"""

from smoothgen.evaluation.own import smoothgen_certificate, smoothgen_label_certificate
from smoothgen.evaluation.samples import Certified, Method, Samples

__all__ = ["Certified", "Method", "Samples", "smoothgen_certificate", "smoothgen_label_certificate"]
