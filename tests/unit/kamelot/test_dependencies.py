"""The dependency scenarios of the specification."""

from oar.core.job import JobId, NoRoom
from oar.kamelot import OVER, Rules
from tests.unit.kamelot.build import found, job, nodes_of_8, place, taken


def test_d1_a_job_starts_when_the_waiting_job_it_depends_on_has_ended() -> None:
    outcomes = place(nodes_of_8(), [job(1, ("node=1", 60)), job(2, ("node=1", 60), after=[1])])
    assert found(outcomes[2]) == (60, "1-8")


def test_twice_the_security_time_separates_a_job_from_its_dependency() -> None:
    jobs = [job(1, ("node=1", 60)), job(2, ("node=1", 60), after=[1])]
    assert found(place(nodes_of_8(), jobs, rules=Rules(security_time_s=10))[2]) == (80, "1-8")


def test_d2_d3_d4_a_job_that_has_ended_somehow_is_not_waited_for() -> None:
    outcomes = place(nodes_of_8(), [job(2, ("node=1", 60), after=[1])], ends={JobId(1): OVER})
    assert found(outcomes[2]) == (0, "1-8")


def test_d5_a_running_job_is_waited_for_until_its_end_and_twice_the_security_time() -> None:
    outcomes = place(
        nodes_of_8(),
        [job(2, ("node=1", 60), after=[1])],
        [taken(0, 509, "1-32", number=1)],
        rules=Rules(security_time_s=10),
        ends={JobId(1): 500},
    )
    assert found(outcomes[2]) == (520, "1-8")


def test_d6_a_job_whose_dependency_has_no_place_is_skipped_and_others_go_on() -> None:
    jobs = [job(1, ("node=9", 60)), job(2, ("node=1", 60), after=[1]), job(3, ("node=1", 60))]
    outcomes = place(nodes_of_8(), jobs)
    assert outcomes[2] == NoRoom(JobId(2), "depends on job 1, which has no planned start")
    assert found(outcomes[3]) == (0, "1-8")


def test_a_dependency_on_a_job_that_nobody_knows_is_told() -> None:
    outcomes = place(nodes_of_8(), [job(2, ("node=1", 60), after=[7])])
    assert outcomes[2] == NoRoom(JobId(2), "depends on job 7, which has no planned start")


def test_the_last_of_several_dependencies_counts() -> None:
    jobs = [job(1, ("node=1", 60)), job(2, ("node=1", 90)), job(3, ("node=1", 60), after=[2, 1])]
    assert found(place(nodes_of_8(), jobs)[3]) == (90, "1-8")


def test_a_dependency_ends_in_the_middle_of_a_hole() -> None:
    jobs = [job(1, ("cpu=1", 60)), job(2, ("node=1", 100)), job(3, ("node=1", 60), after=[1])]
    outcomes = place(nodes_of_8(), jobs)
    assert found(outcomes[3]) == (60, "1-8")
