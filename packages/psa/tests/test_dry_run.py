"""What reads is done in dry runs too, in transactions that cannot write."""

import pytest

from workflow_core.actions import Effect
from workflow_core.errors import NotFoundError
from workflow_core.schema import convert
from workflow_psa.plugin import PsaPlugin

READING = {action.id: action for action in PsaPlugin().workflow_actions() if action.effect is Effect.READ}


@pytest.mark.parametrize("action", READING.values(), ids=READING)
async def test_what_reads_does_not_write(desk, db, action):
    """
    Each example is answered, or what it names is not found, in a read-only transaction.
    """
    for example in action.examples:
        async with db.tenant(desk.tenant, readonly=True) as conn:
            given = convert(action.input, example.input)
            try:
                output = await action.handler(given, desk.context(conn))
            except NotFoundError:
                continue
            assert output is not None
