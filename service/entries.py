"""Where the entries of a long JSON list stand in a body, found in steps that others can wait for.

To decode ten megabytes takes a tenth of a second in which nobody else is answered, and no thread
helps: Python makes objects one thread at a time. So a long list is read entry by entry, for where
each ends, and its parts are judged in the caller's own words as bodies of their own.
"""

import json
import re
from collections.abc import Iterator

_BLANK = "[ \\t\\n\\r]*"
_NEXT = re.compile(f"{_BLANK},{_BLANK}")
_END = re.compile(f"{_BLANK}]{_BLANK}}}{_BLANK}")

_decoder = json.JSONDecoder()

Span = tuple[int, int]


def spans(text: str, name: str) -> Iterator[Span]:
    """Begin and end of each entry of the list `name`, when the body has it and nothing else.

    Raises:
        ValueError: it has another form, or is no JSON.
        RecursionError: an entry is nested too deeply.
    """
    opened = re.match(f'{_BLANK}{{{_BLANK}"{name}"{_BLANK}:{_BLANK}\\[{_BLANK}', text)
    if opened is None:
        raise ValueError("no such list stands first")
    at: int | None = opened.end()
    while at is not None:
        _, end = _decoder.raw_decode(text, at)
        yield at, end
        following = _NEXT.match(text, end)
        at = following.end() if following else None
    if _END.fullmatch(text, end) is None:
        raise ValueError("something follows the list")
