"""The ports that the devstack listens on; all on 127.0.0.1 only."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
from collections.abc import Iterable
from typing import Final

import attrs

from workflow_devstack.errors import PortInUseError

HOST: Final = "127.0.0.1"
#: Where free ones are picked: below those that the system gives to connections, which could take one that was picked
#: before anything listens there.
_PICKED: Final = range(20_000, 32_000)
_TRIES: Final = 100


@attrs.frozen
class Port:
    """
    One port.

    Attributes:
        name: What listens there, for messages.
        option: The command-line option that changes it.
        number: The port; 0 to have a free one picked.
    """

    name: str
    option: str
    number: int

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{HOST}:{self.number}"

    @property
    def url(self) -> str:
        """``http://host:port``."""
        return f"http://{self.address}"


@attrs.frozen
class Ports:
    """All ports of one stack."""

    server: Port
    temporal: Port
    temporal_ui: Port
    simulator: Port
    mail: Port

    def all(self) -> tuple[Port, ...]:
        """Every port, in the order in which they are named to the user."""
        return self.server, self.temporal, self.temporal_ui, self.simulator, self.mail


DEFAULT_PORTS: Final = Ports(
    server=Port("catalog server", "--port", 8480),
    temporal=Port("Temporal", "--temporal-port", 7233),
    temporal_ui=Port("Temporal's web interface", "--temporal-ui-port", 8233),
    simulator=Port("NinjaOne simulator", "--simulator-port", 8490),
    mail=Port("mail server", "--mail-port", 8425),
)


def with_numbers(*, server: int, temporal: int, temporal_ui: int, simulator: int, mail: int) -> Ports:
    """The ports with these numbers."""
    return Ports(
        server=attrs.evolve(DEFAULT_PORTS.server, number=server),
        temporal=attrs.evolve(DEFAULT_PORTS.temporal, number=temporal),
        temporal_ui=attrs.evolve(DEFAULT_PORTS.temporal_ui, number=temporal_ui),
        simulator=attrs.evolve(DEFAULT_PORTS.simulator, number=simulator),
        mail=attrs.evolve(DEFAULT_PORTS.mail, number=mail),
    )


def reserve(ports: Ports) -> Ports:
    """
    See that every port is free, and pick a free one where the number is 0.

    Raises:
        PortInUseError: Some are taken; the message names all of them with the options that change them.
    """
    with contextlib.ExitStack() as held:  # until all are known: two picks must not be the same
        problems: list[str] = []
        numbers: list[int] = []
        for port in ports.all():
            listener = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that is only timing out is free
            try:
                _bind(listener, port.number)
                listener.listen()  # else another of our own could bind the same
            except OSError as error:
                problems.append(_explain(port, error))
            else:
                numbers.append(listener.getsockname()[1])
        if problems:
            raise PortInUseError("\n".join(_unique(problems)), details={"ports": [port.number for port in ports.all()]})
    server, temporal, temporal_ui, simulator, mail = numbers
    return with_numbers(server=server, temporal=temporal, temporal_ui=temporal_ui, simulator=simulator, mail=mail)


def free_ports(count: int) -> list[int]:
    """Different ports on which nothing listens, and which the system gives to no connection."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            _bind(probe, 0)
        return [probe.getsockname()[1] for probe in probes]


def _bind(listener: socket.socket, number: int) -> None:
    if number == 0:
        for picked in random.sample(_PICKED, _TRIES):
            with contextlib.suppress(OSError):
                listener.bind((HOST, picked))
                return
    listener.bind((HOST, number))


def _explain(port: Port, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        why = "is in use"
    elif error.errno in {errno.EACCES, errno.EPERM}:
        why = "may not be used by you"
    else:
        why = f"cannot be used ({error.strerror})"
    return (
        f"Port {port.number}, wanted for the {port.name}, {why}. Stop what listens there, or choose another: "
        f"{port.option} NUMBER (0 picks a free one)."
    )


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
