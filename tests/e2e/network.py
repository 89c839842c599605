"""Machines on this machine: network namespaces at one switch, each with an address of its own.

Needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN). Everything lies in namespaces of this process's own:
a namespace that is deleted takes its links, routes and addresses with it.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

HUB = "hub"  # where the switch stands, and whoever calls
SUBNET = "10.213.77"
CLONE_NEWNET = 0x40000000


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


def _enter(path: Path) -> None:
    """This thread, and what it starts from now on, is in that namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open() as space:
        if libc.setns(space.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def _inside(name: str) -> Iterator[None]:
    with Path("/proc/thread-self/ns/net").open() as before:
        _enter(Path("/run/netns", name))
        try:
            yield
        finally:
            _enter(Path(f"/proc/self/fd/{before.fileno()}"))


class Network:
    """Machines by name. What is started inside one has its address, and no other way out."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [HUB, *names]

    def address(self, name: str) -> str:
        return f"{SUBNET}.{self._names.index(name) + 1}"

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """This thread, and the threads and processes it starts meanwhile, are on that machine."""
        with _inside(self._space(name)):
            yield

    def unplug(self, name: str) -> None:
        """Take the machine's cable out: packets vanish, nobody is told."""
        _ip("-n", self._space(HUB), "link", "set", f"to-{name}", "down")

    def plug(self, name: str) -> None:
        _ip("-n", self._space(HUB), "link", "set", f"to-{name}", "up")

    def deafen(self, name: str, towards: str) -> None:
        """What `name` sends to `towards` vanishes; all others still reach both."""
        _ip("-n", self._space(name), "route", "add", "blackhole", f"{self.address(towards)}/32")

    def hear(self, name: str, towards: str) -> None:
        _ip("-n", self._space(name), "route", "del", "blackhole", f"{self.address(towards)}/32")

    def _space(self, name: str) -> str:
        return f"couple-{os.getpid()}-{name}"

    def _build(self, stack: ExitStack) -> None:
        for name in self._names:
            _ip("netns", "add", self._space(name))
            stack.callback(_delete, self._space(name))
            _ip("-n", self._space(name), "link", "set", "lo", "up")
        hub = self._space(HUB)
        _ip("-n", hub, "link", "add", "switch", "type", "bridge")
        _ip("-n", hub, "address", "add", f"{self.address(HUB)}/24", "dev", "switch")
        _ip("-n", hub, "link", "set", "switch", "up")
        for name in self._names[1:]:
            self._wire(hub, name)

    def _wire(self, hub: str, name: str) -> None:
        space, port = self._space(name), f"to-{name}"
        # Both ends are made inside: the machine's own network never has them.
        peer = ("peer", "name", "eth0", "netns", space)
        _ip("-n", hub, "link", "add", port, "type", "veth", *peer)
        _ip("-n", hub, "link", "set", port, "master", "switch", "up")
        _ip("-n", space, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")


def _delete(space: str) -> None:
    with suppress(AssertionError):
        _ip("netns", "delete", space)


@contextmanager
def network(*names: str) -> Iterator[Network]:
    """A switch with these machines at it; gone when the block ends. The caller stands at it."""
    made = Network(names)
    with ExitStack() as stack:
        made._build(stack)
        stack.enter_context(made.inside(HUB))
        yield made


def refusal() -> str:
    """Why there can be no such network here; empty where there can be one."""
    try:
        with network("one"):
            return ""
    except (AssertionError, OSError) as error:
        return f"no network namespaces here: {error}".strip()


if __name__ == "__main__":
    sys.exit(refusal() or 0)
