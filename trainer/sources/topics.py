"""MicroLens-50k's titles → the two domains that it has no field for: screen, and the rest.

"screen" is animation, comics, film and television; games, which share their heroes with it, are
told apart from it, so that a clip of a game is not taken for one of a series. First come the words
below; then a hashtag that mostly stands beside one topic speaks for it in titles without such a
word. The titles are machine translations, and so are some of the spellings.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from bundle import normalise
from bundle.tags import WORD
from trainer.extraction import hashtags

SCREEN = ("anime", "film")
# Regular expressions, one a line, over the words of a title; the most words win, games in a tie.
WORDS = {
    "game": r"""
        \b(games?|gameplay|ranked|gunfight|skins?|steam|jungl(e|er)|marksman)\b
        \b(e-?sports?|kpl|zombies?)\b
        king ?(of )?glory|kinghonor|king ?of ?honor|honou?r of kings|glory ?firefly|li xin|luban
        han xin|(original|primal|primordial) ?god|genshin
        my ?world|minecraft|minectaft|\bmc\b|mini[- ]?worlds?
        peace ?elite|peacelitist|pubg|eats? chicken|\bcf\b|cross ?fire
        \blol\b|league of legends|fifth personality|identity v|escape ?teen
        egg(y|boy|man)? party|sausage party|playsummer|sakura campus|subway (escape|surf)
        light ?encounter|plants vs|roblox
    """,
    "anime": r"""
        anim(e|ation|ated|ations)\b|comics?\b|manga|cartoons?|(two|2) ?yuan|two[- ]dimension|cosplay
        naruto|sasuke|kakashi|one ?piece|luffy|dragon ball|goku|saiyan|demon slayer|hatsune|conan\b
        doraemon|crayon|pokemon|pikachu|miyazaki|spirited away|kamen rider|ultraman|altman
        simpsons|sponge ?bob|tom and jerry|peppa|transformers|marvel
        douluo|soul land|tang san|xiao yan|xiuxian|repair fairy|pleasant goat|balala|momoko
        kisssheep|sand ?sculpture
    """,
    "film": r"""
        \b(films?|tv)\b|(movies?|dramas?)\b|television|screening (room|hall)|episodes?\b|plot\b
        variety show|teleplay|commentary|viewing report|cinema|hollywood
        actors?\b|actress|director\b|zhou xingchi|stephen chow|jackie chan|jet li
        zhen huan|journey to the west|swordsman
    """,
}
MARKER_ITEMS = 5  # a hashtag of so many items
MARKER_SHARE = 0.6  # … of which so many are of one topic speaks for it


def domains(titles: Sequence[str]) -> list[str]:
    """ "screen" or "other" for each title; all of them together decide what a hashtag says."""
    topics = list(map(_by_words, titles))
    marked = [_marks(title) for title in titles]
    markers = _markers(marked, topics)
    found = (
        topic or _by_votes([markers[mark] for mark in marks if mark in markers])
        for topic, marks in zip(topics, marked, strict=True)
    )
    return ["screen" if topic in SCREEN else "other" for topic in found]


_PATTERNS = {
    topic: re.compile("|".join(line.strip() for line in lines.strip().splitlines()))
    for topic, lines in WORDS.items()
}


def _by_words(title: str) -> str | None:
    text = " ".join(WORD.findall(normalise(title)))
    counts = {topic: len(pattern.findall(text)) for topic, pattern in _PATTERNS.items()}
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else None


def _marks(title: str) -> set[str]:
    runs = (re.sub("[ '-]", "", mark) for mark in hashtags(title, whole=True))
    return {mark for mark in runs if len(mark) > 1}


def _markers(marked: list[set[str]], topics: list[str | None]) -> dict[str, str]:
    """Hashtags → the topic that they stand for."""
    seen: dict[str, Counter[str | None]] = defaultdict(Counter)
    for marks, topic in zip(marked, topics, strict=True):
        for mark in marks:
            seen[mark][topic] += 1
    return {
        mark: topic
        for mark, counts in seen.items()
        for topic in WORDS
        if counts.total() >= MARKER_ITEMS and counts[topic] / counts.total() >= MARKER_SHARE
    }


def _by_votes(topics: list[str]) -> str | None:
    counts = Counter(topics)
    return max(WORDS, key=counts.__getitem__) if counts else None
