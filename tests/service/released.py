"""The HTTP contract that is committed (docs/openapi.json), and what of a new one breaks clients.

`python -m tests.service.released` (`make openapi`) writes it anew, and refuses where clients of the
old one would break; with `--break` it writes all the same, for a release that says so.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.app import create_app
from service.settings import Settings

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
LEAST = ("minLength", "minItems", "minimum")
MOST = ("maxLength", "maxItems", "maximum", "maxProperties")


@dataclass
class Field:
    """What is said of one place of a body, all forms that it may have taken together."""

    types: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)  # where only these are allowed
    limits: dict[str, float] = field(default_factory=dict)
    required: bool = True


Fields = dict[str, Field]


def document() -> Any:
    """What the service gives as /openapi.json."""
    return json.loads(json.dumps(create_app(Settings()).openapi()))


def text(document: Any) -> str:
    """A document as it is committed."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def broken(old: Any, new: Any) -> list[str]:
    """What a client of the old document meets with the new one, a sentence each."""
    return [said for operation in _operations(old) for said in _operation(old, new, *operation)]


def _operations(document: Any) -> list[tuple[str, str]]:
    return [(path, method) for path, methods in document["paths"].items() for method in methods]


def _operation(old: Any, new: Any, path: str, method: str) -> Iterator[str]:
    name = f"{method.upper()} {path}"
    if method not in new["paths"].get(path, {}):
        yield f"{name} is gone"
        return
    before, after = old["paths"][path][method], new["paths"][path][method]
    for status in ("200", "202"):
        had, has = (_answer(one, what, status) for one, what in ((old, before), (new, after)))
        yield from (f"{name}: {said}" for said in _answered(had, has))
    took, takes = (_asked(one, what) for one, what in ((old, before), (new, after)))
    yield from (f"{name}: {said}" for said in _taken(took, takes))


def _answered(old: Fields, new: Fields) -> Iterator[str]:
    """What was there must still be, and nothing of another type."""
    for place, had in old.items():
        has = new.get(place)
        if has is None:
            yield f"{place} is no longer answered"
        elif not has.types <= had.types:
            yield f"{place} may be answered as {', '.join(sorted(has.types - had.types))}"
        elif had.required and not has.required:
            yield f"{place} may be left out of the answer"


def _taken(old: Fields, new: Fields) -> Iterator[str]:
    """What was taken must still be, and nothing more is needed."""
    for place, takes in new.items():
        if takes.required and not old.get(place, Field(required=False)).required:
            yield f"{place} must be sent"
    for place, took in old.items():
        if place not in new:
            yield f"{place} is no longer taken"
        elif tighter := _tighter(took, new[place]):
            yield f"{place} is no longer taken as {tighter}"


def _tighter(took: Field, takes: Field) -> str:
    """What was taken and is no more."""
    gone = took.types - takes.types
    gone |= (took.values - takes.values) if takes.values else set()
    below = [key for key in LEAST if takes.limits.get(key, 0) > took.limits.get(key, 0)]
    inf = float("inf")
    above = [key for key in MOST if takes.limits.get(key, inf) < took.limits.get(key, inf)]
    return ", ".join(sorted({*gone, *below, *above}))


def _answer(document: Any, operation: Any, status: str) -> Fields:
    found: Fields = {}
    for content in operation["responses"].get(status, {}).get("content", {}).values():
        _read(document, content.get("schema", {}), f"answer {status}", found)
    return found


def _asked(document: Any, operation: Any) -> Fields:
    """The body, and the parameters."""
    found: Fields = {}
    body = operation.get("requestBody", {"content": {}, "required": False})
    for content in body["content"].values():
        _read(document, content["schema"], "body", found, required=body["required"])
    for parameter in operation.get("parameters", ()):
        required = parameter.get("required", False)
        _read(document, parameter["schema"], parameter["name"], found, required=required)
    return found


def _read(document: Any, schema: Any, at: str, found: Fields, *, required: bool = True) -> None:
    """Add what a schema says of a place and of all below it."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    here = found.setdefault(at, Field())
    here.required = here.required and required
    forms = schema.get("anyOf", [])
    for form in forms:
        _read(document, form, at, found, required=required)
    if not forms:
        here.types.add(schema.get("type", "any"))
        here.values |= set(map(str, schema.get("enum", ())))
        here.limits |= {key: schema[key] for key in (*LEAST, *MOST) if key in schema}
    for name, below in schema.get("properties", {}).items():
        needed = name in schema.get("required", ())
        _read(document, below, f"{at}.{name}", found, required=needed)
    for key, end in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            _read(document, schema[key], at + end, found)


def main(arguments: list[str], committed: Path = COMMITTED) -> int:
    """The exit code."""
    new = document()
    old = json.loads(committed.read_text()) if committed.exists() else new
    found = broken(old, new)
    for said in found:
        sys.stderr.write(f"breaks clients: {said}\n")
    if found and "--break" not in arguments:
        return 1
    committed.write_text(text(new))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
