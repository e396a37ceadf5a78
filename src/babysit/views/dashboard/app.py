"""What the page may ask: the list, a run's head, its cards, what changed; a study; a comparison."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import math
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ...errors import BabysitError
from ..bundle import drawing_code, plotly_js
from ..cards import cards, heading, made_card, section, told, verdict_card
from ..page import STATIC, palette_css
from ..panel import Maker, makers
from ..study import study_heading
from ..words import clean, count, duration, number, share, whereabouts
from .library import Entry, Library, Opened

LOOK = 0.25
"""Seconds between two looks at a run's file while somebody watches it."""
LISTENERS = 32
"""Pages that may listen at once; more are told to ask again later."""
OWN = ("app.js", "draw.js", "list.js", "run.js", "talk.js", "whole.js", "style.css")
NAMES = 8
"""Runs that are compared at most."""


class Dashboard:
    """The answers. Reading happens in a worker thread, one at a time, so that a request never waits on itself."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.makers = {maker.name: maker for maker in makers("run")}
        self.listeners = 0
        self.stopping = asyncio.Event()
        self._limit = anyio.CapacityLimiter(2)

    def app(self) -> Starlette:
        """The ASGI application, not yet guarded."""
        routes = [
            Route("/", self.index),
            Route("/static/{name}", self.static),
            Route("/api/runs", self.runs),
            Route("/api/run", self.run),
            Route("/api/cards", self.cards),
            Route("/api/study", self.study),
            Route("/api/compare", self.compare),
            Route("/api/events", self.events),
        ]
        return Starlette(routes=routes, exception_handlers={BabysitError: _told, Exception: _fault})

    # files

    async def index(self, request: Request) -> Response:
        ahead = BackgroundTask(self._read, self.ahead)
        return FileResponse(
            STATIC / "index.html", media_type="text/html", headers={"cache-control": "no-cache"}, background=ahead
        )

    def ahead(self) -> None:
        """Read what a browser will ask for, while it begins: the drawing code and, most often, the newest run."""
        with contextlib.suppress(BabysitError):
            drawing_code()
            self.library.open_newest()

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "palette.css":
            return Response(palette_css(), media_type="text/css", headers={"cache-control": "no-cache"})
        if name == "plotly.js":
            code = await anyio.to_thread.run_sync(drawing_code)
            return Response(code, media_type="text/javascript", headers={"cache-control": "max-age=86400"})
        if name == "plotly.min.js":
            return FileResponse(plotly_js(), media_type="text/javascript", headers={"cache-control": "max-age=86400"})
        if name in OWN:
            kind = "text/css" if name.endswith("css") else "text/javascript"
            return FileResponse(STATIC / name, media_type=kind, headers={"cache-control": "no-cache"})
        raise HTTPException(404)

    # the record

    async def runs(self, request: Request) -> Response:
        found = await self._read(self.library.entries)
        return _json({"folder": clean(self.library.folder.name, 200), "runs": [_row(entry) for entry in found]})

    async def run(self, request: Request) -> Response:
        name = _name(request)
        return _json(await self._read(lambda: self._head(self.library.run(name), verdict=True)))

    async def cards(self, request: Request) -> Response:
        name, width = _name(request), _width(request)
        wanted = [one for one in request.query_params.getlist("panel") if one in self.makers][:64]
        choice, window = request.query_params.get("choice", "")[:200], _window(request)
        return _json(await self._read(lambda: self._cards(self.library.run(name), wanted, choice, width, window)))

    async def study(self, request: Request) -> Response:
        name = _name(request)

        def read() -> dict[str, Any]:
            study = self.library.study(name)
            return {"heading": {**study_heading(study), "name": clean(name, 200)}, "cards": cards(study, "study")}

        return _json(await self._read(read))

    async def compare(self, request: Request) -> Response:
        names = list(dict.fromkeys(request.query_params.getlist("name")))[:NAMES]
        width = _width(request)

        def read() -> dict[str, Any]:
            found = {name: self.library.run(name).run for name in names}
            facts = [f"{len(found)} runs: {', '.join(clean(name, 60) for name in found)}"]
            head = {"name": "Comparison", "facts": facts, "spoken": f"{len(found)} runs compared", "verdict": None}
            return {"heading": head, "cards": cards(found, "runs", width=width)}

        return _json(await self._read(read))

    async def events(self, request: Request) -> Response:
        """Tells what changed, nothing more: the page asks for what it can see. The newest state only, never a queue."""
        if self.listeners >= LISTENERS:
            raise HTTPException(503, "too many pages listen already")
        name = request.query_params.get("name")
        if name is not None:
            await self._read(lambda: self.library.path(name))
        return StreamingResponse(
            self._changes(request, name), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def _changes(self, request: Request, name: str | None) -> AsyncIterator[str]:
        self.listeners += 1
        try:
            told: Any = None
            quiet = 0.0
            yield "retry: 1000\n\n"
            while not self.stopping.is_set() and not await request.is_disconnected():
                began = time.perf_counter()
                try:
                    now, message = await self._read(functools.partial(self._state, name, told))
                except BabysitError as error:
                    yield f"event: lost\ndata: {json.dumps(clean(error, 300))}\n\n"
                    return
                wait = max(
                    LOOK if name is not None else 1.0, 50 * (time.perf_counter() - began)
                )  # at most 2 % of a core
                if now != told:
                    told, quiet = now, 0.0
                    yield f"data: {json.dumps(message, separators=(',', ':'), allow_nan=False)}\n\n"
                elif (quiet := quiet + LOOK) > 15:
                    quiet = 0.0
                    yield ": still here\n\n"  # a closed connection shows itself when it is written to
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), wait)
        finally:
            self.listeners -= 1

    def _state(self, name: str | None, told: Any) -> tuple[Any, Any]:
        if name is None or self.library.is_study(name):
            stamp = self.library.stamp(name)
            return stamp, {"stamp": stamp}
        opened = self.library.run(name)
        now = (opened.version, opened.run.standing)  # a process that dies changes no record
        return now, (None if now == told else self._head(opened))

    def _head(self, opened: Opened, *, verdict: bool = False) -> dict[str, Any]:
        """The run's name and state, and how new each panel is; the verdict with its figures where it is asked for."""
        with opened.lock:
            run, judged = opened.run, opened.verdict()
            head = heading(run)
            head["name"] = clean(opened.name, 200)
            head["told"] = told(judged, run)
            if verdict:
                head["verdict"] = verdict_card(judged, run)
            found = {maker.name: (maker, opened.version_of(maker)) for maker in self.makers.values()}
            return {"heading": head, "versions": {name: {"version": version, "order": maker.order, "section": section(maker.order)}
                                                  for name, (maker, version) in found.items() if version}}  # fmt: skip

    def _cards(self, opened: Opened, wanted: list[str], choice: str, width: int, window: Any) -> list[Any]:
        with opened.lock:
            chosen = [self.makers[name] for name in wanted] or list(self.makers.values())
            made = [
                (maker, made_card(maker, opened.run, choice, width=width, window=window))
                for maker in chosen
                if opened.version_of(maker)
            ]
            return [self._versioned(maker, one, opened) for maker, one in made if one is not None]

    def _versioned(self, maker: Maker, one: dict[str, Any], opened: Opened) -> dict[str, Any]:
        return {**one, "version": opened.version_of(maker), "order": maker.order, "section": section(maker.order)}

    async def _read(self, function: Any) -> Any:
        return await anyio.to_thread.run_sync(function, limiter=self._limit)


