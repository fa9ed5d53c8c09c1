"""The message of a job, which tools read."""

from oar.core.job_message import LONGEST, job_message


def test_an_ordinary_job_says_resources_walltime_and_kind() -> None:
    assert job_message(resources=4, walltime_s=7200) == "R=4,W=2:0:0,J=B"


def test_what_is_not_the_default_is_said_too() -> None:
    text = job_message(
        resources=1,
        walltime_s=90,
        kind="R",
        name="sim",
        queue="night",
        project="physics",
        types=("deploy", "inner=3"),
        comment="Karma=0.123",
    )
    assert text == "R=1,W=0:1:30,J=R,N=sim,Q=night,P=physics,T=deploy|inner=3 (Karma=0.123)"


def test_the_besteffort_queue_goes_without_saying() -> None:
    assert job_message(resources=1, walltime_s=60, queue="besteffort") == "R=1,W=0:1:0,J=B"


def test_a_long_message_is_cut_to_what_the_column_holds() -> None:
    assert len(job_message(resources=1, walltime_s=60, comment="x" * 300)) == LONGEST
