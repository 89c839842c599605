"""What an operator does with experiments, over HTTP: each asking has its one stated outcome."""

from typing import Any

import pytest

from tests.service.defining import arms
from tests.service.running import Client, ok, refused
from tests.service.trying import defined, put

pytestmark = pytest.mark.anyio

PLAIN = arms(0.5, 0.5)


async def test_the_life_of_an_experiment(both: Client, versions: dict[str, str]) -> None:
    """Put, widened, ended, put again: each step is told; what is got can be put as it is."""
    one = await defined(both, slots=[0, 5000])
    assert [arm["version"] for arm in one["arms"]] == [versions["youtube"], versions["couple"]]
    got = ok(await both.get("/experiments/e"))
    assert (got["revision"], got["status"], got["experiment"]) == (1, "running", one)
    again = ok(await both.put("/experiments/e", json=got["experiment"]))
    assert (again["revision"], again["experiment"]) == (1, one)

    wider = ok(await put(both, slots=[0, 6000]))
    assert (wider["revision"], wider["experiment"]["slots"]) == (2, [0, 6000])
    refused(await put(both, slots=[0, 5000]), 409)

    assert ok(await both.delete("/experiments/e"))["status"] == "ended"
    listed = ok(await both.get("/experiments"))
    assert (listed["revision"], listed["experiments"]) == (3, [])
    assert listed["ended"] == [wider["experiment"]]
    assert ok(await both.get("/experiments/e"))["status"] == "ended"
    refused(await both.delete("/experiments/e"), 404)
    refused(await both.get("/experiments/f"), 404)
    assert (await defined(both, slots=[0, 100]))["slots"] == [0, 100]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"arms": arms(0.5, 0.4)}, 422, "Weights of the arms should sum to 1"),
    ({"arms": arms(0.5, 0.5, bundle="nobody")}, 422, "arms[0].bundle is no model here"),
    ({"slots": [5, 5]}, 422, "Slots should be"),
    ({"colour": "red"}, 422, "does not exist here"),
    ({"name": "f", "salt": "s2", "slots": [99, 200]}, 409, "e of this layer has the slots"),
    ({"name": "f", "layer": "other"}, 409, "e divides its users by this salt"),
    ({"name": "f", "layer": "other", "salt": "s2"}, 409, "decides the bundle already"),
    ({"salt": "s2"}, 409, "are frozen"),
    ({"arms": arms(0.9, 0.1)}, 409, "are frozen"),
    ({"slots": [0, 99]}, 409, "a ramp only widens"),
]


async def test_what_is_refused_changes_nothing(both: Client) -> None:
    """It says why, in words of ours; nothing of it is in any worker, or in the stream."""
    await defined(both, slots=[0, 100])
    before = ok(await both.get("/experiments"))
    for change, status, why in REFUSED:
        problem = refused(await put(both, **{"slots": [0, 100], **change}), status)
        assert why in str(problem), change
    problem = refused(await both.put("/experiments/x", json=before["experiments"][0]), 422)
    assert problem["errors"] == [{"place": "name", "detail": "As in the path"}]
    refused(await both.get("/experiments/a%20b"), 422)
    assert {**ok(await both.get("/experiments")), "request_id": ""} == {**before, "request_id": ""}
