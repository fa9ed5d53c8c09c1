"""The name that oarsub leaves for the server is one that the server can use."""

from oar.cli.own_name import own_name


def test_a_name_that_is_known_is_left_as_it_is() -> None:
    assert own_name("127.0.0.1", "localhost") == "localhost"


def test_instead_of_an_unknown_name_it_is_an_address_towards_the_server() -> None:
    assert own_name("127.0.0.1", "no-such-machine.invalid") == "127.0.0.1"


def test_when_the_server_is_unknown_too_the_name_stays() -> None:
    assert own_name("no-server.invalid", "no-such-machine.invalid") == "no-such-machine.invalid"
