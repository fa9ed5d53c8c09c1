"""What of a call of oarsh gets to ssh, above all what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.ssh_call import HARMLESS, BadCall, SshCall, describe_dropped, parse_call
from oar.settings import OarshSettings

SHIPPED = OarshSettings()


def call(*words: str, passed_on: str = SHIPPED.passed_on) -> SshCall:
    return parse_call(words, SHIPPED.options, passed_on)


def test_host_and_command_are_told_apart() -> None:
    assert call("node1", "echo", "a", "b") == SshCall("node1", "echo a b")


def test_options_stand_before_and_behind_the_host() -> None:
    found = call("-v", "-c", "aes128-ctr", "node1", "-tC", "top")
    assert (found.host, found.command) == ("node1", "top")
    assert found.passed_on == ("-v", "-caes128-ctr", "-t", "-C")


def test_options_behind_the_command_are_the_command_s() -> None:
    assert call("node1", "ls", "-o", "x").command == "ls -o x"


def test_two_dashes_end_the_options() -> None:
    assert call("-x", "--", "node1", "true").host == "node1"


def test_the_user_before_the_host_is_ignored() -> None:
    assert call("root@node1").host == "node1"


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "ProxyCommand=id"),
        ("-oProxyCommand=id",),
        ("-xoProxyCommand=id",),
        ("-o", "LocalCommand=id"),
        ("-o", "SendEnv=LD_PRELOAD"),
        ("-F", "/home/alice/config"),
        ("-F/home/alice/config",),
        ("-S", "/var/lib/oar/.ssh/control"),
        ("-J", "node2"),
        ("-l", "root"),
        ("-p", "22"),
        ("-I", "/home/alice/evil.so"),
        ("-E", "/var/lib/oar/oar.log"),
        ("-w", "0:0"),
        ("-W", "server:5432"),
        ("-L", "9999:server:5432"),
        ("-R", "9999:/run/postgresql/.s.PGSQL.5432"),
        ("-D", "1080"),
        ("-A",),
        ("-a",),
        ("-M",),
        ("-N",),
        ("-G",),
        ("-K",),
        ("-X",),
        ("-Y",),
        ("-y",),
        ("-O", "forward"),
        ("-Q", "cipher"),
        ("-e", "^E"),
        ("-B", "eth0"),
        ("-P", "tag"),
    ],
)
def test_an_option_that_could_do_harm_is_dropped_whatever_the_site_passes_on(words: tuple[str, ...]) -> None:
    found = call(*words, "node1", "id", passed_on=SHIPPED.options)
    assert (found.host, found.command) == ("node1", "id")
    assert not [one for one in found.passed_on if one != "-x"]


@pytest.mark.parametrize(
    "value", ["-oProxyCommand=id", "a b", "x;id", "$(id)", "`id`", "a\nProxyCommand id", "é", "../../x", "'"]
)
def test_a_value_that_is_not_one_plain_word_is_dropped(value: str) -> None:
    found = call("-c", value, "node1")
    if value != "-oProxyCommand=id":
        assert found.passed_on == ()
    assert all(one.startswith("-c") for one in found.passed_on)


def test_a_site_may_pass_on_less() -> None:
    assert call("-v", "-C", "node1", passed_on="v").passed_on == ("-v",)


def test_the_key_file_is_told() -> None:
    assert call("-i", "key", "node1").key_file == "key"
    assert call("-i", "key", "node1").passed_on == ()


@pytest.mark.parametrize("words", [(), ("-v",), ("--",), ("-c", "aes128-ctr")])
def test_a_call_without_a_host_is_refused_as_in_oar_2(words: tuple[str, ...]) -> None:
    with pytest.raises(BadCall, match="cannot retrieve host") as refused:
        call(*words)
    assert refused.value.exit_code == 7


@pytest.mark.parametrize("words", [("-Z", "node1"), ("-\n", "node1"), ("--proxy", "node1"), ("-v-", "node1")])
def test_an_option_that_ssh_has_not_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(BadCall, match="no such option"):
        call(*words)


def test_an_option_without_its_value_is_refused() -> None:
    with pytest.raises(BadCall, match="-p needs a value"):
        call("-p")


def test_sftp_is_the_only_subsystem() -> None:
    assert call("-s", "--", "node1", "sftp").command == "internal-sftp"
    with pytest.raises(BadCall, match="no subsystem"):
        call("-s", "node1", "/bin/sh")


def test_what_is_dropped_can_be_told() -> None:
    assert list(describe_dropped(call("-A", "node1"))) == ["oarsh: option '-A' is not passed on"]


@pytest.mark.parametrize(("words", "wanted"), [((), None), (("-t",), True), (("-t", "-T"), False)])
def test_whether_a_terminal_is_wanted_is_told(words: tuple[str, ...], wanted: bool | None) -> None:
    assert call(*words, "node1").wants_terminal is wanted


@given(
    st.lists(st.text(max_size=8) | st.sampled_from(["-o", "-oProxyCommand=id", "--", "-F", "-v", "node1"]))
)
def test_whatever_is_typed_only_harmless_options_with_plain_values_pass(words: list[str]) -> None:
    try:
        found = call(*words, passed_on=SHIPPED.options)
    except BadCall:
        return
    for one in found.passed_on:
        assert one[0] == "-" and one[1] in HARMLESS
        assert not set(one) & set(" \t\n\0'\"`$;&|<>()\\/=*?")
