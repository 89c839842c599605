"""Who may do what: every route, with every kind of key."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from tests.service.conftest import Configure
from tests.service.running import Client, refused, running

pytestmark = pytest.mark.anyio

KEYS = {scope: f"key of {scope} é" for scope in ("ingest", "recommend", "admin")}
ROUTES = [
    ("POST", "/items", "ingest"),
    ("GET", "/items/v1", "ingest"),
    ("DELETE", "/items/v1", "ingest"),
    ("POST", "/events", "ingest"),
    ("GET", "/users/u1/history", "ingest"),
    ("DELETE", "/users/u1", "ingest"),
    ("POST", "/recommend", "recommend"),
    ("POST", "/recommend/batch", "recommend"),
    ("POST", "/similar", "recommend"),
    ("GET", "/admin/digest", "admin"),
    ("GET", "/models", "admin"),
    ("POST", "/models", "admin"),
    ("POST", f"/models/{'0' * 64}/activate", "admin"),
    ("POST", "/models/rollback", "admin"),
    ("DELETE", f"/models/{'0' * 64}", "admin"),
]
BODIES = {
    "/items": {"items": [{"item_id": "v1", "tags": ["wok"]}]},
    "/events": {"events": [{"user_id": "u", "item_id": "i", "type": "click", "tags": ["wok"]}]},
    "/recommend": {"user_id": "u"},
    "/recommend/batch": {"requests": [{"user_id": "u"}]},
    "/similar": {"tags": ["wok"]},
    "/models": {"path": "nothing"},
}
# What a call gets that may pass, where that is no 200.
GETS = {
    ("GET", "/items/v1"): 404,
    ("POST", "/models"): 422,
    ("POST", f"/models/{'0' * 64}/activate"): 404,
    ("POST", "/models/rollback"): 409,
    ("DELETE", f"/models/{'0' * 64}"): 404,
}


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture
async def locked(configure: Configure) -> AsyncIterator[Client]:
    """A service with one key for each scope, on an address that others may reach."""
    keys = [{"name": s, "sha256": digest(key), "scopes": [s]} for s, key in KEYS.items()]
    async with running(configure(keys=keys, host="0.0.0.0")) as client:  # noqa: S104
        yield client


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_the_matrix(locked: Client, method: str, path: str, scope: str) -> None:
    """No key and an unknown one are 401, a key of another scope is 403, the right one passes."""
    for key in (None, "wrong", "", KEYS[scope][:-1], digest(KEYS[scope])):
        headers = [] if key is None else [(b"Authorization", f"Bearer {key}".encode())]
        response = await locked.request(method, path, json=BODIES.get(path), headers=headers)
        assert refused(response, 401)["detail"].startswith("send Authorization: Bearer KEY")
        assert response.headers["www-authenticate"] == 'Bearer realm="couple"'
    for other, key in KEYS.items():
        headers = [(b"Authorization", f"Bearer {key}".encode())]
        response = await locked.request(method, path, json=BODIES.get(path), headers=headers)
        if other == scope:
            assert response.status_code == GETS.get((method, path), 200)
        else:
            assert refused(response, 403)["detail"] == f"this needs a key with the scope {scope}"
            assert "www-authenticate" in response.headers


@pytest.mark.parametrize("header", ["Basic {}", "{}", "bearer{}", "Bearer"])
async def test_another_scheme_is_no_key(locked: Client, header: str) -> None:
    value = header.format(KEYS["recommend"]).encode()
    response = await locked.post(
        "/recommend", json=BODIES["/recommend"], headers=[(b"Authorization", value)]
    )
    refused(response, 401)


async def test_the_scheme_has_no_case(locked: Client) -> None:
    header = (b"Authorization", f"bearer  {KEYS['recommend']} ".encode())
    response = await locked.post("/recommend", json=BODIES["/recommend"], headers=[header])
    assert response.status_code == 200


async def test_a_key_is_asked_for_before_the_body_is_read(locked: Client) -> None:
    """Whoever has no key cannot make the service parse."""
    refused(await locked.post("/items", content=b"not json"), 401)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/docs", "/openapi.json"])
async def test_health_and_documentation_need_no_key(locked: Client, path: str) -> None:
    assert (await locked.get(path)).status_code == 200


async def test_without_keys_everything_is_allowed(service: Client) -> None:
    """On a loopback address; a key that comes along is not looked at."""
    for method, path, scope in ROUTES:
        if scope == "admin":
            continue
        headers = {"Authorization": "Bearer whatever"}
        response = await service.request(method, path, json=BODIES.get(path), headers=headers)
        assert response.status_code == 200
