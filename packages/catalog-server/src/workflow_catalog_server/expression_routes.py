"""Trying an expression on sample data, with the engine that runs it later."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import attrs
import msgspec
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body
from workflow_catalog_server.routing import Route
from workflow_core.errors import ExpressionError
from workflow_core.language.expressions import MISSING, Budget, compile_expression

#: What one look at an expression may cost: far less than a workflow may spend, as it is asked at every key.
_MAX_STEPS: Final = 20_000


@attrs.frozen(kw_only=True)
class TryExpression:
    """Body of ``POST /api/workflow/expressions/try``; ``scope`` has what the expression reads, such as ``payload``."""

    expression: Annotated[str, msgspec.Meta(max_length=16_384)]
    scope: dict[str, Any] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class ExpressionProblem:
    """Why an expression has no value; ``position``: where in it, in characters from 1, if that is known."""

    code: str
    message: str
    position: int | None


@attrs.frozen(kw_only=True)
class TriedExpression:
    """Answer of ``POST /api/workflow/expressions/try``: a value, or nothing (``missing``), or a problem."""

    value: Any
    missing: bool
    problem: ExpressionProblem | None


async def try_expression(request: web.Request, _principal: Principal) -> web.StreamResponse:
    """The value of an expression on sample data; nothing is stored."""
    body = await read_body(request, TryExpression)
    return json_answer(await asyncio.to_thread(_try, body))


def _try(body: TryExpression) -> TriedExpression:
    try:
        budget = Budget(max_steps=_MAX_STEPS)
        value = compile_expression(body.expression).evaluate(body.scope, now=datetime.now(UTC), budget=budget)
    except ExpressionError as error:
        position = error.details.get("position")
        found = ExpressionProblem(
            code=error.code, message=error.message, position=position if isinstance(position, int) else None
        )
        return TriedExpression(value=None, missing=False, problem=found)
    return TriedExpression(value=None if value is MISSING else value, missing=value is MISSING, problem=None)


ROUTES: Final = (
    Route(
        "POST",
        "/api/workflow/expressions/try",
        Permission.MANAGE,
        try_expression,
        body=TryExpression,
        answer=TriedExpression,
    ),
)
