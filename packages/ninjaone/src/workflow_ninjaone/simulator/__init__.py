"""A NinjaOne account to test against: the paths of the public API, version 2, that this project uses.

It is written from the vendor's OpenAPI document and shares nothing with our client, so that a wrong reading of the
API on one side shows on the other.

* What the account is: :mod:`~workflow_ninjaone.simulator.seed` (what it holds at first),
  :mod:`~workflow_ninjaone.simulator.fleet` (any number of devices more),
  :mod:`~workflow_ninjaone.simulator.account` (what happens to them), :mod:`~workflow_ninjaone.simulator.state` (the
  account as it is served)
* How it is spoken to: :mod:`~workflow_ninjaone.simulator.routes` names the vendor's paths,
  :mod:`~workflow_ninjaone.simulator.api` reads, :mod:`~workflow_ninjaone.simulator.reports` and
  :mod:`~workflow_ninjaone.simulator.commands` (what acts), in the manner of
  :mod:`~workflow_ninjaone.simulator.vendor`; :mod:`~workflow_ninjaone.simulator.signin` with
  :mod:`~workflow_ninjaone.simulator.authority` (OAuth), :mod:`~workflow_ninjaone.simulator.webhooks` (what it sends
  by itself)
* What a test can do to it: :mod:`~workflow_ninjaone.simulator.control` (the paths below ``/_simulator/``),
  :mod:`~workflow_ninjaone.simulator.settings`, :mod:`~workflow_ninjaone.simulator.faults`
"""

from workflow_ninjaone.simulator.app import create_app
from workflow_ninjaone.simulator.authority import ApiApplication
from workflow_ninjaone.simulator.seed import Seed, default_seed, load_seed
from workflow_ninjaone.simulator.settings import DeliveryPolicy, Quirks, Timing, TokenPolicy
from workflow_ninjaone.simulator.state import SimulatorState

__all__ = [
    "ApiApplication",
    "DeliveryPolicy",
    "Quirks",
    "Seed",
    "SimulatorState",
    "Timing",
    "TokenPolicy",
    "create_app",
    "default_seed",
    "load_seed",
]
