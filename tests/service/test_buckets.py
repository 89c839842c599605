"""Users are divided as documented: evenly, independently, and everywhere alike."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from xxhash import xxh3_64_hexdigest

from service.buckets import COUNT, arm_of, bounds, number
from tests import campaign

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "docs" / "buckets.json").read_text())
SALTS = [f"salt-{n}" for n in range(20)]
WEIGHTS = ([0.5, 0.5], [0.1, 0.2, 0.7], [0.25] * 4)
# Chi-square at 0.01 / 60, by degrees of freedom: 20 salts, three ways to divide each.
CRITICAL = {1: 14.15, 2: 17.40, 3: 20.08}


@pytest.fixture(scope="module")
def users() -> list[str]:
    return [f"user-{n}" for n in range(campaign.count(200_000, 1_000_000))]


def numbers(key: str, users: list[str]) -> NDArray[np.int64]:
    return np.fromiter((number(key, user) for user in users), np.int64, len(users))


def test_the_documented_vectors_hold() -> None:
    """The hash itself, slots, buckets, and where arms end."""
    for line in VECTORS["xxh3_64"]:
        assert xxh3_64_hexdigest(line["text"].encode()) == line["hex"]
    for line in VECTORS["slots"]:
        assert number(line["layer"], line["user_id"]) == line["slot"]
    for line in VECTORS["buckets"]:
        assert number(line["salt"], line["user_id"]) == line["bucket"]
    for line in VECTORS["arms"]:
        assert list(bounds(line["weights"])) == line["ends"]
    assert sum(map(len, (VECTORS[name] for name in ("slots", "buckets", "arms")))) > 60


def test_arms_get_their_shares(users: list[str]) -> None:
    """Chi-square for 20 salts and three ways to divide them, family-wise p > 0.01."""
    for salt in SALTS:
        counts = np.bincount(numbers(salt, users), minlength=COUNT)
        assert len(counts) == COUNT
        for weights in WEIGHTS:
            ends = bounds(weights)
            found = np.add.reduceat(counts, [0, *ends[:-1]])
            due = np.diff([0, *ends]) / COUNT * len(users)
            assert ((found - due) ** 2 / due).sum() < CRITICAL[len(weights) - 1], salt


def test_layers_divide_the_same_users_independently(users: list[str]) -> None:
    """Whoever is where in one layer or arm may be anywhere in another: chi-square again."""
    some = users[:100_000]
    halves = [numbers(key, some) < COUNT // 2 for key in ("default", "other", *SALTS[:4])]
    for place, one in enumerate(halves):
        for another in halves[:place]:
            found = np.histogram2d(one, another, bins=2)[0]
            due = np.outer(found.sum(1), found.sum(0)) / len(some)
            assert ((found - due) ** 2 / due).sum() < CRITICAL[1]


def test_another_process_finds_the_same(users: list[str]) -> None:
    """Nothing depends on the seed of Python's own hashes."""
    code = (
        "import sys; from service.buckets import number;"
        "print([number('s1', user) for user in sys.stdin.read().split()])"
    )
    some = users[:2000]
    for seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", code],
            input=" ".join(some), cwd=ROOT, env={"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(result.stdout) == numbers("s1", some).tolist()


def test_the_last_arm_takes_what_rounding_leaves() -> None:
    """Weights may miss 1 by a millionth; every bucket has an arm, and no arm's end lies beyond."""
    ends = bounds([0.3333333, 0.3333333, 0.3333333])
    assert ends == (3333, 6667, COUNT)
    assert [arm_of(ends, bucket) for bucket in (0, 3332, 3333, 6666, 6667, 9999)] == [
        0, 0, 1, 1, 2, 2,
    ]  # fmt: skip
