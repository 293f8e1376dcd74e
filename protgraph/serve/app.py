"""A model behind HTTP: one worker, answers by row, and a bound on all that a client can ask for."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from protgraph import __version__
from protgraph.predict import BUDGET, Predictor
from protgraph.serve import messages
from protgraph.serve.batching import Batcher, Full
from protgraph.serve.meter import TYPE, Meter
from protgraph.serve.rows import Row, Rules, answers

Answers = list[dict[str, Any]]

RETRY = {"Retry-After": "1"}
"""Seconds after which a client that found no room asks again."""


@dataclass(frozen=True)
class Limits:
    """How much a server takes.

    Parameters
    ----------
    budget : int
        Residues that are scored at once.
    room : int
        Rows that wait, at most; a request with more is too large.
    body : int
        Bytes of a request, at most; all that are read, wait or are answered have `held` at most.
    longest : int
        Residues of a protein, at most.
    paths : Path, optional
        The one folder whose files a row may name; without it none.
    token : str
        What a client shows for predictions and metrics; "" where everyone may ask.

    Raises
    ------
    ValueError
        Where a number is not positive, or a budget above `predict.BUDGET`, which no model takes.
    """

    budget: int = BUDGET
    room: int = 1000
    body: int = 16 * 2**20
    longest: int = 10_000
    paths: Path | None = None
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name in ("budget", "room", "body", "longest"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} is a limit of one at least, got {value}.")
        if self.budget > BUDGET:
            raise ValueError(f"budget is {BUDGET} residues at most, got {self.budget}.")

    @property
    def held(self) -> int:
        """Bytes of all requests that are not answered yet, at most: of sixteen large ones."""
        return 16 * self.body


def create(predictor: Predictor, limits: Limits = Limits()) -> FastAPI:
    """Make the application that answers for a model.

    Parameters
    ----------
    predictor : Predictor
    limits : Limits

    Returns
    -------
    app : FastAPI
        POST /predict; GET /health, /ready, /metrics and /openapi.json.

    Examples
    --------
    >>> from protgraph.models.student import Student, StudentConfig
    >>> app = create(Predictor(Student(StudentConfig(width=8)).eval(), "demo"))
    >>> sorted(app.openapi()["paths"])
    ['/health', '/metrics', '/predict', '/ready']
    """
    server = _Server(predictor, limits)
    asked = server.asked.model_json_schema()
    body = {"required": True, "content": {"application/json": {"schema": asked}}}
    # The header is checked by hand, before the body is read; this one tells of it.
    shown = [Depends(HTTPBearer(auto_error=False))] if limits.token else []
    said = (401, 413, 422, 500, 503)
    app = FastAPI(
        title=f"protgraph: {predictor.name}", description=predictor.describe(),
        version=__version__, lifespan=server.life, docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.add_api_route(
        "/predict", server.predict, methods=["POST"], response_model=messages.Told,
        responses={status: {"model": messages.Refused} for status in said},
        openapi_extra={"requestBody": body}, dependencies=shown, summary="Score proteins.",
    )  # fmt: skip
    app.add_api_route("/health", server.health, summary="Whether the process answers.")
    app.add_api_route("/ready", server.ready, summary="Whether there is room for a request.")
    app.add_api_route("/metrics", server.metrics, dependencies=shown, summary="What was counted.")
    app.add_exception_handler(Exception, _failed)
    return app


async def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as Starlette calls
    """What a client is told of an error that is not its own; the log has the traceback."""
    return JSONResponse({"detail": "The model failed; the server's log says how."}, 500)


class _Server:
    """The routes, and what they share."""

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor, self.limits = predictor, limits
        self.asked: type[BaseModel] = messages.request(predictor.model.config)
        self.head = messages.head(predictor)
        self.batcher: Batcher[Row, Answers] = Batcher(
            self.answer, size=messages.size, budget=limits.budget, room=limits.room
        )
        self.meter = Meter(lambda: self.batcher.waiting)
        self.worker: asyncio.Task[None] | None = None
        self.held = 0

    @asynccontextmanager
    async def life(self, app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG002 - as FastAPI calls it
        self.worker = asyncio.create_task(self.batcher.work())
        yield
        self.worker.cancel()

    def answer(self, rows: Sequence[Row]) -> list[Answers | Exception]:
        """Score rows of several requests; run by the worker's thread."""
        limits = self.limits
        rules = Rules(limits.paths, limits.longest)
        found = answers(self.predictor, rows, rules, budget=limits.budget)
        scored = [own for own in found if isinstance(own, list)]
        residues = sum(len(one.protein) for own in scored for one in own)
        self.meter.answered([isinstance(own, list) for own in found], residues=residues)
        both = zip(rows, found, strict=True)
        return [own if isinstance(own, Exception) else messages.told(row, own) for row, own in both]

    async def predict(self, request: Request) -> Response:
        start, status = perf_counter(), 500
        try:
            response = await self.told(request)
            status = response.status_code
        except HTTPException as error:
            status = error.status_code
            raise
        finally:
            self.meter.request(status, perf_counter() - start)
        return response

    async def told(self, request: Request) -> Response:
        self.check(request)
        body = bytearray()
        try:
            await self.read(request, body)
            return await self.said(self.rows(body))
        finally:
            self.held -= len(body)

    async def said(self, rows: list[Row]) -> Response:
        if len(rows) > self.limits.room:
            rule = f"A request has {self.limits.room} rows at most"
            raise HTTPException(413, f"{rule}, got {len(rows)}.")
        try:
            found = await self.batcher.ask(rows)
        except Full as error:
            raise HTTPException(503, f"No room: {error}", RETRY) from None
        said: dict[str, Any] = {**self.head, "answers": [one for own in found for one in own]}
        status = 200
        if all("error" in one for one in said["answers"]):
            status = 422
            said = {"detail": "No row can be answered.", **said}
        text = json.dumps(said, allow_nan=False, ensure_ascii=False)
        return Response(text, status, media_type="application/json")

    def check(self, request: Request) -> None:
        """Refuse a client without the token, before anything that it sent is read."""
        if not self.limits.token:
            return
        # Starlette reads every byte of a header as one letter; this gives the bytes back.
        shown = request.headers.get("authorization", "").encode("latin-1")
        if not secrets.compare_digest(shown, f"Bearer {self.limits.token}".encode()):
            rule = 'The header "Authorization: Bearer TOKEN" is needed.'
            raise HTTPException(401, rule, {"WWW-Authenticate": "Bearer"})

    async def read(self, request: Request, body: bytearray) -> None:
        """Read a request, as long as it and all others that are held keep within the limits."""
        most = self.limits.body
        declared = request.headers.get("content-length", "")
        size = int(declared) if declared.isdecimal() else 0
        try:
            if size <= most:
                async for part in request.stream():
                    body += part
                    self.held += len(part)
                    if len(body) > most:
                        break
                    if self.held > self.limits.held:
                        raise HTTPException(503, "No room: too many bytes are held.", RETRY)
        except ClientDisconnect:
            raise HTTPException(400, "The client left before its request was read.") from None
        if max(size, len(body)) > most:
            raise HTTPException(413, f"A request has {most} bytes at most.")

    def rows(self, body: bytearray) -> list[Row]:
        try:
            said = self.asked.model_validate_json(body)
            return messages.rows(self.predictor.model.config, said)
        except ValidationError as error:
            detail = error.errors(include_url=False, include_context=False, include_input=False)
            raise HTTPException(422, detail) from None
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    async def health(self) -> dict[str, str]:
        return {"status": "ok", "model": self.predictor.name}

    async def ready(self, response: Response) -> dict[str, str]:
        full = not self.batcher.room or self.held >= self.limits.held
        if self.worker is None or self.worker.done() or full:
            response.status_code = 503
            response.headers.update(RETRY)
            return {"status": "no room"}
        return {"status": "ready"}

    async def metrics(self, request: Request) -> Response:
        self.check(request)
        return Response(self.meter.text(), media_type=TYPE)
