"""Titles, hashtags, categories and brands → a vocabulary of tags, and every item's tags (A.1.1).

A tag is a phrase that people set apart (a hashtag, a category, a brand), a word, or two words that
belong together, each by how many items have it. Which of them an item has is decided by
`Vocabulary.find`, the code that reads the `title` of POST /items: a bundle whose vocabulary holds
these tags finds in serving what was found here.

Tables of items have the columns `title` (text or empty) and `phrases` (lists of text).
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from bundle import Vocabulary, normalise
from bundle.tags import WORD, words

Text = tuple[str, list[str]]  # title, phrases

HASHTAG = re.compile(r"#(\s*)([^#.!?。;,:~|]+)")  # in a normalised title
HASHTAG_WORDS = 6  # more is a sentence that nobody closed
LONGEST_TAG = 64  # characters, and
MOST_TAGS = 64  # tags of an item: what POST /items takes
# So common in English that they say nothing of what a title is about.
STOP = """
    a about above across after again against ago all almost along already also although always am
    an and another any anybody anyone anything are around as ask at away back be because become been
    before behind being below beside best better between big both bring but by call came can can't
    cannot come comes coming could did didn't do does doesn't doing don't done down during each
    either else end enough even ever every everybody everyone everything few find first five for
    found four from full gave get gets getting give given gives go goes going gone gonna good got
    great had has have haven't having he he's hello her here here's hers herself hey hi him himself
    his how however http https i i'd i'll i'm i've if in instead into is isn't it it's its itself
    just keep kind knew know known last later least less let let's like little long look looked
    looking looks lot made make makes making man many may maybe me mean means might mine more most
    much must my myself near need never new next nine no nobody none nor not nothing now of off oh
    ok okay old on once one ones only onto or other others our ours out over own part people per
    person place put quite rather really right said same saw say saying says second see seen seems
    seven several she she's should show shows side since six so some somebody someone something
    sometimes soon still stop such sure take taken takes taking talk tell ten than that that's the
    their theirs them themselves then there there's these they they're thing things think third this
    those though three through till time times to today together told tomorrow tonight too took top
    toward tried try trying turn turned turns two under until up upon us use used uses using very
    via want wanted wants was wasn't watch way ways we we're we've well went were weren't what
    what's when where whether which while who who's whole whom whose why will with within without
    won't work would wouldn't wow wrong www yeah year years yes yesterday yet you you'd you'll
    you're you've your yours yourself
"""
STOP_WORDS = frozenset(STOP.split())


@dataclass(frozen=True)
class Rules:
    """What makes a tag; found on MicroLens-50k's validation users (docs/data.md), where all tie."""

    phrase_items: int = 3  # a phrase of fewer items is no tag
    word_items: int = 4
    pair_items: int = 6
    npmi: float = 0.45  # how much two words attract each other: 0 chance, 1 never apart
    word_share: float = 0.06  # of all items; a word in more says too little
    phrase_share: float = 0.5  # a phrase in more is the catalogue's own name
    few: int = 20  # … but what so few items have is never too common


def learn(items: pl.DataFrame, rules: Rules | None = None) -> Vocabulary:
    """Learn the tags of these items, the most frequent first. May be empty."""
    rules = rules or Rules()
    spellings = _spellings(items, rules)
    phrases: Counter[str] = Counter()
    singles: Counter[str] = Counter()
    for text in _texts(items):
        keys = map(_run_together, _phrases(text))
        phrases.update({spellings[key] for key in keys if key in spellings})
        singles.update({word for piece in _pieces(text, spellings) for word in piece})
    found = _frequent_words(singles, len(items), rules)
    found |= _collocations(items, spellings, singles, rules)
    limit = max(rules.few, rules.phrase_share * len(items))
    found |= Counter({p: n for p, n in phrases.items() if rules.phrase_items <= n <= limit})
    kept = {tag: n for tag, n in found.items() if 1 < len(tag) <= LONGEST_TAG}
    return Vocabulary(sorted(kept, key=lambda tag: (-kept[tag], tag)))