def _row(entry: Entry) -> dict[str, Any]:
    """One line of the list, in words."""
    tell = lambda value, how: "" if value is None or not math.isfinite(value) else how(value)  # noqa: E731
    how = entry.standing
    words = ["study"] * (entry.kind == "study") + [entry.worst] * bool(entry.worst and entry.kind == "run")
    short, told = (
        entry.ending if entry.ending[0] else (how, "" if how == "damaged" else whereabouts(how, entry.changed))
    )
    broke = short.startswith(("exception", "exit code"))
    words += [short] * (short != "ended" or not words)
    return {"name": clean(entry.name, 200), "key": entry.name, "kind": entry.kind, "state": entry.worst or ("died" if broke else how), "words": ", ".join(words), "told": told,
            "problem": entry.problem, "steps": count(entry.steps) if entry.kind != "damaged" else "", "seconds": duration(entry.seconds) if entry.seconds else "",
            "loss": tell(entry.loss, number), "val": tell(entry.val, number), "score": tell(entry.score, share if entry.share else number),
            "findings": entry.findings[:3], "curve": [float(f"{one:.4g}") for one in entry.curve], "changed": entry.changed}  # fmt: skip


def _name(request: Request) -> str:
    name = request.query_params.get("name")
    if not name:
        raise HTTPException(400, "name= must be told")
    return name


def _width(request: Request) -> int:
    try:
        return min(4000, max(100, int(request.query_params.get("width", "800"))))
    except ValueError:
        return 800


def _window(request: Request) -> tuple[float, float] | None:
    try:
        low, high = float(request.query_params["from"]), float(request.query_params["to"])
    except (KeyError, ValueError):
        return None
    return (low, high) if math.isfinite(low) and math.isfinite(high) and low < high else None


def _json(value: Any) -> Response:
    body = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


async def _told(request: Request, error: Exception) -> Response:
    return JSONResponse({"problem": clean(error, 400)}, status_code=404)


async def _fault(request: Request, error: Exception) -> Response:
    return JSONResponse(
        {"problem": f"this is our own fault: {type(error).__name__}: {clean(error, 300)}"}, status_code=500
    )
