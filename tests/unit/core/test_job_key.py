"""What may be asked about job keys, and that they are shown to nobody."""

import pytest

from oar.core.job_key import (
    HIDDEN,
    BadKey,
    JobKey,
    KeyMisuse,
    KeyWish,
    hide_key_of_directive,
    hide_keys,
    key_wish,
    public_part,
    ssh_keys,
)

PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----"


def wish(**asked: object) -> KeyWish | None:
    given = {"use": False, "from_file": None, "inline": None, "export_to": None, **asked}
    return key_wish(**given)  # type: ignore[arg-type] # the tests give each its own type


def test_a_job_has_no_key_unless_it_is_asked_for() -> None:
    assert wish() is None
    assert wish(use=True) == KeyWish()


@pytest.mark.parametrize("asked", [{"from_file": "k"}, {"inline": "k"}, {"export_to": "k"}])
def test_other_options_about_keys_need_k_as_in_oar_2(asked: dict[str, str]) -> None:
    with pytest.raises(KeyMisuse, match="You must set the --use-job-key") as refused:
        wish(**asked)
    assert refused.value.exit_code == 8


def test_there_is_one_key() -> None:
    with pytest.raises(KeyMisuse, match="exclude each other"):
        wish(use=True, from_file="a", inline="b")


@pytest.mark.parametrize(
    "line", ["ssh-dss AAAA x", "sk-ssh-ed25519 AAAA", "", "ssh-ed25519", "ssh-rsa \nAAAA"]
)
def test_a_key_of_another_kind_is_refused(line: str) -> None:
    with pytest.raises(BadKey):
        public_part(line)


def test_the_comment_of_a_key_is_left_out() -> None:
    assert public_part("ssh-rsa AAAA+/= alice@home\n") == "ssh-rsa AAAA+/="


@pytest.mark.parametrize("option", ["--import-job-key-inline", "--import-job-key-inline-priv"])
def test_a_key_on_the_command_line_is_not_kept(option: str) -> None:
    assert hide_keys(["-k", option, PRIVATE, "true"]) == ["-k", option, HIDDEN, "true"]
    assert hide_keys(["-k", f"{option}={PRIVATE}", "true"]) == ["-k", f"{option}={HIDDEN}", "true"]
    assert PRIVATE not in hide_key_of_directive(f"#OAR {option} {PRIVATE}")
    assert PRIVATE not in hide_key_of_directive(f"#OAR   {option}={PRIVATE}")


def test_other_arguments_are_kept() -> None:
    words = ["-k", "-e", "file", "-l", "nodes=1"]
    assert hide_keys(words) == words
    assert hide_key_of_directive("#OAR -k") == "#OAR -k"


def test_a_key_does_not_show_its_private_half() -> None:
    assert PRIVATE not in repr(JobKey(PRIVATE, "ssh-rsa A")) + repr(KeyWish(inline=PRIVATE))


def test_nodes_are_told_a_key_in_oar_2_s_words() -> None:
    told = ssh_keys(JobKey("private", "ssh-rsa A comment"), "/var/lib/oar/alice_1.jobkey")
    assert told["public"] == {"file_name": ".ssh/authorized_keys", "key": "ssh-rsa A"}
    assert told["private"] == {"file_name": "/var/lib/oar/alice_1.jobkey", "key": "private"}
