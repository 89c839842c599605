"""`couple serve`: everything that can be refused is refused first, in one readable sentence each.

The parent checks the bundle, Redis and the address, binds the socket once and shares it with its
workers, which are spawned: a child forked after a faiss search hangs (FACTS.md).
"""

import asyncio
import copy
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from service import child, engines, store
from service.app import from_environment, load_model
from service.cluster import Cluster
from service.connection import Configuration, Limits
from service.errors import AddressTaken, StoreMissing, WorkersFailed
from service.model import Model
from service.rehearsal import rehearse
from service.settings import Settings, StoreUrl, check_exposure

BACKLOG = 2048
FACTORY = "service.server:worker"
NOTICE = signal.SIGUSR1  # to a worker: say that you are not ready
SELDOM = (10_000, 50, 50)  # a request makes hundreds of objects, and hardly a cycle of them
TURN_S = 2e-4  # that the event loop waits for a thread which works in Python; 5 ms by default
START_S = 25.0  # that a worker has to catch up before it listens; uvicorn gives it 30 to start
POLL_S = 0.02
PATIENCE_S = 2.0  # that a Redis has to answer before the start is refused

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]

log = logging.getLogger("service.server")


def serve(settings: Settings, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        CoupleError: this cannot be served, or no worker came up; see `check`.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    model = check(settings, workers)
    with bind(settings.host, settings.port) as listening:
        port = listening.getsockname()[1]
        os.environ.update(settings.environment())
        config = configuration(settings, workers)
        name = f"{model.manifest.model} {model.manifest.version[:12]}"
        many = "1 worker" if workers == 1 else f"{workers} workers"
        log.info("serving %s on http://%s:%d with %s", name, _shown(settings.host), port, many)
        if not settings.keys:
            log.warning("no key is configured: this machine may do everything, others nothing")
        (_run_one if workers == 1 else _run_many)(config, listening)


def worker() -> FastAPI:
    """What every worker serves. It drains and ends with its parent, however that ends."""
    gc.set_threshold(*SELDOM)
    sys.setswitchinterval(TURN_S)
    child.follow_parent(_orphaned)
    app = from_environment()
    signal.signal(NOTICE, lambda *_: setattr(app.state, "leaving", True))
    app.router.lifespan_context = _caught_up(app.router.lifespan_context)
    return app


def _caught_up(lifespan: Lifespan) -> Lifespan:
    """Listen only once ready: until then others on this address answer, or callers queue."""

    @asynccontextmanager
    async def patient(app: FastAPI) -> AsyncIterator[Any]:
        async with lifespan(app) as state:
            with suppress(TimeoutError):
                async with asyncio.timeout(START_S):
                    while not app.state.parts.generations.ready:  # noqa: ASYNC110  # it has no event
                        await asyncio.sleep(POLL_S)
            await rehearse(app.state.parts.recommender)
            app.openapi()  # takes longer than a caller should have to wait for others
            yield state

    return patient


def _orphaned() -> None:
    log.warning("the parent process is gone: ending")
    os.kill(os.getpid(), signal.SIGTERM)


def _end(number: int, frame: object) -> None:
    """Leave through every `with`; uvicorn raises its signal again once it has drained."""
    sys.exit(0)


def check(settings: Settings, workers: int = 1) -> Model:
    """What a server needs, tried: keys, bundle (its probe included) and Redis.

    Raises:
        KeysMissing: an open address without keys.
        SettingsRefused, BundleError: no bundle, or none that can be served.
        StoreMissing: no Redis answers, or one too old.
        EngineMissing: no Milvus answers where it is to keep the index, or not so many workers.
    """
    check_exposure(settings)
    model = load_model(settings)
    asyncio.run(_check_store(settings))
    engines.check(settings, workers)
    return model


async def _check_store(settings: Settings) -> None:
    connect = partial(store.connect, settings, PATIENCE_S)
    info = await _ask(connect, "COUPLE_REDIS_URL", settings.redis_url)
    if "cluster" in (info.get("redis_mode"), info.get("server_mode")):  # Redis', Valkey's name
        raise StoreMissing(
            f"the Redis at {settings.redis_url} is a node of a cluster: name one that is none, and "
            "in COUPLE_HISTORIES_URL the cluster if it is to keep histories"
        )
    if settings.histories_url:
        histories = partial(store.connect_histories, settings, PATIENCE_S)
        await _ask(histories, "COUPLE_HISTORIES_URL", settings.histories_url)


async def _ask(connect: Callable[[], Redis | Cluster], name: str, url: StoreUrl) -> dict[str, Any]:
    """What a Redis says of itself; raises StoreMissing."""
    try:
        async with connect() as redis:
            info: dict[str, Any] = await redis.info("server")
    except (AuthenticationError, ResponseError) as error:
        raise StoreMissing(f"the Redis at {url} refuses: {error}; see {name}") from error
    except (RedisError, OSError, ValueError) as error:
        raise StoreMissing(
            f"no Redis answers at {url}: start one, set {name}, or pass --embedded"
        ) from error
    # A Valkey also says which Redis it is compatible with.
    if int(info["redis_version"].split(".")[0]) < store.OLDEST:
        raise StoreMissing(
            f"the Redis at {url} is {info['redis_version']}; {store.OLDEST} or newer is needed"
        )
    return info


def bind(host: str, port: int) -> socket.socket:
    """The one listening socket that all workers share; raise AddressTaken."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
    except OSError as error:
        raise AddressTaken(f"{host}:{port} is no address to bind: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        why = (error.strerror or str(error)).lower()
        raise AddressTaken(f"cannot bind {host}:{port}: {why}; choose another --port") from error
    listening.set_inheritable(True)
    return listening


def configuration(settings: Settings, workers: int) -> Configuration:
    """uvicorn as this service needs it (FACTS.md)."""
    logging_config = copy.deepcopy(LOGGING_CONFIG)
    logging_config["loggers"]["service"] = {"handlers": ["default"], "level": "INFO"}
    # A request id that is not taken is no event: anyone could fill the log with them.
    logging_config["loggers"]["asgi_correlation_id"] = {"level": "ERROR"}
    # What fails in Milvus is an error of ours, which says so: its own are a traceback each.
    logging_config["loggers"]["pymilvus"] = {"level": "CRITICAL"}
    if settings.log_format == "json":
        logging_config["formatters"]["default"] = {"()": "service.log_lines.JsonLines"}
    limits = Limits(
        settings.head_timeout_ms / 1000, settings.body_timeout_ms / 1000, settings.connection_limit
    )
    return Configuration(
        limits,
        settings.leave_notice_ms / 1000,
        app=FACTORY,
        factory=True,
        workers=workers,
        loop="service.listener:Loop",  # uvloop's, but for how it takes connections
        lifespan="on",
        ws="none",
        access_log=False,
        server_header=False,
        log_config=logging_config,
        timeout_keep_alive=75,
        timeout_worker_healthcheck=30,
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
    )


class Server(uvicorn.Server):
    """A worker without a parent: says that it will leave before it does."""

    config: Configuration

    async def on_tick(self, counter: int) -> bool:
        leaving = await super().on_tick(counter)
        if leaving and self.config.notice_s:
            signal.raise_signal(NOTICE)
            await asyncio.sleep(self.config.notice_s)
        return leaving


def _run_one(config: Configuration, listening: socket.socket) -> None:
    try:
        Server(config).run(sockets=[listening])
    except SystemExit as exit_:
        if exit_.code == STARTUP_FAILURE:
            raise WorkersFailed("the service did not start: the log above says why") from None
        raise


def _run_many(config: Configuration, listening: socket.socket) -> None:
    supervisor = Supervisor(config, sockets=[listening])
    supervisor.run()
    if supervisor.failed():
        raise WorkersFailed("a worker did not come up: the log above says why")


class Supervisor(Multiprocess):
    """Replaces a worker that dies, unless none ever came up: that would go on for ever.

    SIGHUP replaces all, each once the next is ready. They share one listening socket, so whoever
    connects meanwhile waits for the one or is served by the other.
    """

    config: Configuration
    _served = _stillborn = False

    def handle_term(self) -> None:
        if self.config.notice_s:
            for pid in filter(None, (one.pid for one in self.processes)):
                os.kill(pid, NOTICE)
            time.sleep(self.config.notice_s)
        super().handle_term()

    def terminate_all(self) -> None:
        """Ours is the last hand on the socket: who connects now is refused, not left waiting."""
        super().terminate_all()
        for listening in self.sockets:
            listening.close()

    def keep_subprocess_alive(self) -> None:
        self._served = self._served or any(map(_is_ready, self.processes))
        if self._served:
            super().keep_subprocess_alive()
        elif any(not one.process.is_alive() for one in self.processes):
            self._stillborn = True
            self.should_exit.set()

    def failed(self) -> bool:
        """Whether it ended because a worker could not start."""
        return self._stillborn or any(one.exitcode == STARTUP_FAILURE for one in self.processes)


def _is_ready(worker: Process) -> bool:
    """As of now: what it answered to earlier questions, while it started, may lie there still."""
    with suppress(OSError, EOFError):
        while worker.parent_conn.poll():
            worker.parent_conn.recv()
    return worker.is_ready(timeout=0.5)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
