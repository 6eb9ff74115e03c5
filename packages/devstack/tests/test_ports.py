"""Ports are looked at before anything starts."""

import socket

import pytest

from workflow_devstack.errors import PortInUseError
from workflow_devstack.ports import DEFAULT_PORTS, HOST, reserve, with_numbers


@pytest.fixture
def taken():
    """A port on which somebody listens."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_named_with_the_option_that_changes_it(taken):
    """One can mend it without reading the manual."""
    with pytest.raises(PortInUseError) as caught:
        reserve(with_numbers(server=0, temporal=taken, temporal_ui=0, simulator=0, mail=0))

    assert f"Port {taken}" in caught.value.message
    assert "Temporal" in caught.value.message
    assert "--temporal-port NUMBER" in caught.value.message


def test_all_ports_in_use_are_named_at_once(taken):
    """Nobody mends one after the other."""
    with pytest.raises(PortInUseError) as caught:
        reserve(with_numbers(server=taken, temporal=0, temporal_ui=0, simulator=taken, mail=0))

    assert "--port NUMBER" in caught.value.message
    assert "--simulator-port NUMBER" in caught.value.message


def test_zero_picks_free_ports_that_differ():
    """So that several stacks can run beside each other."""
    reserved = reserve(with_numbers(server=0, temporal=0, temporal_ui=0, simulator=0, mail=0))

    numbers = [port.number for port in reserved.all()]
    # Not where the system picks ports for connections, one of which could be this one a moment later.
    assert all(20_000 <= number < 32_000 for number in numbers)
    assert all(numbers)
    assert len(set(numbers)) == len(numbers)


def test_chosen_ports_keep_their_numbers():
    """A free port is taken as it was asked for."""
    free = reserve(with_numbers(server=0, temporal=0, temporal_ui=0, simulator=0, mail=0))

    assert free == reserve(free)


def test_two_uses_of_one_port_are_refused():
    """Two of our own processes cannot share a port either."""
    free = reserve(with_numbers(server=0, temporal=0, temporal_ui=0, simulator=0, mail=0)).server.number

    with pytest.raises(PortInUseError, match="--temporal-port"):
        reserve(with_numbers(server=free, temporal=free, temporal_ui=0, simulator=0, mail=0))


def test_the_defaults_have_an_option_each():
    """What collides can be changed."""
    options = [port.option for port in DEFAULT_PORTS.all()]
    assert len(set(options)) == len(options)
