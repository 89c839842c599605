"""Whatever is sent to whatever route: no 5xx, and nothing that /openapi.json does not announce."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.campaign import count
from tests.service.process import serving

CASES = count(300, 5000)  # over all routes, half of them against the contract
# How soon a store must answer is not asked here, and a busy machine's may be late.
PATIENT = {"COUPLE_REDIS_TIMEOUT_MS": "5000", "COUPLE_REDIS_READ_TIMEOUT_MS": "5000"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def url(variables: dict[str, str]) -> Iterator[str]:
    with serving(1, **variables, **PATIENT) as server:
        yield server.url


@pytest.mark.timeout(count(300, 3600))
def test_every_answer_is_one_that_is_announced(url: str) -> None:
    """Requests generated from the document, sound and unsound ones, to every route."""
    found: Any = schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations()
    operations = [one.ok() for one in found]
    asking = [one for one in operations if one.body or any(one.iter_parameters())]
    assert len(asking) >= 9
    each = -(-CASES // (2 * len(asking)))
    tried = [try_out(one, GenerationMode.POSITIVE, each) for one in operations]
    tried += [try_out(one, GenerationMode.NEGATIVE, each) for one in asking]
    assert sum(tried) >= CASES


def try_out(operation: Any, mode: GenerationMode, examples: int) -> int:
    """Some cases of one route; how many."""
    tried = 0

    @seed(0)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        nonlocal tried
        tried += 1
        case.call_and_validate(checks=CHECKS)

    run()
    return tried
