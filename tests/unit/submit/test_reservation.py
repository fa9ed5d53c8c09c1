"""The dates of ``oarsub -r``, and what else goes with them."""

from dataclasses import replace
from datetime import datetime

import pytest

from oar.core.durations import parse_date
from oar.settings import SubmissionSettings
from oar.submit.admission import AdmissionRefused, Author, Draft, admit
from oar.submit.parameters import Submission, Wishes, check
from oar.submit.reservation import BadReservation, ReservedFor, parse_reservation

NOW = int(datetime(2030, 5, 17, 14, 0, 0).timestamp())


def read(text: str) -> ReservedFor:
    return parse_reservation(text, NOW)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2030-06-01 08:30:15", "2030-06-01 08:30:15"),
        ("2030-06-01 08:30", "2030-06-01 08:30:00"),
        ("2030-06-01 8", "2030-06-01 08:00:00"),
        ("2030-06-01", "2030-06-01 00:00:00"),
        ("16:20:05", "2030-05-17 16:20:05"),
        ("16:20", "2030-05-17 16:20:00"),
        ("16", "2030-05-17 16:00:00"),
        (" 16 ", "2030-05-17 16:00:00"),
    ],
)
def test_a_start_is_a_date_or_a_time_of_today(text: str, date: str) -> None:
    assert read(text) == ReservedFor(parse_date(date))


def test_now_is_the_date_of_the_registration() -> None:
    assert read("now") == ReservedFor(NOW, None, at_once=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2030-06-01 08:00:00,2030-06-01 10:30:00", 9000),
        ("2030-06-01 08:00:00, 10:30", 9000),
        ("2030-06-01 22:00, 2", 4 * 3600),
        ("2030-06-01 22:00, 22:00", 24 * 3600),
        ("now, 15:00", 3600),
        ("16, 18", 7200),
    ],
)
def test_an_end_is_a_date_or_the_next_such_time_after_the_start(text: str, seconds: int) -> None:
    assert read(text).walltime_s == seconds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the start, '', is no date"),
        ("soon", "the start, 'soon', is no date; write YYYY-MM-DD hh:mm:ss"),
        ("2030-02-30", "the start, '2030-02-30', is no date"),
        ("25:00", "is no date"),
        ("16,", "the end, '', is no date"),
        ("16, now", "the end, 'now', is no date"),
        ("16, 17, 18", "the end, '17, 18', is no date"),
        ("2030-06-01 08:00,2030-06-01 07:00", "the end, 2030-06-01 07:00:00, is not after the start"),
        ("9999-01-01", "is too far; the last date is"),
        ("2030-06-01, 9999-01-01", "is too far"),
    ],
)
def test_dates_that_mean_nothing_are_refused(text: str, told: str) -> None:
    with pytest.raises(BadReservation) as caught:
        read(text)
    assert told in str(caught.value)
    assert str(caught.value).startswith("-r: ")
    assert caught.value.exit_code == 7


def asked(command: str = "true", **wishes: object) -> Submission:
    return check(
        replace(Wishes(reservation="16, 18"), **wishes),  # type: ignore[arg-type] # each test knows its fields
        command,
        None,
        SubmissionSettings(),
        directory="/home/alice",
        initial_request="oarsub -r",
        now=NOW,
    )


def test_an_end_gives_the_walltime_of_requests_without_one() -> None:
    one, other = asked(resources=("nodes=1", "nodes=2,walltime=1")).alternatives
    assert (one.walltime_s, other.walltime_s) == (7200, 3600)


def test_an_end_gives_the_walltime_where_nothing_is_asked_for() -> None:
    assert asked().alternatives[0].walltime_s == 7200


@pytest.mark.parametrize(("resources", "warned"), [(("nodes=1,walltime=1",), True), (("nodes=1",), False)])
def test_an_end_that_is_ignored_is_a_warning(resources: tuple[str, ...], warned: bool) -> None:
    assert any("end date is ignored" in one for one in asked(resources=resources).warnings) is warned


def test_a_reservation_needs_no_command() -> None:
    assert asked("").commands == ("",)


@pytest.mark.parametrize(
    ("wishes", "told"),
    [({"interactive": True}, "-I"), ({"hold": True}, "--hold"), ({"anterior": (5,)}, "-a")],
)
def test_what_excludes_a_reservation_is_refused(wishes: dict[str, object], told: str) -> None:
    with pytest.raises(BadReservation) as caught:
        asked(**wishes)
    assert told in str(caught.value)


def admitted(submission: Submission, **author: bool) -> tuple[Draft, tuple[str, ...]]:
    return admit(Draft(submission, Author("alice", **author), SubmissionSettings()))


@pytest.mark.parametrize("wishes", [{"types": ("besteffort",)}, {"queue": "besteffort"}])
def test_a_besteffort_reservation_is_refused(wishes: dict[str, object]) -> None:
    with pytest.raises(AdmissionRefused) as caught:
        admitted(asked(**wishes))
    assert "both be of type besteffort and be a reservation" in str(caught.value)


def test_who_may_have_any_number_of_reservations_is_told_so() -> None:
    _, lines = admitted(asked(), has_no_reservation_limit=True)
    assert "[ADMISSION RULE] alice is granted the privilege to do unlimited reservations" in lines


def test_the_default_walltime_is_for_reservations_without_an_end_only() -> None:
    draft, lines = admitted(asked(reservation="16"))
    assert draft.submission.alternatives[0].walltime_s == SubmissionSettings().default_walltime_s
    assert any("default walltime" in line for line in lines)
    assert not any("default walltime" in line for line in admitted(asked())[1])
