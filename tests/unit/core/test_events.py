import pytest

from oar.core.events import (
    CONSEQUENCES,
    Condemned,
    Consequence,
    Ended,
    EventKind,
    Resubmits,
    Suspects,
    asks_to_run_again,
    consequence_for,
    events_of_oarexec_code,
    is_order,
    signal_event,
)
from oar.core.job_life import JobSignal

CODES = [*range(9), 10, 12, 20, 22, 30, 31, 33, 34, 40, 41, 42, 50]
LAUNCH_ERRORS = [kind for kind, found in CONSEQUENCES.items() if found.suspects is Suspects.FIRST]


@pytest.mark.parametrize("kind", EventKind)
def test_the_word_of_an_event_fits_its_column(kind):
    assert len(kind) <= 50


def test_an_unknown_word_is_a_record():
    assert not is_order("SOMETHING_NEW")


def test_a_user_signal_has_an_event_of_its_own():
    assert signal_event(10) == "SIGNAL_10"


@pytest.mark.parametrize("code", CODES)
def test_every_end_of_oarexec_decides_about_its_job(code):
    decisive = [CONSEQUENCES[kind].job_signal for kind in events_of_oarexec_code(code) if is_order(kind)]
    assert decisive[0] in {JobSignal.TERMINATE, JobSignal.FAIL}


@pytest.mark.parametrize("code", [9, 61, 255])
def test_an_unforeseen_end_of_oarexec_has_an_event(code):
    assert events_of_oarexec_code(code) == (EventKind.EXIT_VALUE_OAREXEC,)


def test_a_killed_job_is_an_error_even_when_its_epilogue_failed_too():
    assert events_of_oarexec_code(4) == (EventKind.SWITCH_INTO_ERROR_STATE, EventKind.EPILOGUE_ERROR)


def test_a_reservation_with_resources_goes_on_without_the_nodes_that_failed():
    job = Condemned(reservation=True, assigned=True)
    found = consequence_for(EventKind.CPUSET_ERROR, job, with_cgroups=True)
    assert (found.job_signal, found.suspects) == (None, Suspects.LISTED)


def test_an_ordinary_job_ends_when_its_cgroups_cannot_be_made():
    found = consequence_for(EventKind.CPUSET_ERROR, Condemned(assigned=True), with_cgroups=True)
    assert (found.job_signal, found.resubmits) == (JobSignal.FAIL, Resubmits.YES)


@pytest.mark.parametrize("kind", LAUNCH_ERRORS)
def test_a_failure_on_a_frontend_says_nothing_about_nodes(kind):
    found = consequence_for(kind, Condemned(on_frontend=True), with_cgroups=True)
    assert (found.suspects, found.resubmits) == (Suspects.NOBODY, Resubmits.NO)


@pytest.mark.parametrize("kind", LAUNCH_ERRORS)
def test_a_copy_that_fails_like_its_original_condemns_no_further_node(kind):
    assert consequence_for(kind, Condemned(resubmission=True), True).suspects is Suspects.NOBODY


@pytest.mark.parametrize("job", [Condemned(interactive=True), Condemned(reservation=True)])
@pytest.mark.parametrize("kind", CONSEQUENCES)
def test_interactive_jobs_and_reservations_are_never_submitted_again(job, kind):
    assert consequence_for(kind, job, with_cgroups=True).resubmits is Resubmits.NO


@pytest.mark.parametrize(("with_cgroups", "suspects"), [(True, Suspects.NOBODY), (False, Suspects.ALL)])
def test_an_extermination_condemns_nodes_only_where_no_cgroup_was_cleaned(with_cgroups, suspects):
    assert consequence_for(EventKind.EXTERMINATE_JOB, Condemned(), with_cgroups).suspects is suspects


def test_only_programs_of_the_server_stop_the_queues():
    stopping = {kind for kind, found in CONSEQUENCES.items() if found.stops_queues}
    assert stopping == {kind for kind in EventKind if kind.startswith(("SERVER_PROLOGUE", "SERVER_EPILOGUE"))}


def test_a_wish_to_kill_changes_nothing_by_itself():
    assert CONSEQUENCES[EventKind.FRAG_JOB_REQUEST] == Consequence()


def test_m3_an_idempotent_job_with_status_99_asks_to_run_again():
    assert asks_to_run_again(Ended(idempotent=True, killed=False, exit_code=99 * 256, ran_s=90))


def test_an_evicted_idempotent_job_asks_to_run_again_whatever_became_of_it():
    assert asks_to_run_again(Ended(idempotent=True, killed=True, exit_code=9, ran_s=5, evicted=True))


@pytest.mark.parametrize(
    "job",
    [
        Ended(idempotent=False, killed=True, exit_code=9, ran_s=90, evicted=True),
        Ended(idempotent=False, killed=False, exit_code=99 * 256, ran_s=90),
        Ended(idempotent=True, killed=True, exit_code=99 * 256, ran_s=90),
        Ended(idempotent=True, killed=False, exit_code=0, ran_s=90),
        Ended(idempotent=True, killed=False, exit_code=99, ran_s=90),
        Ended(idempotent=True, killed=False, exit_code=None, ran_s=90),
        Ended(idempotent=True, killed=False, exit_code=99 * 256, ran_s=60),
    ],
)
def test_other_jobs_do_not_ask_to_run_again(job):
    assert not asks_to_run_again(job)
