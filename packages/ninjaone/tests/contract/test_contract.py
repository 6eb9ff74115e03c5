"""The vendor's document as the other tests use it, and that nothing escapes it."""

import hashlib
import inspect
import json
import runpy
from pathlib import Path
from uuid import uuid4

import pytest
from yarl import URL

from workflow_core.integrations.candidates import Candidate
from workflow_ninjaone.activities import WANTED
from workflow_ninjaone.client import ConnectionTokenSource, NinjaOneClient, RetryPolicy
from workflow_ninjaone.connection import ninjaone_connection
from workflow_ninjaone.simulator.routes import NOT_SIMULATED, ROUTES
from workflow_ninjaone.simulator.shapes import uid

HERE = Path(__file__).parent
EXTRACT = runpy.run_path(str(HERE / "extract.py"))

DOCUMENT = {
    "openapi": "3.0.1",
    "info": {"version": "9", "description": "Prose"},
    "paths": {
        "/v2/thing/{id}": {
            "put": {
                "summary": "Prose",
                "tags": ["prose"],
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "description": "Prose",
                        "required": True,
                        "schema": {"type": "integer", "format": "int32", "example": 5},
                    }
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "responses": {"204": {"description": "Prose"}, "default": {"content": {"*/*": {}}}},
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "description": "Prose",
                "required": ["description"],
                "properties": {
                    "description": {"type": "string", "description": "Prose", "enum": ["A", "B"]},
                    "more": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "object"}}},
                },
                "discriminator": {"propertyName": "more"},
            }
        }
    },
}


def test_extract():
    """
    What can be checked is kept, and no prose; the output says which document it is from.
    """
    document = json.dumps(DOCUMENT).encode()

    found = EXTRACT["extract"](document)

    assert "Prose" not in json.dumps(found)
    assert "prose" not in json.dumps(found)
    assert (
        json.loads(EXTRACT["render"](found))
        == found
        == {
            "sha256": hashlib.sha256(document).hexdigest(),
            "version": "9",
            "operations": {
                "PUT /v2/thing/{id}": {
                    "parameters": [
                        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "format": "int32"}}
                    ],
                    "body": {"required": False, "content": {"application/json": {"$ref": "Thing"}}},
                    "answers": {"204": {}, "default": {"*/*": None}},
                }
            },
            "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["description"],
                    "properties": {
                        "description": {"type": "string", "enum": ["A", "B"]},
                        "more": {
                            "type": "object",
                            "additionalProperties": {"type": "array", "items": {"type": "object"}},
                        },
                    },
                    "discriminator": "more",
                }
            },
        }
    )


def test_every_operation_has_its_place(contract):
    """
    The simulator has the operations of the document, simulated or refused with 501, and no others.
    """
    simulated = [(route.method, route.path) for route in ROUTES]
    places = [f"{method} /v2{path}" for method, path in (*simulated, *NOT_SIMULATED)]

    assert sorted(places) == sorted(contract.operations)


@pytest.mark.parametrize(
    ("method", "url", "body", "deviation"),
    [
        ("GET", "/v2/devices?organizationId=1", None, "unknown query parameter organizationId"),
        ("GET", "/v2/devices?pageSize=many", None, "'many' is not of type 'integer'"),
        ("GET", "/v2/devices?after=2147483648", None, "greater than the maximum"),
        ("GET", "/v2/activities?class=NONE", None, "is not one of"),
        ("POST", "/v2/device/101/control/reboot", {}, "no such operation"),
        ("POST", "/v2/device/101/reboot/NOW", {}, "'NOW' is not one of"),
        ("POST", "/v2/device/101/reboot/FORCED", {"why": "x"}, "'why' was unexpected"),
        ("POST", "/v2/device/101/reboot/FORCED", {"reason": 5}, "5 is not of type 'string'"),
        ("DELETE", "/v2/webhook", {}, "it takes no body"),
        ("DELETE", "/v2/alert/x", None, "'x' is not a 'uuid'"),
        ("PUT", "/v2/webhook", {"headers": [{"name": "A", "key": "B"}]}, "'key' was unexpected"),
    ],
)
def test_a_wrong_request_is_seen(contract, method, url, body, deviation):
    """
    Whatever the document does not have is a deviation.
    """
    contract.check_request(method, URL(url), body)

    (found,) = contract.deviations
    contract.deviations.clear()
    assert deviation in found


