"""Noise belongs to (seed, stream, index, step): checked against a Philox written from the paper."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import ndtri

from smoothgen.errors import InvalidSeed
from smoothgen.noise import CLIENT_SEED_LIMIT, Seed, Stream, gumbels, normals, uniforms

SEED = Seed(0x0123456789ABCDEF_FEDCBA9876543210, "server")
WORD = 2**64


def philox4x64(counter: list[int], key: list[int], rounds: int = 10) -> list[int]:
    """One block of four words. Salmon et al. 2011, section 3.3, with whole-number arithmetic."""
    x, k = list(counter), list(key)
    for _ in range(rounds):
        first, second = 0xD2E7470EE14C6C93 * x[0], 0xCA5A826395121157 * x[2]
        x = [(second >> 64) ^ x[1] ^ k[0], second % WORD, (first >> 64) ^ x[3] ^ k[1], first % WORD]
        k = [(k[0] + 0x9E3779B97F4A7C15) % WORD, (k[1] + 0xBB67AE8584CAA73B) % WORD]
    return x


def expected_words(seed: int, stream: int, index: int, step: int, count: int) -> list[int]:
    """numpy counts its first block as 1, and the key's low half comes first."""
    key = [seed % WORD, seed >> 64]
    words: list[int] = []
    for block in range(1, count // 4 + 2):
        words += philox4x64([block, step, index, stream], key)
    return words[:count]


def test_the_reference_philox_gives_the_published_answer():
    # Known-answer test of the Random123 distribution, philox4x64-10, all zeros.
    assert philox4x64([0] * 4, [0] * 2) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]


@pytest.mark.parametrize("seed", [0, 1, 2**64, SEED.value, 2**128 - 1])
@pytest.mark.parametrize("stream", list(Stream))
@pytest.mark.parametrize(("index", "step"), [(0, 0), (17, 0), (17, 3), (2**63 - 1, 2**63 - 1)])
def test_words_are_philox_with_seed_as_key_and_stream_index_step_in_the_counter(seed, stream, index, step):
    words = expected_words(seed, int(stream), index, step, 9)
    by_hand = [((word >> 12) + 0.5) / 2**52 for word in words]
    assert uniforms(Seed(seed, "server"), stream, index, 9, step=step).tolist() == by_hand


def test_normals_are_the_inverse_cdf_of_the_uniforms_one_to_one():
    u = uniforms(SEED, Stream.CERTIFICATION, 3, 1000)
    assert np.array_equal(normals(SEED, Stream.CERTIFICATION, 3, 1000), ndtri(u))


def test_gumbels_invert_the_gumbel_cdf():
    u = uniforms(SEED, Stream.GENERATOR, 3, 1000, step=5)
    assert np.allclose(np.exp(-np.exp(-gumbels(SEED, Stream.GENERATOR, 3, 1000, step=5))), u, rtol=1e-12)


def test_a_longer_draw_continues_a_shorter_one():
    assert np.array_equal(normals(SEED, Stream.SERVED, 5, 3), normals(SEED, Stream.SERVED, 5, 1000)[:3])


def test_samples_do_not_depend_on_the_order_in_which_they_are_drawn():
    forward = [normals(SEED, Stream.SELECTION, i, 8) for i in range(20)]
    backward = [normals(SEED, Stream.SELECTION, i, 8) for i in reversed(range(20))][::-1]
    assert np.array_equal(forward, backward)


def test_a_draw_leaves_nothing_behind_for_the_next_in_its_thread_or_another():
    """One generator a thread is moved from draw to draw: each draw is that of a new generator put there."""
    places = [
        (seed, stream, i, count) for seed in (0, 2**128 - 1) for stream in Stream for i in (0, 7) for count in (1, 3, 9)
    ]

    def drawn(order):
        return {place: uniforms(Seed(place[0], "server"), *place[1:]).tolist() for place in order}

    anew = {}
    for seed, stream, i, count in places:
        words = np.random.Philox(key=seed, counter=(int(stream) << 192) | (i << 128)).random_raw(count)
        anew[seed, stream, i, count] = [((int(word) >> 12) + 0.5) / 2**52 for word in words]
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(drawn, [places, places[::-1]] * 4):
            assert found == anew


def test_a_numpy_index_draws_the_same_noise_as_a_python_one():
    # np.int64(5) << 128 is 0 in numpy: every sample would have shared one draw.
    for index in np.arange(4):
        assert np.array_equal(normals(SEED, Stream.SELECTION, index, 4), normals(SEED, Stream.SELECTION, int(index), 4))
        assert np.array_equal(
            uniforms(SEED, Stream.SELECTION, 1, 4, step=index), uniforms(SEED, Stream.SELECTION, 1, 4, step=int(index))
        )


def test_streams_indices_steps_and_seeds_share_no_number():
    keys = [(seed, stream, i, step) for seed in (1, 2) for stream in Stream for i in range(10) for step in range(3)]
    drawn = np.concatenate([uniforms(Seed(s, "server"), stream, i, 40, step=t) for s, stream, i, t in keys])
    assert len(np.unique(drawn)) == len(drawn)


def test_the_extreme_words_give_finite_numbers():
    # The expression of uniforms() at the words 0 and 2^64 − 1, which no test would ever draw.
    words = np.array([0, WORD - 1], dtype=np.uint64)
    u = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    assert u.tolist() == [2.0**-53, 1 - 2.0**-53]
    assert np.isfinite(ndtri(u)).all()
    assert np.isfinite(-np.log(-np.log(u))).all()


def test_normals_look_normal():
    """Moments of 200,000 numbers within five standard errors."""
    z = np.concatenate([normals(SEED, Stream.CALIBRATION, i, 1000) for i in range(200)])
    n = len(z)
    assert abs(z.mean()) < 5 / math.sqrt(n)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / n)


@pytest.mark.parametrize("value", [-1, 2**128, 0.5, "7"])
def test_a_seed_outside_its_range_is_refused_and_named(value):
    with pytest.raises(InvalidSeed, match=str(value)):
        Seed(value, "server")


@pytest.mark.parametrize("value", [-1, CLIENT_SEED_LIMIT, 1.5])
def test_a_client_seed_has_63_bits(value):
    with pytest.raises(InvalidSeed, match=str(value)) as error:
        Seed.from_client(value)
    assert error.value.field == "seed"


def test_origins():
    assert Seed.from_client(5) == Seed(5, "client")
    fresh = {Seed.fresh() for _ in range(20)}
    assert len(fresh) == 20
    assert {seed.origin for seed in fresh} == {"server"}
    assert str(Seed(255, "client")) == "0" * 30 + "ff"


@pytest.mark.parametrize("index", [-1, 2**63])
def test_an_index_or_step_that_would_leave_its_counter_word_is_refused(index):
    with pytest.raises(InvalidSeed, match=str(index)):
        uniforms(SEED, Stream.SELECTION, index, 1)
    with pytest.raises(InvalidSeed, match=str(index)):
        uniforms(SEED, Stream.SELECTION, 0, 1, step=index)


def test_a_fractional_index_is_refused():
    with pytest.raises(TypeError):
        uniforms(SEED, Stream.SELECTION, 1.5, 1)
