"""What the README shows works."""

import re
import types
from importlib.metadata import entry_points
from pathlib import Path

from workflow_core.schema import convert

README = Path(__file__).parents[3] / "README.md"


def blocks(language):
    """The README's code in one language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


async def test_the_integration_in_the_readme_is_complete():
    """Its plugin contributes a module and an action whose example holds."""
    module = types.ModuleType("workflow_hello")
    exec(compile(blocks("python")[0], str(README), "exec"), module.__dict__)
    (tile,) = module.plugin.workflow_modules()
    (action,) = module.plugin.workflow_actions()

    assert tile.allowed_action_ids == (action.id,)
    for example in action.examples:
        given = convert(action.input, example.input)
        assert convert(action.output, example.output) == await action.handler(given, None)


def test_its_entry_point_is_in_the_group_that_is_searched():
    """The same as our own modules'."""
    group = re.search(r'\[project\.entry-points\."(.+?)"\]', blocks("toml")[0])[1]
    assert {"psa", "ninjaone"} <= {entry.name for entry in entry_points(group=group)}


def test_the_links_lead_somewhere():
    """Files and folders of the repository."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).exists(), target
