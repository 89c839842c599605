"""`couple loadtest`: traffic on a running service, or on one of its own, and a page about it."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bundle.errors import CoupleError
from couple.extras import requires
from couple.serving import LOG, serving

if TYPE_CHECKING:
    from loadtest.suite import Options

TAGS = "tags.txt"


class LoadTestFailed(CoupleError):
    """The test could not be run."""


def loadtest(
    url: Annotated[str | None, typer.Option(help="a running service [one of its own]")] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(help="steady, spike, soak, mixed, swap, ramp; may be repeated [steady]"),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="requests a second; a ramp's first")] = 100.0,
    duration: Annotated[float, typer.Option(min=0.5, help="seconds of each scenario")] = 30.0,
    slo: Annotated[str, typer.Option(help="what must be met")] = "p99=50ms,errors=0",
    out: Annotated[Path, typer.Option(metavar="DIR", help="the folder to write")] = Path(
        ".couple/loadtest"
    ),
    key: Annotated[
        str | None, typer.Option(help="one with the scopes that are used", envvar="COUPLE_KEY")
    ] = None,
    bundle: Annotated[
        Path, typer.Option(help="what is served; its tags are asked for", envvar="COUPLE_BUNDLE")
    ] = Path(".couple/demo/bundle"),
    swap: Annotated[
        str | None, typer.Option(help="the bundle that takes over, below COUPLE_BUNDLES")
    ] = None,
    fill: Annotated[
        bool, typer.Option("--fill", help="post made-up items and users to --url first")
    ] = False,
    closed: Annotated[
        bool, typer.Option("--closed", help="Locust's users, each of whom waits for an answer")
    ] = False,
) -> None:
    """Drive a service, judge it, and write DIR/loadtest.html and results.json.

    Exit code 1 when an objective (p50 … p99.9, max, errors) is missed. Without --url it starts a
    service with a store of its own and fills it. A service at --url is asked for recommendations
    with histories that come along; only with --fill is anything written to it.

    Example: couple loadtest --scenario steady --scenario ramp --rate 50 --slo p99=50ms,errors=0
    """
    with requires("loadtest"):
        from loadtest.suite import Options
    own = url is None
    options = Options(
        tuple(scenario or ["steady"]), rate, duration, slo, swap, fill or own, not own, closed
    )
    page, met = _run(options, bundle, out, url, key)
    typer.echo(page)
    if not met:
        raise typer.Exit(1)


def _run(
    options: "Options", bundle: Path, out: Path, url: str | None, key: str | None
) -> tuple[Path, bool]:
    """The page, and whether every objective is met."""
    from loadtest import report
    from loadtest.address import Address
    from loadtest.errors import LoadTestError
    from loadtest.suite import Suite

    try:
        suite = Suite(options, _tags(bundle))
        with _service(url, bundle, report.folder(out) / LOG) as where:
            found = asyncio.run(suite.run(Address.of(where, key), typer.echo))
        command = _command(options, own=url is None)
        return report.write(out, found.outcomes, found.service, command), found.met
    except LoadTestError as error:
        raise LoadTestFailed(str(error)) from error


def _command(options: "Options", *, own: bool) -> str:
    """The call as others would write it: without paths of this machine, and without a key."""
    words = ["couple loadtest"] if own else ["couple loadtest --url URL --key KEY"]
    words += [f"--scenario {name}" for name in options.scenarios]
    words += [f"--rate {options.rate:g} --duration {options.seconds:g} --slo {options.slo}"]
    words += ["--fill"] if options.fill and not own else []
    words += [f"--swap {options.swap}"] if options.swap else []
    words += ["--closed"] if options.closed else []
    return " ".join(words)


def _tags(bundle: Path) -> list[str]:
    """A bundle's tags, frequent ones first."""
    try:
        return (bundle / TAGS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LoadTestFailed(
            f"{bundle} has no {TAGS} to ask in: name the served bundle's folder with --bundle"
        ) from error


@contextmanager
def _service(url: str | None, bundle: Path, log: Path) -> Iterator[str]:
    """The URL given, or that of a service with a store of our own, stopped when the block ends."""
    if url is not None:
        yield url
        return
    from service.embedded import embedded_store

    with (
        tempfile.TemporaryDirectory(prefix="couple-") as store,
        embedded_store(Path(store)) as redis,
        serving(
            bundle,
            log,
            COUPLE_REDIS_URL=redis,
            COUPLE_BUNDLES=str(bundle.resolve().parent),
            COUPLE_STATE=f"{store}/state",
        ) as ours,
    ):
        yield ours
