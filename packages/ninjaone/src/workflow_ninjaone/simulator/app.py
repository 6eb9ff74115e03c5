"""The web application: the vendor's paths and the control paths, with fault rules and journal around the former."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from email.utils import formatdate
from itertools import cycle
from typing import Any

import aiohttp
from aiohttp import web

from workflow_ninjaone.simulator import commands, control, reports, signin
from workflow_ninjaone.simulator.faults import (
    AnswerEffect,
    CutEffect,
    FaultRule,
    HangEffect,
    RelabelEffect,
    TruncateEffect,
)
from workflow_ninjaone.simulator.routes import NOT_SIMULATED, ROUTES
from workflow_ninjaone.simulator.state import Outcome, SimulatorState
from workflow_ninjaone.simulator.vendor import (
    DEVIATES,
    STATE,
    Handler,
    Route,
    VendorError,
    authorize,
    failure,
    granted,
    not_found,
)

API_PREFIXES = ("/v2", "/api/v2")

_LOOK_SECONDS = 0.05  # how often a hanging request looks whether its client is still there
_PAGE = "<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>Gateway</h1></body></html>"

_CLOSING: web.AppKey[asyncio.Event] = web.AppKey("closing", asyncio.Event)
_KINDS: web.AppKey[dict[Any, str]] = web.AppKey("kinds", dict)  # of the acting handlers


def create_app(state: SimulatorState) -> web.Application:
    """The simulator as an aiohttp application.

    Args:
        state: The account that it serves.
    """
    app = web.Application(middlewares=[_with_faults_and_journal, _in_vendor_shapes])
    app[STATE] = state
    app[_CLOSING] = asyncio.Event()
    app[_KINDS] = {}
    app[reports.CURSORS] = {}
    app[commands.TURNS] = cycle(commands.SCRIPT_ANSWERS)
    app.on_shutdown.append(_release_hanging)
    app.on_response_prepare.append(_dated)
    app.cleanup_ctx.append(_delivering)
    control.add_routes(app)
    signin.add_routes(app)
    for route in ROUTES:
        handler = _checked(route)
        if route.kind is not None:
            app[_KINDS][handler] = route.kind
        for prefix in API_PREFIXES:
            app.router.add_route(route.method, prefix + route.path, handler)
    for method, path in NOT_SIMULATED:
        for prefix in API_PREFIXES:
            app.router.add_route(method, prefix + path, _not_simulated)
    return app


def _checked(route: Route) -> Handler:
    """The route's handler behind its token and scope check."""

    async def handle(request: web.Request) -> web.StreamResponse:
        state = request.app[STATE]
        authorize(request, route.scope)
        state.settle()
        answer = await route.handler(request)
        if route.kind is not None:
            state.post_office.stirred.set()
        return answer

    return handle


async def _not_simulated(request: web.Request) -> web.StreamResponse:
    request[DEVIATES] = True
    raise failure(request.app[STATE], 501, f"{request.method} {request.path} is not simulated")


async def _delivering(app: web.Application) -> AsyncIterator[None]:
    """Sends events to webhooks, and lets happen what is due, for as long as the application runs."""
    task = asyncio.create_task(_deliver(app[STATE]))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _deliver(state: SimulatorState) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        while True:
            state.settle()
            pauses = [await state.post_office.work(session)]
            if state.post_office.webhooks and (due := state.next_due()) is not None:
                pauses.append(max(_LOOK_SECONDS, due - state.clock()))
            await state.post_office.wait(min((pause for pause in pauses if pause is not None), default=None))


async def _dated(request: web.Request, response: web.StreamResponse) -> None:
    """The account's clock, which may differ from this machine's."""
    response.headers["Date"] = formatdate(request.app[STATE].clock(), usegmt=True)


async def _release_hanging(app: web.Application) -> None:
    app[_CLOSING].set()


# ── Middlewares ──────────────────────────────────────────────────────────────────────────────────────────────────


@web.middleware
async def _with_faults_and_journal(request: web.Request, handler: Handler) -> web.StreamResponse:
    if _is_control(request):
        return await handler(request)
    await request.read()  # so that a fault strikes a request that has arrived whole
    rule = request.app[STATE].take_fault(request.method, request.path)
    if rule is not None:
        request[DEVIATES] = True
        instead = await _instead(request, rule)
        if instead is not None:
            await _enter(request, "fault", instead, rule)
            return instead
    answer = await handler(request)
    await _enter(request, "done" if answer.status < 300 else "refused", answer, rule)
    return answer if rule is None else await _afterwards(request, rule, answer)


@web.middleware
async def _in_vendor_shapes(request: web.Request, handler: Handler) -> web.StreamResponse:
    if _is_control(request):
        return await handler(request)
    state = request.app[STATE]
    try:
        return await handler(request)
    except VendorError as error:
        shape = error
    except web.HTTPNotFound:
        shape = not_found(state)
    except web.HTTPException as error:
        shape = failure(state, error.status, f"HTTP {error.status} {error.reason}")
    return web.json_response(shape.body, status=shape.status)


