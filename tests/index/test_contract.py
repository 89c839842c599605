"""The contract, kept by each structure that an index of faiss can have."""

from typing import cast

import faiss
import pytest

from index import ItemIndex, structure
from tests.index.contract import Changes, Eligibility, Ranking
from tests.index.engine import Engine, Index
from tests.index.refusals import Refusals


class Exact:
    """One list that every search scans."""

    def make(self, dim: int) -> ItemIndex:
        return ItemIndex(dim)

    def settle(self, index: Index) -> None:
        pass


class Inverted:
    """Many lists, all of which every search scans: recall 1 promises the exact answer."""

    def make(self, dim: int) -> ItemIndex:
        return ItemIndex(dim, recall=1.0, exact_up_to=0)

    def settle(self, index: Index) -> None:
        built = cast(ItemIndex, index)
        built.rebuild()
        assert built.stats().lists > 1 or len(built) < 2


@pytest.fixture(params=[Exact, Inverted])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Both."""
    # An inverted file of which everything is scanned is given up for one list: not here.
    monkeypatch.setattr(structure, "WASTEFUL", 1.0)
    faiss.omp_set_num_threads(1)
    return cast(Engine, request.param())


class TestContract(Ranking, Eligibility, Changes, Refusals):
    """On faiss."""
