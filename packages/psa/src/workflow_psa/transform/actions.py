"""The transform actions."""

from __future__ import annotations

from typing import Any

from workflow_core.actions import Action, Effect, Example, Handler
from workflow_psa.transform import compose, patterns, text, values

_ALERT = {"uid": "0c6cb3d4", "severity": "CRITICAL", "device": {"name": "SRV-01"}, "raw": "…"}


def transform_actions() -> list[Action]:
    """All of them."""
    return [*_composing(), *_texts(), *_patterns(), *_objects(), *_lists()]


def _transform(
    name: str, label: str, description: str, types: tuple[type, type], handler: Handler, *examples: Example
) -> Action:
    return Action(
        id=f"transform.{name}",
        label=label,
        description=description,
        input=types[0],
        output=types[1],
        effect=Effect.READ,
        io="database",
        handler=handler,
        examples=examples,
    )


def _example(title: str, given: dict[str, Any], result: dict[str, Any]) -> Example:
    return Example(title, given, result)


def _composing() -> list[Action]:
    document = {
        "version": 1,
        "blocks": [
            {
                "type": "paragraph",
                "children": [
                    {"type": "text", "text": "Alert on "},
                    {"type": "reference", "path": "payload.device", "label": "Device", "value": "SRV-01"},
                ],
            }
        ],
    }
    return [
        _transform(
            "compose_text",
            "Compose text",
            "Writes texts in Markdown from words and values of the run.",
            (compose.ComposeText, compose.ComposedTexts),
            compose.compose_text,
            _example(
                "The body of a ticket",
                {"outputs": [{"id": "1", "label": "Body", "stableKey": "body", "document": document}]},
                {"body": "Alert on SRV-01"},
            ),
        )
    ]


def _texts() -> list[Action]:
    one = (text.SourceText, text.Text)
    return [
        _transform(
            "truncate_text",
            "Truncate text",
            "Shortens a text to a number of characters.",
            (text.TruncateText, text.Text),
            text.truncate_text,
            _example(
                "A title",
                {"text": "The disk C: of SRV-01 is nearly full", "maxLength": 20},
                {"text": "The disk C: of SR..."},
            ),
        ),
        _transform(
            "concat_text",
            "Concatenate text",
            "Writes values one after the other as one text.",
            (text.ConcatText, text.Text),
            text.concat_text,
            _example("A name", {"values": ["Dana", "Reyes"], "separator": " "}, {"text": "Dana Reyes"}),
        ),
        _transform(
            "replace_text",
            "Replace text",
            "Replaces words in a text.",
            (text.ReplaceText, text.Text),
            text.replace_text,
            _example(
                "Units", {"text": "5 MB of 7 MB", "search": "MB", "replacement": "MiB"}, {"text": "5 MiB of 7 MiB"}
            ),
        ),
        _transform(
            "split_text",
            "Split text",
            "Splits a text into a list of parts.",
            (text.SplitText, text.Texts),
            text.split_text,
            _example(
                "Tags", {"text": "disk,,server", "delimiter": ",", "removeEmpty": True}, {"items": ["disk", "server"]}
            ),
        ),
        _transform(
            "join_text",
            "Join text",
            "Joins the items of a list to one text.",
            (text.JoinText, text.Text),
            text.join_text,
            _example("Tags", {"items": ["disk", "server"], "delimiter": ", "}, {"text": "disk, server"}),
        ),
        _transform(
            "lowercase_text",
            "Lowercase text",
            "Writes a text in small letters.",
            one,
            text.lowercase_text,
            _example("A name", {"text": "SRV-01"}, {"text": "srv-01"}),
        ),
        _transform(
            "uppercase_text",
            "Uppercase text",
            "Writes a text in capital letters.",
            one,
            text.uppercase_text,
            _example("A name", {"text": "srv-01"}, {"text": "SRV-01"}),
        ),
        _transform(
            "trim_text",
            "Trim text",
            "Removes the white space around a text.",
            one,
            text.trim_text,
            _example("A name", {"text": " SRV-01\n"}, {"text": "SRV-01"}),
        ),
    ]


def _patterns() -> list[Action]:
    host = {"text": "SRV-01", "index": 9, "groups": ["01"], "named": {"number": "01"}}
    return [
        _transform(
            "match_text",
            "Match text",
            "Finds what fits a regular expression in a text.",
            (patterns.MatchText, patterns.Matches),
            patterns.match_text,
            _example(
                "The server in a message",
                {"text": "Disk C of SRV-01 is full", "pattern": "SRV-(?P<number>[0-9]+)"},
                {"matched": True, "first": host, "matches": [host]},
            ),
        ),
        _transform(
            "replace_pattern",
            "Replace by pattern",
            "Replaces what fits a regular expression in a text.",
            (patterns.ReplacePattern, patterns.ReplacedText),
            patterns.replace_pattern,
            _example(
                "Turn dates round",
                {
                    "text": "due 02.03.2026",
                    "pattern": "([0-9]{2})\\.([0-9]{2})\\.([0-9]{4})",
                    "replacement": "$3-$2-$1",
                },
                {"text": "due 2026-03-02", "count": 1},
            ),
        ),
    ]


def _objects() -> list[Action]:
    return [
        _transform(
            "coalesce_value",
            "First value",
            "Gives the first value that is there.",
            (values.CoalesceValue, values.CoalescedValue),
            values.coalesce_value,
            _example("A name", {"candidates": [None, " ", "SRV-01"]}, {"value": "SRV-01", "matchedIndex": 2}),
        ),
        _transform(
            "build_object",
            "Build object",
            "Makes an object of named values.",
            (values.BuildObject, values.Object),
            values.build_object,
            _example("Custom fields", {"fields": [{"key": "rack", "value": "B4"}]}, {"object": {"rack": "B4"}}),
        ),
        _transform(
            "pick_fields",
            "Pick fields",
            "Keeps some fields of an object.",
            (values.PickFields, values.Object),
            values.pick_fields,
            _example(
                "Of an alert",
                {"source": _ALERT, "fields": ["uid", "severity"]},
                {"object": {"uid": "0c6cb3d4", "severity": "CRITICAL"}},
            ),
        ),
        _transform(
            "rename_fields",
            "Rename fields",
            "Gives fields of an object other names.",
            (values.RenameFields, values.Object),
            values.rename_fields,
            _example(
                "Of an alert",
                {"source": {"uid": "0c6cb3d4"}, "renames": [{"from": "uid", "to": "external_ref"}]},
                {"object": {"external_ref": "0c6cb3d4"}},
            ),
        ),
    ]


def _lists() -> list[Action]:
    return [
        _transform(
            "filter_array",
            "Filter list",
            "Keeps the items of a list that meet conditions.",
            (values.FilterArray, values.FilteredArray),
            values.filter_array,
            _example(
                "Critical alerts",
                {"items": [_ALERT], "conditions": [{"path": "severity", "op": "=", "value": "CRITICAL"}]},
                {"items": [_ALERT], "first": _ALERT, "count": 1},
            ),
        ),
        _transform(
            "append_array",
            "Append to list",
            "Adds items to a list.",
            (values.AppendArray, values.Items),
            values.append_array,
            _example("Tags", {"items": ["disk"], "values": ["server"]}, {"items": ["disk", "server"]}),
        ),
        _transform(
            "build_array",
            "Build list",
            "Makes a list of values.",
            (values.BuildArray, values.Items),
            values.build_array,
            _example("Tags", {"items": ["disk", "server"]}, {"items": ["disk", "server"]}),
        ),
    ]
