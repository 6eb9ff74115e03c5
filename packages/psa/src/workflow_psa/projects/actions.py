"""The project actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.projects.create_task import ACTION_ID as CREATE_TASK
from workflow_psa.projects.create_task import create_task
from workflow_psa.projects.shapes import CreatedTask, CreateTask, UpdatedTask, UpdateTask
from workflow_psa.projects.update_task import ACTION_ID as UPDATE_TASK
from workflow_psa.projects.update_task import update_task

_PROJECT = "b7c9f0de-1a2b-4c3d-8e4f-5a6b7c8d9e01"
_TASK = "4f1d2c3b-5a69-4788-9b0c-1d2e3f405162"
_STATUS = "c3d4e5f6-0718-4293-a4b5-c6d7e8f90a1b"


def project_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id=CREATE_TASK,
            label="Create project task",
            description="Adds a task to a project, assigned to a user or a team, and linked to a ticket.",
            input=CreateTask,
            output=CreatedTask,
            effect=Effect.LOCAL,
            io="database",
            handler=create_task,
            permission="project_task:create",
            examples=(
                Example(
                    "Kick-off",
                    {
                        "project_id": _PROJECT,
                        "title": "Kick-off meeting with Emerald City",
                        "due_date": "2026-03-09T16:00:00Z",
                        "assignee": {"type": "user", "id": "5e0d7c1a-3b2f-4e6d-9a8b-7c6d5e4f3a21"},
                    },
                    {
                        "task_id": _TASK,
                        "url": f"/msp/projects/{_PROJECT}?task={_TASK}",
                        "status_id": _STATUS,
                        "priority_id": None,
                        "created_at": "2026-03-02T09:15:00Z",
                    },
                ),
            ),
        ),
        Action(
            id=UPDATE_TASK,
            label="Update project task",
            description="Changes the name or the description of a task.",
            input=UpdateTask,
            output=UpdatedTask,
            effect=Effect.LOCAL,
            io="database",
            handler=update_task,
            permission="project:update",
            examples=(
                Example(
                    "Rename",
                    {"task_id": _TASK, "patch": {"task_name": "Kick-off with Emerald City (moved)"}},
                    {
                        "task": {
                            "task_id": _TASK,
                            "project_id": _PROJECT,
                            "phase_id": "91a2b3c4-d5e6-4f70-8192-a3b4c5d6e7f8",
                            "task_name": "Kick-off with Emerald City (moved)",
                            "description": None,
                            "assigned_to": "5e0d7c1a-3b2f-4e6d-9a8b-7c6d5e4f3a21",
                            "status_id": "d9e8f7a6-b5c4-4d3e-8f1a-0b9c8d7e6f5a",
                            "project_status_mapping_id": _STATUS,
                            "wbs_code": "1.1.4",
                            "order_key": None,
                            "updated_at": "2026-03-02T10:01:30Z",
                        },
                        "changed_fields": ["task_name"],
                        "no_op": False,
                        "updated_at": "2026-03-02T10:01:30Z",
                    },
                ),
            ),
        ),
    ]
