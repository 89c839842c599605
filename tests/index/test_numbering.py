"""Ids and their rows, whichever of the dictionaries they fall into."""

from index.numbering import PARTS, Numbering

IDS = [f"v{number}" for number in range(20 * PARTS)]


def test_ids_have_the_rows_they_were_given() -> None:
    """In order, as long as they stay, and no others."""
    numbering = Numbering(IDS)
    assert numbering.find(IDS) == list(range(len(IDS)))
    assert numbering.find(["no", IDS[3], "none", IDS[3]]) == [None, 3, None, 3]
    assert numbering.get("no") is None
    assert "no" not in numbering
    assert sorted(numbering) == sorted(IDS)
    assert len(numbering) == len(IDS)


def test_ids_come_and_go() -> None:
    """The last of them leaves nothing behind."""
    numbering = Numbering(IDS)
    for item_id in IDS:
        assert item_id in numbering
        numbering.remove(item_id)
    assert len(numbering) == 0
    assert list(numbering) == []
    numbering.add("v0", 7)
    assert numbering.get("v0") == 7
    assert len(numbering) == 1