def extract(items: pl.DataFrame, vocabulary: Vocabulary) -> list[list[str]]:
    """The tags of each item: those of its phrases in their order, then those of its title."""
    return [_tags(text, vocabulary) for text in _texts(items)]


def hashtags(title: str, *, whole: bool = False) -> list[str]:
    """The phrases marked in a title: "so good # street food #wok" → street food, wok.

    Some platforms let blanks into a hashtag, some do not: of "#wok of the day" both the phrase and
    its first word are taken, and frequency decides; with `whole` the phrase alone.
    """
    found: list[str] = []
    for blank, marked in HASHTAG.findall(normalise(title)):
        parts = WORD.findall(marked)
        if len(parts) <= HASHTAG_WORDS:
            found.append(" ".join(parts))
        if not (blank or whole):
            found += parts[:1]
    return [phrase for phrase in dict.fromkeys(found) if phrase]


def _texts(items: pl.DataFrame) -> Iterator[Text]:
    for title, phrases in items.select("title", "phrases").iter_rows():
        yield title or "", phrases or []


def _tags(text: Text, vocabulary: Vocabulary) -> list[str]:
    title, phrases = text
    found: list[str] = []
    for phrase in phrases:
        tag = normalise(phrase)
        found += [*([tag] if tag in vocabulary else []), *vocabulary.find(phrase)]
    return list(dict.fromkeys([*found, *vocabulary.find(title)]))[:MOST_TAGS]


def _phrases(text: Text) -> list[str]:
    title, phrases = text
    return [*map(normalise, phrases), *hashtags(title)]


def _run_together(phrase: str) -> str:
    """What all spellings of a phrase share: king glory, king-glory, kingglory."""
    return phrase.replace(" ", "").replace("-", "")


def _spellings(items: pl.DataFrame, rules: Rules) -> dict[str, str]:
    """Run-together phrases of enough items → the commonest way to write them."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for text in _texts(items):
        for phrase in set(_phrases(text)):
            seen[_run_together(phrase)][phrase] += 1
    frequent = {key: c for key, c in seen.items() if c.total() >= rules.phrase_items}
    return {
        key: max(c, key=lambda phrase: (c[phrase], " " in phrase, phrase))
        for key, c in frequent.items()
        if not key.isdigit() and key not in STOP_WORDS
    }


def _pieces(text: Text, spellings: dict[str, str]) -> list[list[str]]:
    """The words of the title and of each phrase, those run together taken apart."""
    title, phrases = text
    return [
        [part for word in words(piece) for part in words(spellings.get(word, word))]
        for piece in (title, *phrases)
    ]


def _frequent_words(singles: Counter[str], items: int, rules: Rules) -> Counter[str]:
    limit = max(rules.few, rules.word_share * items)
    return Counter(
        {
            word: n
            for word, n in singles.items()
            if rules.word_items <= n <= limit and _telling(word)
        }
    )


def _collocations(
    items: pl.DataFrame, spellings: dict[str, str], singles: Counter[str], rules: Rules
) -> Counter[str]:
    """Neighbours that attract each other: normalised pointwise mutual information."""
    pairs: Counter[tuple[str, str]] = Counter()
    able = {w for w, n in singles.items() if n >= rules.pair_items and _telling(w)}
    for text in _texts(items):
        near = (pair for piece in _pieces(text, spellings) for pair in pairwise(piece))
        pairs.update({pair for pair in near if able.issuperset(pair)})
    return Counter(
        {
            f"{one} {other}": n
            for (one, other), n in pairs.items()
            if n >= rules.pair_items
            and _npmi(n, singles[one], singles[other], len(items)) >= rules.npmi
        }
    )


def _npmi(together: int, one: int, other: int, items: int) -> float:
    """-1 to 1 from four numbers of items; pairs that every item has say nothing."""
    if together == items:
        return 0.0
    return math.log(together * items / (one * other)) / math.log(items / together)


def _telling(word: str) -> bool:
    """Whether a word can be a tag; two letters say something only in scripts without spelling."""
    long = len(word) > 2 or (len(word) == 2 and not word.isascii())
    return long and word not in STOP_WORDS and not word.isdigit() and not word.endswith("'s")
