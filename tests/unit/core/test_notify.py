"""What users want to be told, and how."""

import pytest

from oar.core.effects import Effect
from oar.core.job_life import MOVES, Move
from oar.core.notify import BadNotify, InsecureProgram, Notify, Tag, parse_notify, tag_of

ALL = frozenset(Tag)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail:ann@example.org", Notify(ALL, ("ann@example.org",))),
        ("mail:ann", Notify(ALL, ("ann",))),
        (" mail : ann@a.org, bob@b.org ", Notify(ALL, ("ann@a.org", "bob@b.org"))),
        ("[END]mail:ann", Notify(frozenset({Tag.END}), ("ann",))),
        ("[ end , Error ] mail:ann", Notify(frozenset({Tag.END, Tag.ERROR}), ("ann",))),
        ("exec:/bin/told.sh", Notify(ALL, program=("/bin/told.sh",))),
        (
            "[INFO]exec:/bin/told.sh a  b-c",
            Notify(frozenset({Tag.INFO}), program=("/bin/told.sh", "a", "b-c")),
        ),
    ],
)
def test_a_wish_says_when_and_how(text: str, expected: Notify) -> None:
    assert parse_notify(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither mail:ADDRESS nor exec:PROGRAM"),
        ("mail:", "neither mail:ADDRESS"),
        ("post:ann", "neither mail:ADDRESS"),
        ("[END mail:ann", "neither mail:ADDRESS"),
        ("[STOP]mail:ann", "'STOP' is none of RUNNING, END"),
        ("[]mail:ann", "'' is none of"),
        ("mail:ann,,bob", "'' is no address"),
        ("mail:ann\nBcc: all", "is no address"),
        ("mail:a b@c", "'a b@c' is no address"),
        ("mail:" + "a" * 300, "longer than 255"),
    ],
)
def test_what_is_no_wish_is_told_so(text: str, words: str) -> None:
    with pytest.raises(BadNotify, match=words.replace("[", "\\[")):
        parse_notify(text)


@pytest.mark.parametrize(
    "program", ["told.sh", "/bin/echo $HOME", "/bin/a;b", "/bin/a `b`", "/bin/a 'b'", "-x /a"]
)
def test_a_program_has_a_full_path_and_nothing_that_a_shell_would_read(program: str) -> None:
    with pytest.raises(InsecureProgram):
        parse_notify(f"exec:{program}")


@pytest.mark.parametrize("move", sorted(set(MOVES.values()), key=repr), ids=lambda move: move.to.value)
def test_users_are_told_of_the_states_whose_moves_ask_for_it(move: Move) -> None:
    assert (tag_of(move.to) is not None) == (Effect.TELL_USER in move.effects)
