"""The words that a ticket is found by."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from workflow_core.actions import ActionContext

_DEFINE = """
INSERT INTO tag_definitions (tenant, tag_text, tagged_type)
SELECT $1, tag, 'ticket' FROM unnest($2::text[]) AS tag
ON CONFLICT (tenant, tag_text, tagged_type) DO NOTHING
"""
_TAGS = """
SELECT d.tag_text
FROM tag_mappings m JOIN tag_definitions d ON d.tenant = $1 AND d.tag_id = m.tag_id
WHERE m.tenant = $1 AND m.tagged_type = 'ticket' AND m.tagged_id = $2
ORDER BY d.tag_text
"""
_REPLACE = """
WITH wanted AS (
    SELECT d.tag_id FROM tag_definitions d
    WHERE d.tenant = $1 AND d.tagged_type = 'ticket' AND d.tag_text = ANY ($3::text[])
),
removed AS (
    DELETE FROM tag_mappings m
    WHERE m.tenant = $1 AND m.tagged_type = 'ticket' AND m.tagged_id = $2
      AND m.tag_id NOT IN (SELECT w.tag_id FROM wanted w)
)
INSERT INTO tag_mappings (tenant, tag_id, tagged_id, tagged_type, created_by)
SELECT $1, w.tag_id, $2, 'ticket', $4 FROM wanted w
ON CONFLICT (tenant, tag_id, tagged_id) DO NOTHING
"""


def distinct(tags: Iterable[str] | None) -> list[str]:
    """Each tag once; sorted, since two runs that define the same tags must not wait crosswise."""
    return sorted(set(tags or ()))


async def define_tags(ctx: ActionContext, tags: list[str]) -> None:
    """Makes those that are not known yet."""
    await ctx.tx.execute(_DEFINE, ctx.tenant, tags)


async def tags_of(ctx: ActionContext, ticket_id: UUID) -> list[str]:
    """A ticket's tags, sorted."""
    return [row["tag_text"] for row in await ctx.tx.fetch(_TAGS, ctx.tenant, ticket_id)]


async def replace_tags(ctx: ActionContext, ticket_id: UUID, tags: list[str], actor: UUID | None) -> None:
    """Gives a ticket these tags and no others."""
    await define_tags(ctx, tags)
    await ctx.tx.execute(_REPLACE, ctx.tenant, ticket_id, tags, actor)
