"""The page is made of the results alone, and needs nothing beside it."""

import re
from html.parser import HTMLParser

import pytest

from tests.trainer.reproduce.making import results, whole
from trainer.reproduce.findings import findings
from trainer.reproduce.markdown import markdown
from trainer.reproduce.page import page
from trainer.reproduce.paper import ABLATION, AMAZON, TPMV
from trainer.reproduce.results import Results
from trainer.reproduce.wording import number

NUMBER = re.compile(r"(?<![\w.])(?:\d+)?\.\d{3}(?!\d)")
VOID = {"meta", "br", "img", "link"}


@pytest.fixture(scope="module")
def found() -> Results:
    draft = whole()
    return draft.model_copy(update={"findings": findings(draft)})


@pytest.fixture(scope="module")
def html(found: Results) -> str:
    return page(found)


class Reader(HTMLParser):
    """Collects text outside drawings, what is loaded, ids, and tags that are never closed."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.stack: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.stack.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset") or tag in ("script", "link", "img"):
                self.loads.append(f"{tag} {name}={value}")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"svg", "style"} & set(self.stack):
            self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.stack == []
    return reader


def test_the_page_loads_nothing(html: str) -> None:
    """No script, style sheet, font or picture from anywhere; http stands in namespaces alone."""
    reader = read(html)
    assert [load for load in reader.loads if not re.search(r"href=#", load)] == []
    rest = re.sub(r'xmlns(:\w+)?="http://www\.w3\.org/[^"]+"', "", html)
    assert "http" not in rest
    assert not re.search(r"@import|url\((?!#)|<script", rest)


def test_drawings_share_no_id_and_refer_to_their_own(html: str) -> None:
    """Two drawings of one page must not clip each other."""
    ids = read(html).ids
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)


def test_every_number_is_traceable(html: str, found: Results) -> None:
    """Each figure of three decimals on the page is one of results.json, or the paper's own."""
    kept = {
        number(abs(float(text)))
        for text in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", found.model_dump_json())
    }
    kept |= {number(n) for table in (TPMV, AMAZON, ABLATION) for row in table.values() for n in row}
    kept |= {".010"}  # the bar of a finding, stated in words
    shown = set(NUMBER.findall(" ".join(read(html).text)))
    assert len(shown) > 100
    assert shown <= kept


def test_every_section_is_there(html: str) -> None:
    """Findings first, then what they rest on, then how to do it again."""
    titles = re.findall(r"<h2>([^<]+)</h2>", html)
    assert titles[0] == "Findings"
    assert [title.partition(":")[0] for title in titles[1:]] == [
        "Data and protocol", "Table 4", "Table 5", "Beyond the paper", "Figure 4", "Figure 5",
        "Figure 8", "Training curves", "Runs that failed", "How to reproduce",
    ]  # fmt: skip
    assert html.count("<svg") >= 6


def test_text_of_the_data_is_escaped(html: str) -> None:
    """A title or a note cannot change the page."""
    assert "a &lt;b&gt;note&lt;/b&gt;" in html
    assert "Street &lt;food&gt;" in html
    assert "no &lt;memory&gt; left" in html


def test_a_smoke_run_says_that_it_is_one(found: Results) -> None:
    """On the page and in the Markdown."""
    quick = found.model_copy(update={"quick": True})
    assert "Quick run." in page(quick)
    assert "smoke run" in markdown(quick)
    assert "Quick run." not in page(found)


def test_a_report_of_nothing_is_still_a_page() -> None:
    """Every run may have failed."""
    assert read(page(results())).loads == []


def test_markdown_has_the_tables_and_no_item_of_the_data(found: Results) -> None:
    """A licence may forbid passing the data on; every row has its header's width."""
    text = markdown(found)
    assert "Street" not in text
    assert "wok" not in text
    assert "| COUPLE |" in text
    width = 0
    for line in text.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        width = width or line.count("|")
        assert line.count("|") == width


def test_results_survive_being_written(found: Results) -> None:
    """The page can be made again from results.json."""
    again = Results.model_validate_json(found.model_dump_json())
    assert page(again) == page(found)
