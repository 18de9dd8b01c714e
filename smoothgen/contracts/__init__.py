"""The wire contracts: the one place where client, gateway and workers agree on shapes."""

from smoothgen.contracts.job import (
    FINISHED,
    AbstentionView,
    JobResult,
    JobSpec,
    JobView,
    ModelRef,
    Output,
    Progress,
    Status,
    Usage,
)
from smoothgen.contracts.metrics import Absolute, Edit, Label, Metric, SentenceChord, metric_with_defaults
from smoothgen.contracts.model_card import Calibration, MetricCard, ModelCard
from smoothgen.contracts.problem import FieldError, Problem
from smoothgen.contracts.request import LEAST_SIGMA, MOST_SIGMA, GenerateRequest, Robustness, TextParameters

__all__ = [
    "FINISHED",
    "LEAST_SIGMA",
    "MOST_SIGMA",
    "Absolute",
    "AbstentionView",
    "Calibration",
    "Edit",
    "FieldError",
    "GenerateRequest",
    "JobResult",
    "JobSpec",
    "JobView",
    "Label",
    "Metric",
    "MetricCard",
    "ModelCard",
    "ModelRef",
    "Output",
    "Problem",
    "Progress",
    "Robustness",
    "SentenceChord",
    "Status",
    "TextParameters",
    "Usage",
    "metric_with_defaults",
]