@pytest.mark.parametrize(
    ("url", "status", "kind", "body", "deviation"),
    [
        ("/v2/alerts", 200, "application/json", [{"uid": "x"}], "'x' is not a 'uuid'"),
        ("/v2/alerts", 200, "application/json", [{"device": {"os": {}}}], "'os' was unexpected"),
        ("/v2/alerts", 200, "application/json", [{"severity": None}], "None is not of type 'string'"),
        ("/v2/alerts", 200, "application/json", {}, "is not of type 'array'"),
        ("/v2/activities", 200, "application/json", {"activities": [{"statusCode": "REBOOTED"}]}, "is not one of"),
        ("/v2/devices", 200, "text/plain", [], "answered text/plain"),
        ("/v2/devices", 404, "application/json", {"message": "gone"}, "answered 404 with"),
        ("/v2/reboots", 200, "application/json", [], "no such operation"),
        ("/v2/device/1", 202, "application/json", {}, "answered 202"),
    ],
)
def test_a_wrong_answer_is_seen(contract, url, status, kind, body, deviation):
    """
    A field, a type, a status or a shape that the document does not have is a deviation.
    """
    contract.check_answer("GET", URL(url), status, kind, json.dumps(body).encode())

    (found,) = contract.deviations
    contract.deviations.clear()
    assert deviation in found


async def _all(rows):
    return [row async for row in rows]


#: Every call of the client, with all that it can send.
CALLS = {
    "get_device": lambda client: client.get_device(101),
    "observe_device": lambda client: client.observe_device(101),
    "list_reboots": lambda client: client.list_reboots(101),
    "search_devices": lambda client: client.search_devices("nwd", limit=3),
    "list_devices": lambda client: _all(client.list_devices("org = 1", page_size=2, detailed=True)),
    "device_pages": lambda client: _all(client.device_pages("org = 1", after=101, page_size=2)),
    "list_organizations": lambda client: _all(client.list_organizations(page_size=2)),
    "list_alerts": lambda client: client.list_alerts(df="org = 1", source_type="AGENT_OFFLINE"),
    "latest_activity_id": lambda client: client.latest_activity_id(),
    "list_activities": lambda client: _all(client.list_activities(0, activity_type="CONDITION", device_id=101)),
    "get_scripting_options": lambda client: client.get_scripting_options(101),
    "list_scripts": lambda client: client.list_scripts(),
    "reset_alert": lambda client: client.reset_alert(uid("alert/dc01-disk")),
    "run_script": lambda client: client.run_script(101, script_id=71, parameters="-Days 30", run_as="SYSTEM"),
    "put_webhook": lambda client: client.put_webhook(
        "https://workflows.test/x", headers={"X-Webhook": "v"}, activities=WANTED, expand=("device", "organization")
    ),
    "delete_webhook": lambda client: client.delete_webhook(),
    "reboot_device": lambda client: client.reboot_device(101, "FORCED", reason="patches"),
}


def test_every_call_is_listed():
    """
    A call that is new to the client has its line above.
    """
    public = {name for name, _ in inspect.getmembers(NinjaOneClient, inspect.isfunction) if not name.startswith("_")}

    assert set(CALLS) == public


@pytest.mark.parametrize("name", CALLS)
async def test_every_call(simulator, contract, name):
    """
    Every call of the client is one of the document's, and is understood by the simulator.
    """
    candidate = Candidate(
        uuid4(),
        ninjaone_connection(),
        simulator.session,
        method="client_credentials",
        instance_url=simulator.url,
        settings={},
        scopes=("monitoring", "management", "control"),
        values={"client_id": "full-client", "client_secret": "full-secret"},
    )
    tokens = ConnectionTokenSource(candidate)
    client = NinjaOneClient(simulator.session, base_url=simulator.url, tokens=tokens, retry=RetryPolicy(tries=1))

    await CALLS[name](client)

    assert len(contract.requested) == 1
