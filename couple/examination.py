"""Everything `couple doctor` looks at, in the order in which things depend on one another."""

import os
import resource
from pathlib import Path

from bundle import BundleError, open_bundle, replay
from couple import histories_examination, store_examination
from couple.findings import Finding, look, mend, well
from service.errors import AddressTaken, KeysMissing
from service.server import bind
from service.settings import Settings, check_exposure
from service.towers import OnnxTowers

SPARE_FILES = 100  # descriptors beside connections: libraries, log, Redis
WORKER_MB = 200  # of a process that has loaded libraries and a small bundle
ITEM_BYTES = 370  # beside the vector: 186 of the index (docs/index.md), and the facts as much
VECTOR_BYTES = 2  # a number, as half floats
COPIES = 2  # while another structure is built beside the one that answers
TIGHT = 0.8  # of the memory that is free
KNOWN_ITEMS = 10_000  # supposed where nobody says how many


def examine(settings: Settings, workers: int, items: int | None) -> list[Finding]:
    """What was found, everything looked at whatever else is wrong."""
    store, held = store_examination.examine(settings)
    bundle, dim = _bundle(settings.bundle)
    kept = [*store, *histories_examination.examine(settings)]
    found = [*kept, bundle, _keys(settings), _port(settings), _files(settings)]
    return [*found, _cores(workers), _memory(workers, items or held, dim)]


def _bundle(path: Path | None) -> tuple[Finding, int]:
    """The finding, and how long its vectors are."""
    if path is None:
        return look("bundle", "none is named", "give --bundle FOLDER or set COUPLE_BUNDLE"), 64
    try:
        opened = open_bundle(path)
        error = replay(opened.probe, opened.manifest, OnnxTowers(opened))
    except BundleError as refused:
        return mend("bundle", *_advised(refused)), 64
    manifest = opened.manifest
    found = f"{manifest.model} {manifest.version[:12]} is intact, its probe replays ({error:.0e})"
    return well("bundle", found), manifest.dim


def _advised(refused: BundleError) -> tuple[str, str]:
    """What is wrong, and what to do: its own advice, where it ends in one."""
    said = str(refused)
    found, _, advice = said.rpartition("; " if "; " in said else ": ")
    return (found, advice) if "export" in advice else (said, "export it again, or copy it again")


def _keys(settings: Settings) -> Finding:
    try:
        check_exposure(settings)
    except KeysMissing:
        found = f"none, and {settings.host} is open to others: the service will not start"
        return mend("keys", found, "set COUPLE_KEYS (docs/settings.md), or --host 127.0.0.1")
    if not settings.keys:
        return well("keys", f"none: only this machine reaches {settings.host}, and may do all")
    scopes = {scope for key in settings.keys for scope in key.scopes}
    if missing := {"ingest", "recommend", "admin"} - scopes:
        found = f"{len(settings.keys)}, none with the scope {', '.join(sorted(missing))}"
        return look("keys", found, "add one to COUPLE_KEYS if somebody shall use it")
    return well("keys", f"{len(settings.keys)}, every scope has one")


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    try:
        bind(settings.host, settings.port).close()
    except AddressTaken as error:
        return look("port", str(error), "that is well if it is the service that runs there")
    return well("port", f"{where} is free")


def _files(settings: Settings) -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.connection_limit + SPARE_FILES
    found = f"{soft:,} descriptors, {needed:,} wanted for COUPLE_CONNECTION_LIMIT connections"
    if soft != resource.RLIM_INFINITY and soft < needed:
        return mend("files", found, f"ulimit -n {needed}, or lower COUPLE_CONNECTION_LIMIT")
    return well("files", found)


def _cores(workers: int) -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    many = "1 worker" if workers == 1 else f"{workers} workers"
    found = f"{cores} for {many} of one thread each"
    if workers > (cores or 1):
        return look("cores", found, f"--workers {cores}: each takes a core, and more only wait")
    return well("cores", found)


def _memory(workers: int, items: int, dim: int) -> Finding:
    items = items or KNOWN_ITEMS
    each = WORKER_MB * 2**20 + items * COPIES * (VECTOR_BYTES * dim + ITEM_BYTES)
    wanted, free = workers * each, _available()
    found = f"about {_gb(wanted)} wanted for {items:,} items of {dim} numbers in each worker"
    if free is None:
        return look("memory", found, "see that this machine has as much")
    found = f"{found}, {_gb(free)} free"
    if wanted > free:
        return mend("memory", found, "fewer --workers, or a larger machine")
    if wanted > TIGHT * free:
        return look("memory", found, "leave more room, or start fewer --workers")
    return well("memory", found)


def _available() -> int | None:
    """Bytes that may be taken: the machine's, or a container's if that is less."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail"))
        return min(free, _container(free))
    except (OSError, StopIteration, ValueError):
        return None


def _container(free: int) -> int:
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text().strip()
        return free if most == "max" else int(most) - int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return free


def _gb(size: int) -> str:
    return f"{size / 2**30:,.1f} GB"
