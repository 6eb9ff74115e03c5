"""A NinjaOne account to test against: the paths of the public API, version 2, that this project uses.

It is written from the vendor's OpenAPI document and shares nothing with our client, so that a wrong reading of the
API on one side shows on the other. :mod:`~workflow_ninjaone.simulator.seed` is what the account holds at first,
:mod:`~workflow_ninjaone.simulator.state` what happens to it, :mod:`~workflow_ninjaone.simulator.api` the vendor's
paths, :mod:`~workflow_ninjaone.simulator.faults` what can be made to go wrong, and
:mod:`~workflow_ninjaone.simulator.control` the paths below ``/_simulator/`` by which a test looks behind the curtain.
"""

from workflow_ninjaone.simulator.app import create_app
from workflow_ninjaone.simulator.seed import Seed, default_seed, load_seed
from workflow_ninjaone.simulator.state import ApiApplication, SimulatorState, Timing

__all__ = ["ApiApplication", "Seed", "SimulatorState", "Timing", "create_app", "default_seed", "load_seed"]
