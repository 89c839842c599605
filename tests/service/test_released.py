"""The committed contract is the service's, and what breaks its clients is refused."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service import released

Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def served() -> Any:
    return released.document()


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def test_the_committed_document_is_what_is_served(served: Any) -> None:
    """After a change of the API: `make openapi`, which refuses what breaks clients."""
    assert released.COMMITTED.read_text() == released.text(served)


def drop_field(document: Any) -> None:
    del schema(document, "Candidate")["properties"]["score"]


def retype_field(document: Any) -> None:
    schema(document, "Candidate")["properties"]["score"] = {"type": "string"}


def optional_field(document: Any) -> None:
    schema(document, "RecommendAnswer")["required"].remove("candidates")


def nullable_field(document: Any) -> None:
    schema(document, "RecommendAnswer")["properties"]["user_id"] = {
        "anyOf": [{"type": "string"}, {"type": "null"}]
    }


def drop_argument(document: Any) -> None:
    del schema(document, "RecommendBody")["properties"]["explain"]


def require_argument(document: Any) -> None:
    schema(document, "RecommendBody")["required"].append("k")


def new_argument(document: Any) -> None:
    schema(document, "RecommendBody")["properties"]["page"] = {"type": "integer"}
    schema(document, "RecommendBody")["required"].append("page")


def lower_limit(document: Any) -> None:
    schema(document, "RecommendBody")["properties"]["k"]["maximum"] = 100


def raise_limit(document: Any) -> None:
    schema(document, "RecommendBody")["properties"]["k"]["minimum"] = 10


def require_parameter(document: Any) -> None:
    document["paths"]["/models"]["get"]["parameters"] = [
        {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}}
    ]


BREAKING: list[tuple[Change, str]] = [
    (lambda found: found["paths"].pop("/similar"), "POST /similar is gone"),
    (lambda found: found["paths"]["/models"].pop("get"), "GET /models is gone"),
    (drop_field, "POST /recommend: answer 200.candidates[].score is no longer answered"),
    (retype_field, "POST /recommend: answer 200.candidates[].score may be answered as string"),
    (optional_field, "POST /recommend: answer 200.candidates may be left out of the answer"),
    (nullable_field, "POST /recommend: answer 200.user_id may be answered as null"),
    (drop_argument, "POST /recommend: body.explain is no longer taken"),
    (require_argument, "POST /recommend: body.k must be sent"),
    (new_argument, "POST /recommend: body.page must be sent"),
    (lower_limit, "POST /recommend: body.k is no longer taken as maximum"),
    (raise_limit, "POST /recommend: body.k is no longer taken as minimum"),
    (require_parameter, "GET /models: page must be sent"),
]


@pytest.mark.parametrize(("change", "said"), BREAKING, ids=[said for _, said in BREAKING])
def test_what_breaks_clients_is_named(served: Any, change: Change, said: str) -> None:
    new = copy.deepcopy(served)
    change(new)
    assert said in released.broken(served, new)


def add_field(document: Any) -> None:
    schema(document, "RecommendAnswer")["properties"]["page"] = {"type": "integer"}
    schema(document, "RecommendAnswer")["required"].append("page")


def add_argument(document: Any) -> None:
    schema(document, "RecommendBody")["properties"]["page"] = {"type": "integer"}


def widen_limit(document: Any) -> None:
    schema(document, "RecommendBody")["properties"]["k"]["maximum"] = 1000


def add_path(document: Any) -> None:
    document["paths"]["/more"] = document["paths"]["/similar"]


@pytest.mark.parametrize("change", [add_field, add_argument, widen_limit, add_path])
def test_additions_break_nobody(served: Any, change: Change) -> None:
    new = copy.deepcopy(served)
    change(new)
    assert released.broken(served, new) == []


def test_the_committed_document_is_not_overwritten_by_what_breaks(
    served: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless one says so."""
    old = copy.deepcopy(served)
    add_field(old)
    committed = tmp_path / "openapi.json"
    committed.write_text(json.dumps(old))
    assert released.main([], committed) == 1
    assert "answer 200.page is no longer answered" in capsys.readouterr().err
    assert json.loads(committed.read_text()) == old
    assert released.main(["--break"], committed) == 0
    assert committed.read_text() == released.text(served)
