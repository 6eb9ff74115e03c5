"""The script actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from workflow_core.actions import ActionContext, Happened, SentEffect, Unknown, Verdict
from workflow_core.errors import NotFoundError, PermissionDeniedError
from workflow_ninjaone import client as vendor
from workflow_ninjaone.actions.access import Access, nothing_done_yet
from workflow_ninjaone.actions.normalise import clean
from workflow_ninjaone.actions.script_shapes import (
    ListScripts,
    RequestedScript,
    RunScript,
    Script,
    ScriptCredential,
    ScriptingOptions,
)
from workflow_ninjaone.module import CLIENT_CREDENTIALS


class ScriptActions:
    """
    The handlers.

    Args:
        access: Makes clients.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    async def options(self, given: ListScripts, ctx: ActionContext) -> ScriptingOptions:
        """
        Lists what a device can run, and as whom.

        Raises:
            NotFoundError: The account has no such device.
        """
        _, client = await self._access.connect(ctx)
        found = await client.get_scripting_options(given.device_id)
        words = (given.query or "").lower().split()
        scripts = [script for script in found.scripts if _is_called(script, words)][: given.limit]
        return ScriptingOptions(
            scripts=tuple(_shown(script, found) for script in scripts),
            count=len(scripts),
            roles=found.roles,
            credentials=tuple(
                ScriptCredential(id=str(credential.id), name=clean(credential.name), type=clean(credential.type))
                for credential in found.credentials
            ),
        )

    async def prepare_run(self, given: RunScript, ctx: ActionContext) -> dict[str, Any]:
        """
        Sees that the account lets us in, and that the device can run this: what fails here has started nothing.

        Gives by what the run will be known among the device's activities.

        Raises:
            NotFoundError: The account has no such device, or the device cannot run this.
            PermissionDeniedError: NinjaOne runs scripts in the name of a person only.
            WorkflowError: The connection or its credentials do not serve.
        """
        integration, client = await self._access.connect(ctx)
        if integration.method == CLIENT_CREDENTIALS:
            raise PermissionDeniedError(
                "NinjaOne runs scripts for people only, not for an application: disconnect NinjaOne under Connections, "
                "and connect it again with Sign in to NinjaOne."
            )
        options = await client.get_scripting_options(given.device_id)
        script = _find(options.scripts, given)
        if script is None:
            raise NotFoundError(
                "NinjaOne has no such script for this device: see ninjaone.devices.scripting_options for those it has.",
                details={"field": "script_id" if given.action_uid is None else "action_uid"},
            )
        return {"last_activity_id": await client.latest_activity_id(), "name": script.name}

    async def run(self, given: RunScript, ctx: ActionContext) -> RequestedScript:
        """
        Asks a device to run a script; it is sent once.

        Raises:
            Refused: Certainly nothing was done.
            WorkflowError: Nobody knows whether NinjaOne has taken the command.
        """
        with nothing_done_yet():
            _, client = await self._access.connect(ctx)
        job = await client.run_script(
            given.device_id,
            script_id=given.script_id,
            action_uid=given.action_uid,
            parameters=given.parameters,
            run_as=given.run_as,
        )
        return _requested(given, job)

    async def reconcile_run(self, given: RunScript, ctx: ActionContext, sent: SentEffect) -> Verdict:
        """
        Looks whether the device's activities tell of the script since it was asked for.

        Nobody can tell two requests apart that ask one device for the same script with the same parameters. That none
        shows proves nothing: it may still be about to.
        """
        if sent.prepared is None:
            return Unknown("It is not known what NinjaOne called the script when it was asked for.")
        _, client = await self._access.connect(ctx)
        last, name = sent.prepared["last_activity_id"], sent.prepared["name"]
        async for activity in client.list_activities(last, device_id=given.device_id):
            if name in (activity.source_name, activity.subject) and _same_parameters(activity, given):
                job = vendor.ScriptJob(activity_id=activity.id, series_uid=activity.series_uid)
                return Happened(_requested(given, job))
        return Unknown(f"NinjaOne shows no activity of {name!r} on device {given.device_id} since it was asked for.")


def _find(scripts: Iterable[vendor.Script], given: RunScript) -> vendor.Script | None:
    for script in scripts:
        if given.script_id is not None and script.type == "SCRIPT" and script.id == given.script_id:
            return script
        if given.action_uid is not None and script.type == "ACTION" and script.uid == given.action_uid:
            return script
    return None


def _same_parameters(activity: vendor.Activity, given: RunScript) -> bool:
    """Whether the activity tells of the same parameters, if it tells of any."""
    told = activity.data.get("parameters")
    return not isinstance(told, str) or told == (given.parameters or "")


def _is_called(script: vendor.Script, words: Iterable[str]) -> bool:
    text = f"{script.name} {script.description or ''}".lower()
    return all(word in text for word in words)


def _shown(script: vendor.Script, options: vendor.ScriptingOptions) -> Script:
    category = None if script.category_id is None else options.categories.get(script.category_id)
    return Script(
        type="SCRIPT" if script.type == "SCRIPT" else "ACTION",
        script_id=script.id if script.type == "SCRIPT" else None,
        action_uid=script.uid if script.type == "ACTION" else None,
        name=clean(script.name) or "",
        description=clean(script.description, 10_000),
        language=clean(script.language),
        category=clean(category),
    )


def _requested(given: RunScript, job: vendor.ScriptJob) -> RequestedScript:
    return RequestedScript(
        run_requested=True,
        external_device_id=str(given.device_id),
        activity_id=None if job.activity_id is None else str(job.activity_id),
        job_uid=job.series_uid,
    )
