"""A model that answers: users together as alone, and towers that fail for some."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bundle import open_bundle
from bundle.probe import Vectors
from service.event import Watched
from service.model import Known, Model
from tests.service import remembering, tiny
from tests.service.conftest import Configure
from tests.service.running import ok, running

pytestmark = pytest.mark.anyio

SOUND = 5  # tags of the probe, so that a table which ends here is only found out by requests
WOK, DOGS = [{"tags": ["wok"]}], [{"tags": ["dogs"]}]


@pytest.mark.parametrize("written", [tiny.write_bundle, remembering.write_bundle])
def test_users_in_company_have_the_vectors_they_have_alone(
    tmp_path: Path, written: Callable[[Path], Path]
) -> None:
    """Up to rounding, whatever the company: long histories and empty ones."""
    model = Model.of(open_bundle(written(tmp_path)))
    entries = [[Watched(f"p{n}", [tag]) for tag in tiny.TAGS[:n]] for n in range(7)]
    histories = [model.known(entry) for entry in entries]
    alone = [model.embed_users([one])[0] for one in histories]
    np.testing.assert_allclose(model.user_vectors(histories), alone, atol=1e-6)


def test_a_history_that_the_tower_fails_on_costs_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its vectors are no numbers, the others of its turn have theirs, and the log says it once."""
    model = Model.of(open_bundle(tiny.write_bundle(tmp_path)))
    past_the_table, sound = Known([[10_000]], []), Known([[1]], [])
    found = model.user_vectors([sound, past_the_table, sound, past_the_table])
    assert np.isnan(found).all(axis=(1, 2)).tolist() == [False, True, False, True]
    np.testing.assert_array_equal(found[2], model.embed_users([sound])[0])
    assert model.failures == {"user": 2}
    assert caplog.text.count("goes on without: the user tower fails on tags") == 1


def cut() -> Vectors:
    """A table that lacks the later tags: onnxruntime refuses to look them up."""
    return tiny.table()[: SOUND + 1]


def unsound() -> Vectors:
    """A table whose later tags are no numbers."""
    table = tiny.table()
    table[SOUND + 1 :] = np.nan
    return table


@pytest.mark.parametrize("table", [cut, unsound])
async def test_other_channels_answer_whom_the_user_tower_fails(
    configure: Configure, tmp_path: Path, table: Callable[[], Vectors]
) -> None:
    """Alone and in a batch; the answer says so, and the others of the batch are none the worse."""
    bundle = tiny.write_bundle(tmp_path / "bundle", user=tiny.user_tower(table()))
    async with running(configure(bundle=bundle)) as service:
        await service.items({"tags": ["wok"]}, {"tags": ["dogs"]})
        asked = [{"user_id": "u", "k": 2, "history": history} for history in (WOK, DOGS)]
        batch = ok(await service.post("/recommend/batch", json={"requests": asked}))["results"]
        told = [(one["degraded"], {c["channel"] for c in one["candidates"]}) for one in batch]
        assert told == [([], {"model"}), (["model_failed"], {"fresh"})]
        alone = await service.recommend(k=2, history=DOGS)
        assert (alone["degraded"], len(alone["candidates"])) == (["model_failed"], 2)


@pytest.mark.parametrize("table", [cut, unsound])
async def test_an_item_tower_that_fails_is_no_error_of_the_caller(
    configure: Configure, tmp_path: Path, table: Callable[[], Vectors]
) -> None:
    """Nothing is like such an item, and the answer says so; what it cannot explain is unlike."""
    bundle = tiny.write_bundle(tmp_path / "bundle", item=tiny.item_tower(table()))
    async with running(configure(bundle=bundle)) as service:
        await service.items({"tags": ["wok"]})
        like = ok(await service.post("/similar", json={"tags": ["dogs"], "k": 1}))
        assert (like["candidates"], like["degraded"]) == ([], ["model_failed", "short"])
        answer = await service.recommend(k=1, history=DOGS, explain=True)
        assert answer["degraded"] == []
        assert answer["candidates"][0]["reasons"]["tags"][0]["similarity"] == 0
