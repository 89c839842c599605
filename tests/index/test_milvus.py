"""The contract, kept by Milvus Lite; and what is Milvus' own.

`make test-milvus` runs this file, in an environment with the extra `milvus`.
"""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Thread
from typing import cast

import numpy as np
import pytest
from pymilvus import MilvusClient

from index import ItemIndex, milvus
from index.errors import EngineFailed, EngineSilent, InvalidK, WrongShape
from index.milvus import MilvusIndex
from tests.index.contract import Changes, Eligibility, Ranking
from tests.index.engine import Engine, Index, X, Y, array, filled, on_a_line, query
from tests.index.refusals import Refusals

SCAN = {"index_type": "FLAT"}  # everything, so that answers are exact


class Lite:
    """Collections whose items, once settled, lie in a segment; what is changed later does not."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.client = MilvusClient(uri)
        self._numbers = count()
        self._made: list[MilvusIndex] = []

    def make(self, dim: int) -> MilvusIndex:
        made = MilvusIndex(self.uri, f"items_{next(self._numbers)}", dim, structure=SCAN)
        self._made.append(made)
        return made

    def settle(self, index: Index) -> None:
        self.client.flush(cast(MilvusIndex, index).collection)

    def clear(self) -> None:
        while self._made:
            self._made.pop().drop()


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lite]:
    lite = Lite(str(tmp_path_factory.mktemp("milvus") / "items.db"))
    yield lite
    lite.client.close()


@pytest.fixture
def engine(lite: Lite) -> Iterator[Engine]:
    yield lite
    lite.clear()


class TestContract(Ranking, Eligibility, Changes, Refusals):
    """On Milvus Lite."""


def test_ids_and_attributes_may_be_any_text(engine: Engine) -> None:
    texts = ['a"b', "a'b", "a\\b", '\\"', "日本", "{x}", "a and b", "%20", "\\u0041", "😀", "a\nb"]
    index = engine.make(2)
    vectors = array(*[X] * len(texts))
    index.upsert(texts, vectors, attributes=[{text: [text, "="]} for text in texts])
    assert index.ids() == set(texts)
    for text in texts:
        assert index.search(query(X), 99, filters={text: text})[0] == [[text]]
    assert index.search(query(X), 99, exclude=[texts[1:]])[0] == [texts[:1]]
    assert index.remove(texts) == len(texts)


def test_random_programs_get_the_answers_of_faiss(engine: Engine) -> None:
    """Small whole numbers, so that arithmetic is exact and ties are everywhere."""
    dice = np.random.default_rng(7)
    ours, theirs = engine.make(3), ItemIndex(3, recall=1.0)
    for _ in range(12):
        ids = [f"{number}" for number in dice.choice(60, size=25, replace=False)]
        vectors = dice.integers(-2, 3, size=(25, 3)).astype(np.float32) + array(0.5, 0, 0)
        ends = [float(end) if end else None for end in dice.integers(0, 10, size=25)]
        labels = [{"language": f"{number}"} for number in dice.integers(0, 3, size=25)]
        gone, now = [f"{n}" for n in dice.integers(0, 60, size=9)], float(dice.integers(0, 9))
        asked = dice.integers(-2, 3, size=(2, 3, 3)).astype(np.float32)
        for one in (ours, theirs):
            one.upsert(ids, vectors, expires_at=ends, attributes=labels)
        engine.settle(ours)
        assert ours.remove(gone) == theirs.remove(gone)
        assert ours.expire(now - 4) == theirs.expire(now - 4)
        rest = {"now": now, "exclude": [ids[:5], gone], "filters": {"language": ["0", "2"]}}
        assert ours.search(asked, 7, **rest) == theirs.search(asked, 7, **rest)  # type: ignore[arg-type]  # of three kinds
        assert ours.ids() == theirs.ids()


def test_every_holder_of_a_collection_sees_a_write_at_once(lite: Lite, engine: Engine) -> None:
    writer = cast(MilvusIndex, filled(engine, a=X))
    reader = MilvusIndex(lite.uri, writer.collection, 2)
    for number in range(20):
        writer.upsert([f"new{number}"], array([number + 2.0, 0.0]))
        assert reader.search(query(X), 1)[0] == [[f"new{number}"]]
        writer.remove([f"new{number}"])
        assert reader.search(query(X), 1)[0] == [["a"]]


def test_threads_may_write_at_once(engine: Engine) -> None:
    index = engine.make(2)

    def write(name: str) -> None:
        for number in range(10):
            index.upsert([f"{name}{number}", f"{name}gone"], array(X, Y))
            index.remove([f"{name}gone"])

    writers = [Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert index.ids() == {f"{name}{number}" for name in "abcd" for number in range(10)}


def test_a_collection_of_other_vectors_is_refused(lite: Lite, engine: Engine) -> None:
    index = cast(MilvusIndex, engine.make(2))
    with pytest.raises(WrongShape, match="keeps vectors of 2 dimensions, not 3"):
        MilvusIndex(lite.uri, index.collection, 3)


def test_more_dimensions_than_milvus_keeps_are_refused(engine: Engine) -> None:
    for dim in (1, 32_769):
        with pytest.raises(WrongShape, match="2 to 32,768"):
            engine.make(dim)


def test_a_k_that_milvus_cannot_fill_is_refused_and_one_that_it_can_is_not(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = on_a_line(engine, 30)
    monkeypatch.setattr(milvus, "DEEPEST", 20)
    with pytest.raises(InvalidK, match="more are eligible: not 21"):
        index.search(query(X), 21)
    ids = sorted(index.ids())
    assert index.search(query(X), 20)[0] == [ids[:20]]
    assert index.search(query(X), 21, exclude=[ids[:12]])[0] == [ids[12:]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Milvus Lite in a process of its own."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-u", "-m", "milvus_lite", "server", "--host", "127.0.0.1"]
    words = [*command, "--port", f"{port}", "--data-dir", f"{tmp_path / 'data'}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "listening" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}", process
        process.kill()


def test_an_engine_that_died_is_a_typed_error_within_the_time_that_calls_have(
    server: tuple[str, subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, process = server
    MilvusIndex(uri, "items", 2, structure=SCAN).upsert(["a"], array(X))
    monkeypatch.setattr(milvus, "SECONDS", 1.0)
    index = MilvusIndex(uri, "items", 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for call in (lambda: index.search(query(X), 1), lambda: index.upsert(["b"], array(Y))):
        with pytest.raises(EngineSilent, match="Milvus could not"):
            call()
    with pytest.raises(EngineFailed, match="could not open"):
        MilvusIndex(uri, "items", 2)


def test_an_engine_that_hangs_is_silent_and_may_do_later_what_it_was_asked_to(
    server: tuple[str, subprocess.Popen[str]],
) -> None:
    uri, process = server
    patient = MilvusIndex(uri, "items", 2, structure=SCAN)
    patient.upsert(["a"], array(X))
    hasty = MilvusIndex(uri, "items", 2, seconds=0.5)
    process.send_signal(signal.SIGSTOP)
    for call in (lambda: hasty.search(query(X), 1), lambda: hasty.upsert(["b"], array(Y))):
        with pytest.raises(EngineSilent, match="Milvus could not"):
            call()
    process.send_signal(signal.SIGCONT)
    assert "a" in patient
