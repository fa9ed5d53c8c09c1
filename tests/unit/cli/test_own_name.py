"""The name that oarsub leaves for the server is one that the server can use."""

import ipaddress
import socket

from oar.cli.own_name import own_name


def test_the_name_is_resolved_by_this_machine() -> None:
    assert socket.getaddrinfo(own_name("localhost"), None)


def test_without_a_known_name_it_is_an_address_towards_the_server() -> None:
    name = own_name("127.0.0.1")
    if name != socket.gethostname():
        assert ipaddress.ip_address(name).is_loopback
