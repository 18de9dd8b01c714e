"""Evidence: rounded up, failures counted, nonsense refused with the value in the message."""

import base64
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen.certificates import Evidence
from smoothgen.errors import InvalidCertificate, InvalidDistances, InvalidMetric


def measured(distances, bound=1.0, diameter=1.0) -> Evidence:
    return Evidence.from_measurements(distances, bound=bound, diameter=diameter)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_packed_distances_are_never_below_the_measured_ones(values):
    evidence = measured(values)
    assert evidence.distances.dtype == np.float32
    packed = evidence.distances.astype(np.float64)
    assert (packed >= values).all()
    # … and by no more than one float32 step.
    assert (np.nextafter(evidence.distances, np.float32(-math.inf)).astype(np.float64) < values).all()


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30))
def test_single_precision_is_kept_as_it_is(values):
    assert measured(values).distances.tolist() == values


def test_nan_and_infinity_are_failed_samples_at_the_worst_distance():
    evidence = measured([0.25, math.nan, math.inf, 0.0], bound=0.75)
    assert evidence.samples == 4
    assert evidence.failed == 2
    assert evidence.ordered(0.75).tolist() == [0.0, 0.25, 0.75, 0.75]
    assert evidence.ordered(1.5).tolist() == [0.0, 0.25, 1.5, 1.5]


def test_distances_keep_the_order_of_the_samples():
    assert measured([0.5, 0.25, 0.75]).distances.tolist() == [0.5, 0.25, 0.75]


@pytest.mark.parametrize("values", [[0.0], [0.5], [0.5] * 7, [0.0, 0.0], [math.nan], [1.0]])
def test_one_sample_ties_zeros_and_all_failed_are_evidence(values):
    evidence = measured(values)
    assert evidence.samples == len(values)
    assert (evidence.ordered(1.0) <= 1).all()


def test_rounding_up_never_leaves_the_bound():
    # The float32 above 0.1 is larger than 0.1.
    evidence = measured([0.1], bound=0.1, diameter=0.1)
    assert float(evidence.distances[0]) > 0.1
    assert evidence.ordered(0.2).tolist() == [0.1]


def test_a_distance_in_single_precision_at_the_bound_is_accepted():
    bound = 0.3
    single = np.float32(0.3)
    assert float(single) > bound == 0.3
    assert measured([single], bound=bound, diameter=0.5).ordered(0.5).tolist() == [bound]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([], r"\(0,\)"),
        ([[0.1, 0.2]], r"\(1, 2\)"),
        (0.5, r"\(\)"),
        ([0.1, -0.25], "-0.25"),
        ([-math.inf], "-inf"),
        ([0.1, 1.5], "1.5"),
        ([1e300], r"1e\+300"),
    ],
)
def test_distances_that_cannot_be_evidence_are_refused_and_named(values, named):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidDistances, match=named) as error:
            measured(values)
    assert error.value.field == "distances"


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, 1e31, 1e-31])
@pytest.mark.parametrize("name", ["bound", "diameter"])
def test_a_metric_out_of_range_is_refused_and_named(name, value):
    bounds = {"bound": 1.0, "diameter": 1.0, name: value}
    with pytest.raises(InvalidMetric) as error:
        Evidence.from_measurements([0.0], **bounds)
    assert repr(value) in str(error.value)
    assert error.value.field == name


def test_a_diameter_beyond_twice_the_bound_contradicts_the_triangle_inequality():
    measured([0.0], bound=1.0, diameter=2.0)
    with pytest.raises(InvalidMetric, match=r"2\.5"):
        measured([0.0], bound=1.0, diameter=2.5)


def test_json_round_trip():
    evidence = measured([0.1, math.nan, 0.0, 1.0])
    document = evidence.to_dict()
    again = Evidence.from_dict(document, bound=1.0, diameter=1.0)
    assert again.distances.tobytes() == evidence.distances.tobytes()
    assert again.to_dict() == document


def packed(*values: float) -> str:
    return base64.b64encode(np.array(values, dtype="<f4").tobytes()).decode()


@pytest.mark.parametrize(
    "alteration",
    [
        {"encoding": "float64"},
        {"distances": ""},
        {"distances": "AAA"},
        {"distances": "AAAA"},
        {"distances": "AAAAA A="},
        {"distances": 5},
        {"distances": "é"},
        {"distances": packed(math.nan)},
        {"distances": packed(-1.0)},
        {"distances": packed(0.5)[:-3] + "B=="},  # the same bytes: only the spare bits of the last letter differ
        {"more": 1},
    ],
)
def test_foreign_evidence_is_refused(alteration):
    document = {**measured([0.5]).to_dict(), **alteration}
    with pytest.raises(InvalidCertificate, match="evidence"):
        Evidence.from_dict(document, bound=1.0, diameter=1.0)


@pytest.mark.parametrize("document", [None, [], {}, {"encoding": "float32-le/base64"}])
def test_evidence_is_an_object_of_three_fields(document):
    with pytest.raises(InvalidCertificate, match="evidence"):
        Evidence.from_dict(document, bound=1.0, diameter=1.0)
