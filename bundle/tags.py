"""Tags as strings: one normal form, one numbering.

Tags travel and are stored as strings; only a bundle's vocabulary turns them into ids, so any
vocabulary can read any history.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

WORD = re.compile(r"[^\W_]+(?:['+&.-][^\W_]+)*")


def normalise(tag: str) -> str:
    """NFKC, casefold, trimmed, inner white space to one blank. Idempotent.

    Casefolding can undo NFKC, hence the second pass.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    return " ".join(folded.split())


class Vocabulary:
    """Normalised tags numbered from 1 in file order; 0 is padding."""

    def __init__(self, tags: Sequence[str]) -> None:
        """Take distinct, normalised tags; raise ValueError naming the first that is not."""
        self.tags = tuple(tags)
        self._ids: dict[str, int] = {}
        for number, tag in enumerate(self.tags, start=1):
            if not tag or tag != normalise(tag):
                raise ValueError(f"line {number} is not a normalised tag")
            if self._ids.setdefault(tag, number) != number:
                raise ValueError(f"line {number} repeats the tag of line {self._ids[tag]}")
        self._longest = max((len(WORD.findall(tag)) for tag in self.tags), default=0)

    def __len__(self) -> int:
        return len(self.tags)

    def __contains__(self, tag: str) -> bool:
        return normalise(tag) in self._ids

    def ids(self, tags: Iterable[str]) -> list[int]:
        """Ids of the known tags, in the order given, each once; unknown tags are left out."""
        known = (self._ids.get(normalise(tag)) for tag in tags)
        return list(dict.fromkeys(number for number in known if number is not None))

    def find(self, title: str) -> list[str]:
        """Known tags that stand in a title, in reading order, the longest match first.

        "Night Market noodles in Taipei" → ["night market", "noodles"].
        """
        words = WORD.findall(normalise(title))
        found: list[str] = []
        start = 0
        while start < len(words):
            for length in range(min(self._longest, len(words) - start), 0, -1):
                phrase = " ".join(words[start : start + length])
                if phrase in self._ids:
                    found.append(phrase)
                    break
            else:
                length = 1
            start += length
        return list(dict.fromkeys(found))

    def encode(self) -> bytes:
        """The bytes of `tags.txt`: UTF-8, one tag a line."""
        return "".join(f"{tag}\n" for tag in self.tags).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Vocabulary":
        """Read what `encode` wrote; raise ValueError (UnicodeDecodeError included) otherwise."""
        text = data.decode()
        if text and not text.endswith("\n"):
            raise ValueError("the last line has no end")
        return cls(text.split("\n")[:-1])
