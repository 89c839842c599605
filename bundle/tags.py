"""Tags as strings: one normal form, one numbering.

Tags travel and are stored as strings; only a bundle's vocabulary turns them into ids, so any
vocabulary can read any history.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

WORD = re.compile(r"[^\W_]+(?:['+&.-][^\W_]+)*")
READ = 16  # tags of an item that stand-ins are looked for in; a tower reads about as many
SHORTEST_RUN = 6  # letters that "kinggloryjoke" has and "apart" has not, which is no "a part"


def normalise(tag: str) -> str:
    """NFKC, casefold, trimmed, inner white space to one blank. Idempotent.

    Casefolding can undo NFKC, hence the second pass.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    return " ".join(folded.split())


def words(text: str) -> list[str]:
    """The words of a text, normalised, hyphens apart: "Mini-World's end" → mini, world's, end."""
    return [part for word in WORD.findall(normalise(text)) for part in word.split("-")]


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
        self._learn_to_find()

    def __len__(self) -> int:
        return len(self.tags)

    def __contains__(self, tag: str) -> bool:
        return normalise(tag) in self._ids

    def ids(self, tags: Sequence[str]) -> list[int]:
        """Ids of the known tags, in the order given, each once; unknown tags are left out."""
        known: list[Any] = list(map(self._ids.get, tags))
        if None in known:
            pairs = zip(tags, known, strict=True)
            known = [number or self.id(tag) for tag, number in pairs]
        return [number for number in dict.fromkeys(known) if number]

    def id(self, tag: str) -> int:
        """A tag's id, however it is written; 0 for an unknown one."""
        # As it stands first: most are in their normal form, which takes long to find out.
        return self._ids.get(tag) or self._ids.get(normalise(tag), 0)

    def find(self, title: str) -> list[str]:
        """All known tags that stand in a title, the most telling first: more words, then rarer.

        Tags inside longer ones count: without them a title says too little (docs/data.md). The
        trainer numbers tags by frequency, so a later one is a rarer one. Time is linear in the
        title's length.

        "Noodles at the NightMarket" → ["night market", "noodles", "night"].
        """
        found = self._spelled(title)
        hits = {hit for start in range(len(found)) for hit in self._starting(found, start)}
        return [self.tags[number - 1] for _, number in sorted(hits, reverse=True)]

    def stand_ins(self, tags: Sequence[str]) -> list[str]:
        """Known tags that stand in for tags of which none is known; none where one is.

        Of each of the first tags in turn: the known tags whose words stand in it, as in a title.
        Any other tag says nothing: parts of words (fastText's way with new words; Bojanowski et
        al., TACL 2017) were no better than chance, and tags spelled alike not by much
        (docs/bundle.md). The same for every holder of the vocabulary.

        ["late night market", "#streetfood", "zither"] → ["night market", "night", "street food"].
        """
        if self.ids(tags):
            return []
        return list(dict.fromkeys(hit for tag in tags[:READ] for hit in self.find(tag)))

    def _learn_to_find(self) -> None:
        self._phrases: dict[str, tuple[int, int]] = {}  # words of a tag → how many, its id
        self._begun: set[str] = set()  # the beginnings of phrases
        self._apart: dict[str, list[str]] = {}  # "kingglory" → king, glory
        for number, tag in enumerate(self.tags, start=1):
            parts = words(tag)
            if not parts or (len(parts) == 1 and parts[0] != tag):
                continue  # "c++" is not what a title with a "c" is about
            self._phrases.setdefault(" ".join(parts), (len(parts), number))
            self._begun.update(" ".join(parts[:n]) for n in range(1, len(parts)))
            if len(parts) > 1 and len(run := "".join(parts)) >= SHORTEST_RUN:
                self._apart.setdefault(run, parts)
        self._longest = max((length for length, _ in self._phrases.values()), default=0)

    def _spelled(self, title: str) -> list[str]:
        """The words of a title, those run together apart, unless they are a tag as they stand."""
        known, apart = self._phrases, self._apart
        return [
            part
            for word in words(title)
            for part in ([word] if word in known else apart.get(word, [word]))
        ]

    def _starting(self, title: Sequence[str], start: int) -> Iterator[tuple[int, int]]:
        """The tags that begin with the word at `start`: number of words, id."""
        phrase = ""
        for word in title[start : start + self._longest]:
            phrase = f"{phrase} {word}" if phrase else word
            if hit := self._phrases.get(phrase):
                yield hit
            if phrase not in self._begun:
                return

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
