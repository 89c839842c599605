"""The composition root: the only place that builds clients, sessions and background tasks."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import faiss
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from redis.asyncio import Redis

from bundle import open_bundle
from service import background, engines, store, sweeper
from service.access import AccessLog
from service.admission import Admission, Budget, budgets
from service.answers import Problem
from service.application import Application
from service.attention import Attention
from service.breaker import Breaker
from service.catalogue import Catalogue
from service.channels.author import AuthorChannel
from service.channels.channel import Channel
from service.channels.fresh import FreshChannel
from service.channels.mix import Name
from service.channels.model import ModelChannel
from service.channels.popular import PopularChannel
from service.clock import Clock
from service.cluster import Cluster
from service.control import Control
from service.counters import Counters
from service.counting import Counting
from service.erasures import Erasures
from service.errors import SettingsRefused
from service.event_stream import EventStream
from service.experiment import Experiment
from service.exposures import Exposures
from service.facts import Facts
from service.figures import Figures
from service.generation import Generation
from service.generations import Generations, Given
from service.guard import Guard
from service.histories import Histories, keys, read_lists
from service.host import Host
from service.live import Live
from service.memory import Memory
from service.metrics import Metrics
from service.model import Model
from service.parts import Parts
from service.problem import HANDLERS, HEADER
from service.recommender import Recommender
from service.recorder import Recorder
from service.replica import Replica
from service.requests import (
    EventsBody,
    ItemsBody,
    ModelBody,
    RecommendBatchBody,
    RecommendBody,
    SimilarBody,
)
from service.rollout import Rollout
from service.routes import (
    admin,
    events,
    experiments,
    health,
    items,
    models,
    recommend,
    similar,
    telling,
    users,
)
from service.routes.wire import SCHEMAS
from service.seats import Seats
from service.settings import Settings, check_exposure
from service.tail import Tail
from service.telling import Telling
from service.treatments import Treatments
from service.verifier import Limits

BODIES = (
    ItemsBody,
    EventsBody,
    RecommendBody,
    RecommendBatchBody,
    SimilarBody,
    ModelBody,
    Experiment,
)
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def create_app(settings: Settings) -> Application:
    """The service over one bundle and one Redis; both are opened when it starts.

    Raises:
        KeysMissing: an open address without keys.
    """
    faiss.omp_set_num_threads(1)  # one core a worker; workers are what there are more of
    check_exposure(settings)
    metrics, doors = Metrics(), budgets(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Metrics]]:
        async with AsyncExitStack() as stack:
            app.state.parts = await _build(settings, stack, metrics, doors)
            yield {"metrics": metrics}  # for connections, which answer what is no request

    app = Application(
        title="COUPLE",
        version=version("couple"),
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
    )
    app.state.leaving = False  # until the server is told to stop
    app.add_middleware(Admission, budgets=doors)
    if settings.metrics:
        app.add_middleware(Counting, metrics=metrics)
    if settings.access_log:
        app.add_middleware(AccessLog, share=settings.access_log)
    app.add_middleware(
        CorrelationIdMiddleware,
        header_name=HEADER,
        validator=lambda given: REQUEST_ID.fullmatch(given) is not None,
    )
    app.shorten("POST", "/recommend", recommend.direct)
    for routes in (items, events, users, recommend, similar, models, experiments, admin, health):
        app.include_router(routes.router)
    if settings.metrics:
        app.include_router(telling.router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def from_environment() -> FastAPI:
    """The factory that a spawned worker runs."""
    return create_app(Settings())


def load_model(settings: Settings) -> Model:
    """Open the bundle and replay its probe.

    Raises:
        SettingsRefused: no bundle is named.
        BundleError: it is missing, damaged or refused.
    """
    if settings.bundle is None:
        raise SettingsRefused("no bundle to serve: give --bundle FOLDER or set COUPLE_BUNDLE")
    return Model.of(open_bundle(settings.bundle))


async def _build(
    settings: Settings, stack: AsyncExitStack, metrics: Metrics, doors: Mapping[str, Budget]
) -> Parts:
    model, clock, breaker = load_model(settings), Clock(), Breaker()
    redis, tail_redis, writes, reads = await _clients(settings, stack)
    catalogue = Catalogue(redis, settings.log_retention_s)
    lengths = settings.history_length, settings.seen_length
    memory = Memory(2 * settings.memory_users, settings.memory_bytes, settings.memory_s)
    guarded = Histories(reads, *lengths, Guard(partial(read_lists, reads), breaker, memory))
    tail_catalogue = Catalogue(tail_redis, settings.log_retention_s)
    tail = Tail(tail_redis, tail_catalogue, settings.index_lag_ms / 1000)
    facts = Replica(partial(Facts, clock.now))
    tail.add(facts)
    host, by = Host(settings.state), (tail_redis, tail_catalogue, clock, facts, tail)
    engine = engines.chosen(settings, host, engines.Following(*by))
    stack.push_async_callback(engine.close)
    generations = Generations(_given(settings, engine.make(model)), engine, tail)
    stack.push_async_callback(generations.close)
    rollout = _rollout(settings, Control(redis), generations)
    counters = Counters(tail_redis, settings.popular_half_life_s, settings.popular_length)
    attention = Attention(counters, facts, clock, lambda: generations.domains)
    stream = EventStream(redis, settings.events_length, counters, live := Live(redis))
    exposures = Exposures(stream, facts, clock, metrics, settings.exposure_buffer)
    stack.push_async_callback(exposures.close)
    forgetters = (lambda user: memory.forget(keys(user)), exposures.forget)
    erasures = Erasures(redis, forgetters, settings.memory_s)
    histories = Histories(writes, *lengths, retention_s=settings.history_retention_s)
    recorder = Recorder(catalogue, histories, erasures, stream, clock, generations, metrics)
    figures = Figures(metrics, tail, facts, generations, set(doors.values()))
    telling = Telling(Seats(settings.state / "metrics"), figures)
    tasks = (
        tail.run(clock, settings.tail_block_ms),
        rollout.run(Control(tail_redis), host, settings.tail_block_ms),
        breaker.run(reads.ping),
        erasures.run(tail_redis, settings.tail_block_ms),
        exposures.run(),
        attention.run(settings.attention_interval_ms),
        sweeper.run(tail_catalogue, generations, clock, settings.sweep_interval_ms),
        *engine.chores(generations),
        *_told(settings, stack, telling),
    )
    shared = (generations, guarded, catalogue, facts, clock, _channels(settings, facts, attention))
    arms = Treatments(generations, settings.channels)
    counted = metrics if settings.metrics else None
    return Parts(
        *(settings, clock, catalogue, histories, generations, facts, tail, recorder, rollout),
        Recommender(*shared, arms, settings.after_timeout_ms / 1000, counted),
        *(metrics, exposures, live, telling),
        tuple(_start(stack, one) for one in tasks),
    )


async def _clients(
    settings: Settings, stack: AsyncExitStack
) -> tuple[Redis, Redis, Redis | Cluster, Redis | Cluster]:
    """For calls, for the tail, and for histories: to write and to read."""
    redis, tail = store.connect(settings), store.connect_tail(settings)
    writes, reads = store.connect_histories(settings), store.connect_reads(settings)
    clients: tuple[Redis | Cluster, ...] = (redis, tail, writes, reads)
    for client in clients:
        await stack.enter_async_context(client)
    return redis, tail, writes, reads


def _told(
    settings: Settings, stack: AsyncExitStack, telling: Telling
) -> tuple[Coroutine[Any, Any, None], ...]:
    """What writes figures down, where any are counted; the last ones as the application stops."""
    if not settings.metrics:
        return ()
    stack.push_async_callback(telling.close)
    return (telling.run(),)


def _given(settings: Settings, generation: Generation) -> Given:
    assert settings.bundle  # noqa: S101  # for mypy: load_model has checked it
    bundles = settings.bundles or settings.bundle.resolve().parent
    return Given(generation, settings.bundle, bundles)


def _rollout(settings: Settings, control: Control, generations: Generations) -> Rollout:
    limits = Limits(settings.verify_timeout_s, settings.verify_memory_mb, settings.build_niceness)
    return Rollout(control, generations, generations.bundles, limits, settings.max_generations)


def _channels(
    settings: Settings, facts: Replica[Facts], attention: Attention
) -> Mapping[Name, Channel]:
    return {
        "model": ModelChannel(),
        "author": AuthorChannel(facts),
        "fresh": FreshChannel(facts, settings.fresh_exposures),
        "popular": PopularChannel(facts, attention, settings.popular_half_life_s),
    }


def _start(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Run until the application stops."""
    task = background.start(work)
    stack.push_async_callback(background.cancel, task)
    return task


def _document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI with the bodies that routes read for themselves."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        _, bodies = models_json_schema(
            [(model, "validation") for model in (*BODIES, Problem)],
            ref_template=SCHEMAS + "{model}",
        )
        schema["components"]["schemas"].update(bodies["$defs"])
        app.openapi_schema = schema
    return app.openapi_schema
