"""/openapi.json tells the truth: every status that is returned, and the shape of every answer."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from service import answers
from service.admission import budgets
from tests.service.conftest import Configure
from tests.service.defining import arms, facts
from tests.service.running import Client, ok, running

pytestmark = pytest.mark.anyio

ITEM = {"item_id": "v1", "tags": ["wok"], "published_at": "2020-01-01T00:00:00Z"}
EVENT = {"user_id": "u1", "item_id": "v1", "type": "click"}
UNKNOWN = {**EVENT, "item_id": "nothing"}
AFTER = {"X-Couple-After": f"{'0' * 16}.1-1"}
KEY = {"name": "k", "sha256": "0" * 64, "scopes": ["admin"]}
EXPERIMENT = facts(name="v1", arms=arms(0.5, 0.5))
BIG = b" " * 2**21

# method, path, its template, the model of its 200, a good body
CALLS: list[tuple[str, str, str, type[BaseModel], Any]] = [
    ("POST", "/items", "/items", answers.ItemsAnswer, {"items": [ITEM]}),
    ("GET", "/items/v1", "/items/{item_id}", answers.ItemAnswer, None),
    ("POST", "/events", "/events", answers.EventsAnswer, {"events": [EVENT, UNKNOWN]}),
    ("GET", "/users/u1/history", "/users/{user_id}/history", answers.HistoryAnswer, None),
    ("POST", "/recommend", "/recommend", answers.RecommendAnswer, {"user_id": "u1"}),
    (
        "POST",
        "/recommend",
        "/recommend",
        answers.RecommendAnswer,
        {"user_id": "2", "explain": True},
    ),
    (
        "POST",
        "/recommend/batch",
        "/recommend/batch",
        answers.RecommendBatchAnswer,
        {"requests": [{"user_id": "u1"}, {"user_id": "2", "explain": True}]},
    ),
    ("POST", "/similar", "/similar", answers.SimilarAnswer, {"item_id": "v1"}),
    ("GET", "/models", "/models", answers.ModelsAnswer, None),
    ("POST", "/models", "/models", answers.ModelAnswer, {"path": "OWN"}),
    ("PUT", "/experiments/v1", "/experiments/{name}", answers.ExperimentAnswer, EXPERIMENT),
    ("GET", "/experiments/v1", "/experiments/{name}", answers.ExperimentAnswer, None),
    ("POST", "/recommend", "/recommend", answers.RecommendAnswer, {"user_id": "u1"}),
    (
        "GET",
        "/experiments/v1/report",
        "/experiments/{name}/report",
        answers.ReportAnswer,
        None,
    ),
    ("DELETE", "/experiments/v1", "/experiments/{name}", answers.EndAnswer, None),
    ("GET", "/experiments", "/experiments", answers.ExperimentsAnswer, None),
    ("DELETE", "/users/u1", "/users/{user_id}", answers.EraseAnswer, None),
    ("DELETE", "/items/v1", "/items/{item_id}", answers.DeleteAnswer, None),
    ("GET", "/admin/digest", "/admin/digest", answers.DigestAnswer, None),
    ("GET", "/livez", "/livez", answers.LiveAnswer, None),
    ("GET", "/readyz", "/readyz", answers.ReadyAnswer, None),
]


# Bodies that name what is not there.
LACKING = {"/similar": {"item_id": "gone"}}
NO_MODEL = f"/models/{'0' * 64}"
# Calls of which none is answered with a 200 by a service that has one model.
REFUSED: list[tuple[str, str, str, Any]] = [
    ("POST", f"{NO_MODEL}/activate", "/models/{version}/activate", None),
    ("POST", "/models/rollback", "/models/rollback", None),
    ("DELETE", NO_MODEL, "/models/{version}", None),
]
# What it takes more to bring about than a call: see test_models.
ELSEWHERE = {
    "POST /models": {"409", "503"},
    "POST /models/{version}/activate": {"409"},
    "DELETE /models/{version}": {"409"},
    "PUT /experiments/{name}": {"409"},
    "GET /experiments/{name}/report": {"503"},
}
BODIES = {
    "/items": "Items",
    "/events": "Events",
    "/recommend": "Recommend",
    "/recommend/batch": "RecommendBatch",
    "/similar": "Similar",
    "/models": "Model",
}


@pytest.fixture
async def small(configure: Configure) -> AsyncIterator[Client]:
    async with running(
        configure(body_limit_bytes=2**20, recommend_body_limit_bytes=2**20)
    ) as client:
        yield client


async def document(client: Client) -> Any:
    return ok(await client.get("/openapi.json"))


async def test_answers_have_the_shape_that_is_documented(service: Client) -> None:
    """Every field, no other, of the documented type; the document refers to that model."""
    paths = (await document(service))["paths"]
    own = service.app.state.parts.settings.bundle.name
    for method, path, template, model, body in CALLS:
        given = {"path": own} if template == "/models" and body else body
        response = await service.request(method, path, json=given)
        answer = ok(response)
        read = model.model_validate(answer, strict=False, extra="forbid")
        assert read.model_dump(mode="json", exclude_unset=True) == answer
        documented = paths[template][method.lower()]["responses"]["200"]["content"]
        reference = documented["application/json"]["schema"]["$ref"]
        assert reference == f"#/components/schemas/{model.__name__}"


async def provoked(
    client: Client, locked: Client, dead: Client
) -> list[tuple[str, httpx.Response]]:
    """Every refusal of every path that we know how to bring about."""
    found = []
    calls = [(method, path, template, body) for method, path, template, _, body in CALLS]
    for method, path, template, body in [*calls, *REFUSED]:
        if template in {"/livez", "/readyz"}:
            continue
        requests: list[tuple[Client, str, dict[str, Any]]] = [
            (client, path, {"content": b"{"}),
            (client, path, {"content": b"[]"}),
            (client, path, {"content": b"{}", "headers": {"Content-Type": "text/plain"}}),
            (client, path, {"content": BIG}),
            (client, _too_long(path), {"json": body}),
            (client, path.replace("v1", "gone"), {"json": body}),
            (client, path, {"json": LACKING.get(template, body)}),
            (client, path, {"json": body, "headers": AFTER}),
            (locked, path, {"json": body}),
            (dead, path, {"json": body}),
        ]
        for to, where, arguments in requests:
            found.append((f"{method} {template}", await to.request(method, where, **arguments)))
    return found


def _too_long(path: str) -> str:
    """The same path with names that none can be."""
    return path.replace("v1", "x" * 129).replace("u1", "x" * 129).replace("0" * 64, "x" * 64)


async def test_every_status_that_is_returned_is_documented(
    small: Client, configure: Configure
) -> None:
    """As problem+json with the one schema; and nothing is documented that never happens."""
    nowhere = configure(redis_url="redis://127.0.0.1:1/0")
    async with running(configure(keys=(KEY,))) as locked, running(nowhere, ready=False) as dead:
        responses = await provoked(small, locked, dead)
        small_document = await document(small)
        small_settings = small.app.state.parts.settings
    seen: dict[str, set[str]] = {}
    for route, response in responses:
        seen.setdefault(route, {"401", "403"}).add(str(response.status_code))
        if response.status_code >= 400:
            answers.Problem.model_validate(response.json(), extra="forbid")
    for route, statuses in seen.items():
        method, template = route.split(" ")
        documented = small_document["paths"][template][method.lower()]["responses"]
        assert statuses <= set(documented), route
        admitted = {"429"} if template.split("/")[1] in budgets(small_settings) else set[str]()
        assert ("429" in documented) == bool(admitted), route
        happen = statuses | admitted | {"200", "202", "408"}  # see test_admission
        never = set(documented) - happen - ELSEWHERE.get(route, set())
        assert not never, (route, never)
        for status, entry in documented.items():
            if status not in {"200", "202"}:
                (media_type,) = entry["content"]
                assert media_type == "application/problem+json"


async def test_bodies_are_documented(service: Client) -> None:
    """Routes read them for themselves; the document knows them all the same."""
    found = await document(service)
    for path, name in BODIES.items():
        body = found["paths"][path]["post"]["requestBody"]
        assert body["required"] is True
        reference = body["content"]["application/json"]["schema"]["$ref"]
        assert reference == f"#/components/schemas/{name}Body"
        assert found["components"]["schemas"][f"{name}Body"]["additionalProperties"] is False
    put = found["paths"]["/experiments/{name}"]["put"]["requestBody"]["content"]
    assert put["application/json"]["schema"]["$ref"] == "#/components/schemas/Experiment"


async def test_every_reference_leads_somewhere(service: Client) -> None:
    """No dangling $ref; keys are documented as bearer tokens."""
    found = await document(service)
    schemas = found["components"]["schemas"]
    for reference in _references(found):
        assert reference.removeprefix("#/components/schemas/") in schemas
    assert {scheme["scheme"] for scheme in found["components"]["securitySchemes"].values()} == {
        "bearer"
    }
    assert found["paths"]["/items"]["post"]["security"]
    assert "security" not in found["paths"]["/livez"]["get"]
    header = found["paths"]["/recommend"]["post"]["parameters"][0]
    assert (header["name"].lower(), header["in"]) == ("x-couple-after", "header")


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in _references(value)]
    return (
        [found for value in node for found in _references(value)] if isinstance(node, list) else []
    )
