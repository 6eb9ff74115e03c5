"""The simulated account as it is served: with tokens, webhooks, a journal, fault rules, and a file to outlive in."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import attrs

from workflow_ninjaone.simulator.account import Account
from workflow_ninjaone.simulator.authority import ApiApplication, Authority
from workflow_ninjaone.simulator.faults import FaultRule, parse_rule
from workflow_ninjaone.simulator.fleet import Fleet
from workflow_ninjaone.simulator.seed import Seed, default_seed
from workflow_ninjaone.simulator.settings import DeliveryPolicy, Quirks, Timing, TokenPolicy
from workflow_ninjaone.simulator.shapes import Record
from workflow_ninjaone.simulator.webhooks import PostOffice

Outcome = Literal["done", "refused", "fault"]

_STATE_FORMAT = 1
#: What files of earlier versions lack.
_ABSENT: Record = {
    "fleet": {"size": 0, "now": 0.0},
    "gone_devices": [],
    "custom_fields": {},
    "pending_scripts": [],
    "sessions": [],
    "webhooks": [],
}


@attrs.frozen
class _Start:
    """What a reset goes back to."""

    seed: Seed
    fleet: int
    timing: Timing
    tokens: TokenPolicy
    delivery: DeliveryPolicy


class SimulatorState(Account):
    """One account with its records, tokens, journal and fault rules.

    Args:
        applications: The applications that may ask for tokens.
        seed: What the account holds at first.
        fleet: How many generated devices it has besides.
        tokens: How tokens are treated.
        timing: When what was asked for happens, and what the account's clock shows.
        delivery: How events travel to webhooks.
        random_seed: Where chance begins: faults with a share, stray reboots, shuffled events.
        clock: The present in epoch seconds; for tests.
        state_file: Where records, journal, sessions and webhooks outlive the process; ``None`` for nowhere.
        journal_file: Where every entry of the journal is appended as a line of JSON; ``None`` for nowhere.

    Attributes:
        authority: Gives tokens.
        faults: The rules that still hold.
        journal: What :meth:`record` was told.

    Raises:
        OSError: The state file cannot be read.
        ValueError: The state file is not one.
    """

    def __init__(
        self,
        *,
        applications: Iterable[ApiApplication],
        seed: Seed | None = None,
        fleet: int = 0,
        tokens: TokenPolicy | None = None,
        timing: Timing | None = None,
        delivery: DeliveryPolicy | None = None,
        random_seed: int = 0,
        clock: Callable[[], float] = time.time,
        state_file: Path | None = None,
        journal_file: Path | None = None,
    ) -> None:
        start = _Start(
            seed=seed or default_seed(),
            fleet=fleet,
            timing=timing or Timing(),
            tokens=tokens or TokenPolicy(),
            delivery=delivery or DeliveryPolicy(),
        )
        chance = random.Random(random_seed)  # noqa: S311 - nothing secret comes of it
        super().__init__(
            seed=start.seed,
            fleet=start.fleet,
            timing=start.timing,
            clock=clock,
            chance=chance,
            post_office=PostOffice(start.delivery, chance),
        )
        self.authority = Authority(applications, self.clock, start.tokens)
        self.faults: list[FaultRule] = []
        self.journal: list[Record] = []
        self._start = start
        self._state_file = state_file
        self._journal_file = journal_file
        self._next_rule = 1
        if state_file is not None and state_file.exists():
            self._load(state_file)

    def reset(self) -> None:
        """Back to the start, with an empty journal and no fault rules; access tokens and sessions stay good."""
        self.timing = self._start.timing
        self.quirks = Quirks()
        self.authority.policy = self._start.tokens
        self.authority.log.clear()
        self.post_office.policy = self._start.delivery
        self.post_office.clear()
        self.fill(self._start.seed, self._start.fleet)
        self.journal.clear()
        self.faults.clear()
        self.save()

    def revoke_tokens(self) -> None:
        """Makes every access token useless, as if all had expired."""
        self.authority.drop_access_tokens()

    # ── Journal and faults ───────────────────────────────────────────────────────────────────────────────────────

    def record(self, *, kind: str, outcome: Outcome, **fields: Any) -> None:
        """Adds to the journal: one entry per acting request; none holds a token or a secret.

        Args:
            kind: ``reboot``, ``script``, ``alert_reset``, ``maintenance``, ``custom_fields`` or ``webhook``.
            outcome: ``done``: it was carried out (even if the answer was then lost); ``refused``: it was answered
                with an error; ``fault``: a fault rule kept it from being carried out.
            **fields: ``method``, ``path``, ``device_id`` or ``uid``, ``body``, ``status``, ``fault``, ``client_id``.
        """
        entry: Record = {
            "seq": len(self.journal) + 1,
            "at": self.clock(),
            "kind": kind,
            "outcome": outcome,
            **fields,
        }
        self.journal.append(entry)
        if self._journal_file is not None:
            with self._journal_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        self.save()

    def add_fault(self, rule: object) -> FaultRule:
        """Sets up a fault rule from its JSON form.

        Raises:
            ValueError: It is none.
        """
        parsed = parse_rule(rule, identity=self._next_rule)
        self._next_rule += 1
        self.faults.append(parsed)
        return parsed

    def take_fault(self, method: str, path: str) -> FaultRule | None:
        """The first rule for this request, counted as used once more."""
        for rule in self.faults:
            if rule.strikes(method, path, self._chance.random):
                if rule.is_spent:
                    self.faults.remove(rule)
                return rule
        return None

    # ── What outlives the process ────────────────────────────────────────────────────────────────────────────────

    def to_json(self) -> Record:
        """Records and journal, without tokens and secrets; of a fleet only the devices that something happened to."""
        return {
            "format": _STATE_FORMAT,
            "fleet": attrs.asdict(self.fleet),
            "devices": self.devices.kept,
            "gone_devices": self.devices.gone,
            "alerts": list(self.alerts.values()),
            "activities": self.activities,
            "custom_fields": {str(identity): fields for identity, fields in self.custom_fields.items()},
            "pending_reboots": self.pending_reboots,
            "pending_scripts": self.pending_scripts,
            "journal": self.journal,
        }

    def save(self) -> None:
        """Writes the state file, if there is to be one, in one piece; its owner alone may read it."""
        if self._state_file is None:
            return
        content = {**self.to_json(), "sessions": self.authority.sessions(), "webhooks": self.post_office.save()}
        draft = self._state_file.with_name(self._state_file.name + ".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(self._state_file)

    def _load(self, path: Path) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != _STATE_FORMAT:
            raise ValueError("the file is not a simulator's state")
        saved = {**_ABSENT, **content}
        try:
            self.place(Fleet(**saved["fleet"]), saved["devices"], saved["gone_devices"])
            self.alerts = {record["uid"]: record for record in saved["alerts"]}
            self.activities = list(saved["activities"])
            self.custom_fields = {int(identity): fields for identity, fields in saved["custom_fields"].items()}
            self.pending_reboots = list(saved["pending_reboots"])
            self.pending_scripts = list(saved["pending_scripts"])
            self.journal = list(saved["journal"])
            self.authority.restore(saved["sessions"])
            self.post_office.restore(saved["webhooks"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the file is not a simulator's state: {error!r}") from None
