"""What the demonstration has shown, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from workflow_devstack.demonstration import Demonstration, token
from workflow_devstack.folder import DataFolder
from workflow_devstack.ports import Ports
from workflow_devstack.seed import CONNECTED

_SHOWN_CHARACTERS: Final = 240
_COLOURS: Final = {"SUCCEEDED": "green", "FAILED": "red"}


def show(console: Console, result: Demonstration) -> None:
    """Steps, ticket, catalogs and the promises that were kept."""
    _show_steps(console, result)
    _show_ticket(console, result)
    _show_catalogs(console, result)
    _show_checks(console, result)


def _show_steps(console: Console, result: Demonstration) -> None:
    run = result.run
    console.rule(f"[bold]{escape(run.name)}[/]")
    console.print(f"run {run.run_id} of version {run.version}: {_coloured(run.status)}", highlight=False)
    for number, step in enumerate(run.steps, start=1):
        took = "" if step.duration_ms is None else f"  [dim]{step.duration_ms} ms[/]"
        console.print(
            f"\n[bold]{number}. {escape(step.name)}[/]  [cyan]{escape(step.what)}[/]  {_coloured(step.status)}{took}",
            highlight=False,
        )
        for word, value in (("took", step.input), ("gave", step.output), ("error", step.error)):
            if value not in (None, {}, []):
                console.print(Padding(_block(word, value), (0, 0, 0, 3), expand=False))
    if run.error:
        console.print(Padding(_block("error", run.error), (1, 0, 0, 0), expand=False))


def _block(word: str, value: Any) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for index, (name, text) in enumerate(lines(value)):
        table.add_row(word if index == 0 else "", name, Text(text))
    return table


def lines(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """
    A value as names and short texts: objects in objects by their paths, lists by their first entry.

    What is null says nothing, and is left out.
    """
    if not isinstance(value, Mapping):
        yield prefix, summary(value)
        return
    for name, member in value.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(member, Mapping) and member:
            yield from lines(member, path)
        elif isinstance(member, list) and member and isinstance(member[0], Mapping):
            more = f" and {len(member) - 1} more" if len(member) > 1 else ""
            yield path, f"{summary(member[0])}{more}"
        elif member is not None:
            yield path, summary(member)


def summary(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, Mapping):
        told = ", ".join(f"{name}: {summary(member)}" for name, member in value.items() if member is not None)
        text = f"{{{told}}}"
    elif isinstance(value, list):
        text = f"[{', '.join(summary(member) for member in value)}]"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = " ⏎ ".join(line for line in str(value).splitlines() if line)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _show_ticket(console: Console, result: Demonstration) -> None:
    console.rule("[bold]The ticket[/]")
    if not result.tickets:
        console.print("There is none about this alert.", style="red")
    for ticket in result.tickets:
        facts = Table.grid(padding=(0, 2))
        facts.add_column(style="dim")
        facts.add_column()
        for name in ("client_name", "board_name", "status", "priority_name"):
            facts.add_row(name.removesuffix("_name"), Text(str(ticket[name])))
        facts.add_row("description", Text(str(ticket["description"])))
        console.print(Panel(facts, title=Text(f"{ticket['ticket_number']}  {ticket['title']}"), title_align="left"))


def _show_catalogs(console: Console, result: Demonstration) -> None:
    console.rule("[bold]What the designer offers[/]")
    table = Table("module", *(catalog.tenant.name for catalog in result.catalogs))
    modules = {module["groupKey"]: module["label"] for catalog in result.catalogs for module in catalog.modules}
    for group_key, label in modules.items():
        cells = []
        for catalog in result.catalogs:
            actions = [
                action["label"]
                for module in catalog.modules
                if module["groupKey"] == group_key
                for action in module["actions"]
            ]
            cells.append(Text("\n".join(actions)) if actions else Text("–", style="dim"))
        table.add_row(Text(f"{label}\n({group_key})"), *cells, end_section=True)
    console.print(table)


def _show_checks(console: Console, result: Demonstration) -> None:
    console.rule("[bold]Promises[/]")
    for check in result.checks:
        mark, found = ("[green]✓[/]", "") if check.kept else ("[red]✗[/]", f": [red]{escape(check.found)}[/]")
        console.print(f"{mark} {escape(check.promise)}{found}", highlight=False)


def _coloured(status: str) -> str:
    return f"[{_COLOURS.get(status, 'yellow')}]{escape(status)}[/]"


def show_addresses(console: Console, folder: DataFolder, ports: Ports) -> None:
    """Where everything is."""
    console.rule("[bold]Addresses[/]")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    rows = {
        "designer": f"{ports.server.url}  (signs in the users of both tenants by one click)",
        "catalog server": f"{ports.server.url}  (health: {ports.server.url}/health/ready)",
        "NinjaOne simulator": f"{ports.simulator.url}  (journal: {ports.simulator.url}/_simulator/journal)",
        "mail server": f"{ports.mail.address}  (what was sent: {folder.mail})",
        "Temporal": f"{ports.temporal.address}  (web interface: {ports.temporal_ui.url})",
        "PostgreSQL": f"socket in {folder.postgres}",
        "logs": str(folder.logs),
    }
    for name, where in rows.items():
        table.add_row(name, Text(where))
    console.print(table)


def show_how_to_call(console: Console, folder: DataFolder, ports: Ports) -> None:
    """A command to copy."""
    console.print(f"\nCall the API as {CONNECTED.user[0]} of {CONNECTED.name} (the token is good for a week):\n")
    console.print(curl(folder, ports), soft_wrap=True, highlight=False, markup=False)


def curl(folder: DataFolder, ports: Ports) -> str:
    """A command that reads the catalog."""
    return (
        f'curl -H "Authorization: Bearer {token(folder, CONNECTED)}" '
        f"{ports.server.url}/api/workflow/registry/designer-catalog"
    )
