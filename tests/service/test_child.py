"""Work in a process of its own: it refuses, fails or dies, and never outlives us."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bundle import BundleRefused
from service import child
from tests.service.running import until

pytestmark = pytest.mark.anyio


def refuses(what: str) -> None:
    raise BundleRefused(f"{what} at {os.nice(0)}")


def lost() -> None:
    raise ConnectionResetError("gone")


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps(note: Path) -> None:
    note.write_text(str(os.getpid()))
    time.sleep(600)


async def test_every_end_has_its_error() -> None:
    """What was refused is told word for word; the priority is the one asked for."""
    with pytest.raises(child.ChildRefused, match=f"^this one at {os.nice(0) + 1}$"):
        await child.run(refuses, "this one", niceness=1)
    with pytest.raises(child.ChildLost, match="gone"):
        await child.run(lost, niceness=0)
    with pytest.raises(child.ChildDied, match="-9"):
        await child.run(dies, niceness=0)


async def test_who_no_longer_waits_kills_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    running = asyncio.create_task(child.run(sleeps, note, niceness=0))
    pid = await _written(note)
    running.cancel()
    await asyncio.wait([running])
    await until(lambda: _gone(pid))


async def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Also with one that is killed."""
    note = tmp_path / "pid"
    code = (
        "import asyncio, sys; from pathlib import Path; from service import child;"
        "from tests.service.test_child import sleeps;"
        "asyncio.run(child.run(sleeps, Path(sys.argv[1]), niceness=0))"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(note))
    pid = await _written(note)
    parent.kill()
    await parent.wait()
    await until(lambda: _gone(pid))


async def _written(note: Path) -> int:
    async def holds() -> bool:
        return bool(_text(note))

    await until(holds, 60)
    return int(_text(note))


async def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # One whose parent is gone may wait for the system to bury it.
    return _text(Path(f"/proc/{pid}/stat")).rpartition(") ")[2].startswith("Z")


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
