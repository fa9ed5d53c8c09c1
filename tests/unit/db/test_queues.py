import pytest

from oar.db.queues import BadQueue, check_queue


@pytest.mark.parametrize("name", ["", "two words", "a,b", "a\nb", "x" * 101])
def test_a_name_that_commands_could_not_read_back_is_refused(name):
    with pytest.raises(BadQueue):
        check_queue(name, 1, "kamelot")


def test_a_priority_beyond_32_bits_is_refused():
    with pytest.raises(BadQueue):
        check_queue("long", 2**31, "kamelot")


@pytest.mark.parametrize("policy", ["x" * 101, "rm -rf /", "kame\nlot"])
def test_a_policy_that_names_no_scheduler_is_refused(policy):
    with pytest.raises(BadQueue):
        check_queue("long", 1, policy)
