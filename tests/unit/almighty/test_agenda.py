from oar.almighty.agenda import Agenda, Duty, Rhythm
from oar.core.messages import Hint

RHYTHM = Rhythm(after_event=0.1, between_rounds=0.0, safety_round=60.0, times=1.0)


def quiet_agenda(rhythm: Rhythm = RHYTHM, now: float = 100.0) -> Agenda:
    """An agenda whose first duties are all done at ``now``."""
    agenda = Agenda(rhythm, now - 1)
    while due := agenda.take(now):  # the round wakes the talk to clients
        for duty in due:
            agenda.finish(duty, now)
    return agenda


def test_everything_is_due_at_the_start_but_the_nodes_that_have_not_been_left_alone_for_long():
    assert set(Agenda(RHYTHM, 100.0).take(100.0)) == set(Duty) - {Duty.NODE_CHECK}


def test_nodes_are_checked_at_their_period():
    agenda = quiet_agenda(Rhythm(node_checks=30.0))
    assert Duty.NODE_CHECK not in agenda.take(128.9)
    assert Duty.NODE_CHECK in agenda.take(130.0)
    agenda.finish(Duty.NODE_CHECK, 140.0)
    assert Duty.NODE_CHECK not in agenda.take(169.9)
    assert Duty.NODE_CHECK in agenda.take(170.0)


def test_nodes_are_never_checked_by_themselves_with_a_frequency_of_0():
    agenda = quiet_agenda(Rhythm(node_checks=0.0))
    assert Duty.NODE_CHECK not in agenda.take(1e9)
    agenda.hear(Hint.CHECK_NODES, 1e9)
    assert Duty.NODE_CHECK in agenda.take(1e9)


def test_a_round_follows_a_submission_by_the_delay():
    agenda = quiet_agenda()
    agenda.hear(Hint.SUBMITTED, 100.0)
    assert Duty.ROUND not in agenda.take(100.05)
    assert Duty.ROUND in agenda.take(100.11)


def test_clients_are_told_after_each_round():
    agenda = quiet_agenda()
    agenda.hear(Hint.SUBMITTED, 100.0)
    agenda.take(100.2)
    assert Duty.CLIENTS not in agenda.take(100.3)
    agenda.finish(Duty.ROUND, 100.4)
    assert agenda.take(100.4) == (Duty.CLIENTS,)


def test_submissions_in_between_are_merged_and_do_not_push_the_round_back():
    agenda = quiet_agenda()
    for moment in (100.0, 100.03, 100.09):
        agenda.hear(Hint.SUBMITTED, moment)
    assert agenda.take(100.11) == (Duty.ROUND,)
    agenda.finish(Duty.ROUND, 100.2)
    assert Duty.ROUND not in agenda.take(101.1)


def test_what_arrives_during_a_round_gives_one_more_round_after_it():
    agenda = quiet_agenda()
    agenda.hear(Hint.SUBMITTED, 100.0)
    agenda.take(100.11)
    agenda.hear(Hint.SUBMITTED, 100.2)
    assert Duty.ROUND not in agenda.take(100.9)
    agenda.finish(Duty.ROUND, 100.95)
    assert Duty.ROUND in agenda.take(100.95)


def test_a_round_comes_after_a_minute_of_silence():
    agenda = quiet_agenda()
    assert Duty.ROUND not in agenda.take(159.0)
    assert Duty.ROUND in agenda.take(160.1)


def test_the_configured_time_between_rounds_counts_from_the_end_of_the_last():
    agenda = quiet_agenda(Rhythm(between_rounds=5.0))
    agenda.hear(Hint.SUBMITTED, 100.5)
    assert Duty.ROUND not in agenda.take(104.9)
    assert Duty.ROUND in agenda.take(105.0)


def test_a_kill_is_due_at_once_even_during_a_round():
    agenda = quiet_agenda()
    agenda.hear(Hint.SUBMITTED, 100.0)
    agenda.take(100.11)
    agenda.hear(Hint.KILL_ASKED, 100.12)
    assert Duty.KILLS in agenda.take(100.12)


def test_a_kill_asked_while_kills_are_carried_out_is_not_forgotten():
    agenda = quiet_agenda()
    agenda.hear(Hint.KILL_ASKED, 100.0)
    agenda.take(100.0)
    agenda.hear(Hint.KILL_ASKED, 100.1)
    agenda.finish(Duty.KILLS, 100.2)
    assert agenda.take(100.2) == (Duty.KILLS,)


def test_times_energy_saving_and_news_are_looked_at_every_second():
    agenda = quiet_agenda()
    assert agenda.take(100.9) == ()
    assert agenda.take(101.0) == (Duty.TIMES, Duty.ENERGY, Duty.NEWS)


def test_a_changed_state_wakes_the_node_states():
    agenda = quiet_agenda()
    agenda.hear(Hint.STATE_CHANGED, 100.0)
    assert agenda.take(100.0) == (Duty.NODE_STATES,)


def test_a_failed_round_waits_whatever_arrives():
    agenda = quiet_agenda()
    agenda.hear(Hint.SUBMITTED, 100.0)
    agenda.take(100.11)
    agenda.retry(Duty.ROUND, 101.0, after=4.0)
    agenda.hear(Hint.SUBMITTED, 101.5)
    assert Duty.ROUND not in agenda.take(104.9)
    assert Duty.ROUND in agenda.take(105.0)


def test_the_next_date_is_that_of_the_earliest_duty():
    agenda = quiet_agenda()
    assert agenda.next_date() == 101.0
    agenda.hear(Hint.SUBMITTED, 100.2)
    assert agenda.next_date() == 100.2 + 0.1


def test_there_is_no_next_date_while_all_that_is_wanted_runs():
    agenda = Agenda(Rhythm(node_checks=0.0), 100.0)
    agenda.take(100.0)
    assert agenda.next_date() is None
