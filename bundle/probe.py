"""`probe.npz`: inputs with the outputs they must give, replayed before a bundle is believed."""

import io
import zipfile
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bundle.arrays import Ids
from bundle.errors import BundleRefused
from bundle.manifest import Manifest

Vectors = NDArray[np.float32]

# Export holds 1e-5 on the machine that exports; other processors round otherwise.
TOLERANCE = 1e-4


class Towers(Protocol):
    """The two graphs of a bundle, runnable."""

    def user(self, tags: Ids, items: Ids | None = None) -> Vectors:
        """Histories [B, L, N] → user vectors [B, I, D].

        `items` [B, M] is for towers that read item ids; without it no item of theirs is known.
        """

    def item(self, tags: Ids) -> Vectors:
        """Items [B, N] → item vectors [B, D]."""


@dataclass(frozen=True)
class Probe:
    """Inputs and expected outputs; the first history and the first item are empty."""

    user_tags: Ids  # [B, L, N]
    user: Vectors  # [B, I, D]
    item_tags: Ids  # [B, N]
    item: Vectors  # [B, D]
    user_items: Ids | None = None  # [B, M], where the user tower reads item ids; the last id too

    def encode(self) -> bytes:
        """The bytes of `probe.npz`, the same for the same arrays (no times in the archive)."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in self._arrays().items():
                member = io.BytesIO()
                np.save(member, np.ascontiguousarray(array))
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
        return out.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> "Probe":
        """Read what `encode` wrote; raise ValueError, KeyError or BadZipFile otherwise."""
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            names = [n for n in cls.__dataclass_fields__ if n in archive or n != "user_items"]
            return cls(**{name: archive[name] for name in names})

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {name: array for name, array in vars(self).items() if array is not None}


def replay(probe: Probe, manifest: Manifest, towers: Towers) -> float:
    """Run the probe and return the largest absolute error.

    Raises:
        BundleRefused: a vector is off by more than the tolerance, not finite, of the wrong shape
            or length, or an item without tags is not the zero vector.
    """
    users = towers.user(probe.user_tags, probe.user_items)
    items = towers.item(probe.item_tags)
    shape = (len(probe.user_tags), manifest.interests, manifest.dim)
    error = max(
        _compare("user", users, probe.user, shape),
        _compare("item", items, probe.item, (len(probe.item_tags), manifest.dim)),
    )
    tagged = probe.item_tags.any(axis=1)
    if items[~tagged].any():
        raise BundleRefused("the item tower gives an item without tags a vector other than zero")
    lengths = np.linalg.norm(
        np.concatenate([users.reshape(-1, manifest.dim), items[tagged]]), axis=1
    )
    if not np.allclose(lengths, manifest.norm, rtol=1e-3):
        raise BundleRefused(
            f"a tower gives vectors of another length than the norm {manifest.norm}"
        )
    return error


def _compare(name: str, got: Vectors, expected: Vectors, shape: tuple[int, ...]) -> float:
    if got.shape != shape or expected.shape != shape:
        raise BundleRefused(f"the {name} tower's probe has shape {got.shape}, not {shape}")
    if not np.isfinite(got).all():
        raise BundleRefused(f"the {name} tower's probe has values that are not finite")
    error = float(np.abs(got - expected).max(initial=0.0))
    if error > TOLERANCE:
        raise BundleRefused(
            f"the {name} tower's probe is off by {error:.1e} (at most {TOLERANCE:.0e})"
        )
    return error