def _is_control(request: web.Request) -> bool:
    return request.path.startswith(control.PREFIX + "/")


# ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _instead(request: web.Request, rule: FaultRule) -> web.Response | None:
    """What a rule puts in the place of serving the request; ``None`` when it is to be served after all."""
    match rule.effect:
        case AnswerEffect() as effect:
            return _answer(effect)
        case CutEffect(when="before"):
            return _cut(request)
        case HangEffect(when="before", seconds=seconds):
            return None if await _hang(request, seconds) else _cut(request)
        case _:
            return None


async def _afterwards(request: web.Request, rule: FaultRule, answer: web.StreamResponse) -> web.StreamResponse:
    """What a rule does between serving the request and answering it, and to the answer."""
    match rule.effect:
        case CutEffect(when="after"):
            _cut(request)
        case HangEffect(when="after", seconds=seconds):
            await _hang(request, seconds)
        case CutEffect(when="during") if isinstance(answer, web.Response):
            return await _cut_within(request, answer)
        case TruncateEffect(what=what) if isinstance(answer, web.Response):
            return _truncated(answer, what)
        case RelabelEffect(content_type=content_type):
            answer.headers["Content-Type"] = content_type
        case _:
            pass
    return answer


def _bytes(answer: web.Response) -> bytes:
    return bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""


async def _cut_within(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Sends half of the body that it has promised, and closes the connection."""
    whole = _bytes(answer)
    partial = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    partial.content_length = len(whole)
    await partial.prepare(request)
    await partial.write(whole[: len(whole) // 2])
    _cut(request)
    return partial


def _truncated(answer: web.Response, what: str) -> web.Response:
    whole = _bytes(answer)
    rows = what == "rows" and whole
    half = json.dumps(_half(json.loads(whole))).encode() if rows else whole[: len(whole) // 2]
    return web.Response(status=answer.status, body=half, content_type=answer.content_type)


def _half(value: Any) -> Any:
    """The first half of a list, or of the lists in an object."""
    if isinstance(value, list):
        return value[: len(value) // 2]
    if isinstance(value, dict):
        return {key: _half(item) if isinstance(item, list) else item for key, item in value.items()}
    return value


def _answer(effect: AnswerEffect) -> web.Response:
    if effect.html:
        text, content_type = _PAGE, "text/html"
    elif isinstance(effect.body, str):
        text, content_type = effect.body, "text/plain"
    elif effect.body is None:
        return web.Response(status=effect.status, headers=effect.headers)
    else:
        text, content_type = json.dumps(effect.body), "application/json"
    response = web.Response(status=effect.status, text=text, content_type=content_type)
    response.headers.update(effect.headers)
    return response


def _cut(request: web.Request) -> web.Response:
    """Closes the connection; the answer is never sent."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=500)


async def _hang(request: web.Request, seconds: float) -> bool:
    """Waits; ``False`` as soon as the client is gone or the simulator stops."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    closing = request.app[_CLOSING]
    while (left := until - loop.time()) > 0:
        try:
            await asyncio.wait_for(closing.wait(), min(left, _LOOK_SECONDS))
        except TimeoutError:
            if request.transport is None or request.transport.is_closing():
                return False
        except asyncio.CancelledError:  # a server that cancels its handlers says in this way that the client is gone
            return False
        else:
            return False
    return True


# ── Journal ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _enter(request: web.Request, outcome: Outcome, answer: web.StreamResponse, rule: FaultRule | None) -> None:
    """Journals an acting request; does nothing for any other."""
    kind = request.app[_KINDS].get(request.match_info.handler)
    if kind is None:
        return
    grant = granted(request)
    target = request.match_info.get("id")
    lost = outcome == "fault" and not isinstance(rule and rule.effect, AnswerEffect)
    request.app[STATE].record(
        kind=kind,
        outcome=outcome,
        method=request.method,
        path=request.path,
        device_id=int(target) if target is not None and target.isdecimal() else None,
        uid=request.match_info.get("uid"),
        body=_without_secrets(kind, await _body(request)),
        status=None if lost else answer.status,
        fault=None if rule is None else rule.source["effect"],
        client_id=None if grant is None else grant.client_id,
    )


async def _body(request: web.Request) -> Any:
    """The JSON that was sent; text that is none, as it is; ``None`` for nothing."""
    raw = await request.read()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def _without_secrets(kind: str, body: Any) -> Any:
    """What was sent, without the values of a webhook's headers."""
    if kind != "webhook" or not isinstance(body, dict):
        return None if kind == "webhook" else body
    headers = body.get("headers")
    named = [header.get("name") for header in headers if isinstance(header, dict)] if isinstance(headers, list) else []
    return {key: value for key, value in body.items() if key != "headers"} | ({"headers": named} if named else {})
