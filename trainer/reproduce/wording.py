"""Numbers and comparisons as the page writes them."""

from collections.abc import Iterable

from trainer.reproduce.results import Contrast, Value

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


def number(value: float | None, digits: int = 3) -> str:
    """Figures below 1 without the leading zero, as papers write them: .314 for 0.314."""
    if value is None:
        return NONE
    text = f"{abs(value):.{digits}f}"
    text = text[1:] if text.startswith("0.") else text
    negative = value < 0 and any(figure not in ".0" for figure in text)
    return (MINUS if negative else "") + text


def value(found: Value | None) -> str:
    """Mean ± standard deviation."""
    if found is None:
        return NONE
    return number(found.mean) + ("" if found.sd is None else f" ± {number(found.sd)}")


def interval(found: Contrast) -> str:
    """.010 [.002, .018]"""
    return f"{number(found.difference)} [{number(found.low)}, {number(found.high)}]"


def standings(found: Iterable[tuple[Contrast, str]]) -> str:
    """How a row stands to others, each with its name: above a by …, b by …; not distinguish…"""
    by_sign: dict[int, list[str]] = {1: [], -1: [], 0: []}
    for contrast, other in found:
        shown = interval(contrast) if contrast.sign >= 0 else _turned(contrast)
        by_sign[contrast.sign].append(f"{other}{' by' if contrast.sign else ':'} {shown}")
    words = {1: "above", -1: "below", 0: "not distinguishable from"}
    return "; ".join(f"{words[sign]} {', '.join(some)}" for sign, some in by_sign.items() if some)


def _turned(found: Contrast) -> str:
    """The other way round, for what is below."""
    return f"{number(-found.difference)} [{number(-found.high)}, {number(-found.low)}]"
