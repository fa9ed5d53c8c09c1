"""The rules that every submission passes."""

from dataclasses import replace

import pytest

from oar.settings import SubmissionSettings
from oar.submit.admission import AdmissionRefused, Author, Draft, admit, both
from oar.submit.parameters import Submission, Wishes, check

WALLTIME_LINE = "[ADMISSION RULE] Set default walltime to 7200."
TYPE_LINE = "[ADMISSION RULE] Modify resource description with type constraints"


def draft(**wishes: object) -> Draft:
    asked = replace(Wishes(), **wishes)  # type: ignore[arg-type] # the tests give each field its own type
    settings = SubmissionSettings()
    submission = check(asked, "true", None, settings, directory="/", initial_request="")
    return Draft(submission, Author("alice"), settings)


def passed(**wishes: object) -> Submission:
    return admit(draft(**wishes))[0].submission


def filters(submission: Submission) -> list[str]:
    return [group.filter for one in submission.alternatives for group in one.request.groups]


def test_an_ordinary_submission_is_told_what_oar_2_tells() -> None:
    assert admit(draft(resources=("nodes=1",)))[1] == (WALLTIME_LINE, TYPE_LINE)


def test_a_submission_that_says_everything_is_told_nothing() -> None:
    assert admit(draft(resources=("{type = 'default'}/nodes=1,walltime=1",)))[1] == ()


def test_who_runs_the_place_submits_nothing() -> None:
    root = replace(draft(), author=Author("root", may_submit=False))
    with pytest.raises(AdmissionRefused, match="root and oar users are not allowed to submit jobs"):
        admit(root)


def test_without_a_queue_the_default_one_is_taken() -> None:
    assert passed().queue == "default"


def test_each_alternative_without_a_walltime_gets_one() -> None:
    submission = passed(resources=("core=1", "core=2,walltime=1"))
    assert [one.walltime_s for one in submission.alternatives] == [7200, 3600]


def test_groups_that_do_not_name_a_type_get_ordinary_resources() -> None:
    submission = passed(resources=("core=1+{a = 1 or b = 2}/core=1+{type = 'licence'}/resource_id=1",))
    assert filters(submission) == [
        "type = 'default'",
        "(a = 1 or b = 2) AND type = 'default'",
        "type = 'licence'",
    ]


def test_a_column_with_type_in_its_name_is_no_type() -> None:
    assert filters(passed(resources=("{gputype = 'v100'}/core=1",))) == [
        "(gputype = 'v100') AND type = 'default'"
    ]


def test_drained_resources_are_left_out_of_the_plan() -> None:
    assert admit(draft(property="a = 1 or b = 2"))[0].properties == "(a = 1 or b = 2) AND drain='NO'"


def test_drained_resources_do_not_make_a_request_impossible() -> None:
    assert passed(property="a = 1").properties == "a = 1"


def test_the_type_besteffort_leads_to_the_queue() -> None:
    assert passed(types=("besteffort",), queue="default").queue == "besteffort"


def test_the_queue_besteffort_brings_the_type() -> None:
    assert passed(queue="besteffort").types == ("besteffort",)


def test_besteffort_jobs_stay_on_resources_that_allow_them() -> None:
    assert passed(queue="besteffort", property="a = 1").properties == "(a = 1) AND besteffort = 'YES'"


def test_the_user_is_told_about_besteffort() -> None:
    assert admit(draft(types=("besteffort",)))[1][:2] == (
        "[ADMISSION RULE] Automatically redirect in the besteffort queue",
        "[ADMISSION RULE] Automatically add the besteffort constraint on the resources",
    )


@pytest.mark.parametrize("name", ["state", "available_upto", "drain", "STATE"])
def test_system_properties_are_no_levels(name: str) -> None:
    with pytest.raises(AdmissionRefused, match=rf"'{name.lower()}' resource is not allowed"):
        passed(resources=(f"{name}=1",))


def test_a_type_that_means_nothing_here_is_refused_in_oar_2_s_words() -> None:
    words = r"\[ADMISSION RULE\] Error: unknown job type: deplay; known: besteffort, idempotent"
    with pytest.raises(AdmissionRefused, match=words):
        passed(types=("deplay",))


@pytest.mark.parametrize("word", ["deploy", "deploy=standby"])
def test_nodes_are_installed_anew_only_where_that_is_allowed(word: str) -> None:
    asked = draft(types=(word,), resources=("nodes=1,walltime=1",), property="a = 1 OR b = 2")
    admitted, said = admit(asked)
    assert admitted.submission.properties == "(a = 1 OR b = 2) AND deploy = 'YES'"
    assert "[ADMISSION RULE] Automatically add the deploy constraint on the resources" in said


def test_a_part_of_a_node_is_not_installed_anew() -> None:
    words = r"\[ADMISSION RULE\] 'core' resource is not allowed with a deploy job"
    with pytest.raises(AdmissionRefused, match=words):
        passed(types=("deploy",), resources=("nodes=1/core=1",))


def test_another_system_may_have_any_nodes() -> None:
    assert "deploy" not in passed(types=("cosystem",), resources=("nodes=1,walltime=1",)).properties


def test_types_with_values_are_kept_as_they_were_given() -> None:
    types = ("timesharing=user,*", "deadline=2030-01-31 08:30:00", "inner=box")
    assert passed(types=types).types == types


def test_the_admin_queue_is_for_administrators() -> None:
    with pytest.raises(AdmissionRefused, match="admin queue"):
        passed(queue="admin")


def test_an_administrator_may_use_the_admin_queue() -> None:
    asked = replace(draft(queue="admin"), author=Author("root", may_administer=True))
    assert admit(asked)[0].submission.queue == "admin"


def test_a_refusal_ends_the_command_as_in_oar_2() -> None:
    assert AdmissionRefused.exit_code == 254


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [("", "", ""), ("a", "", "a"), ("", "b", "b"), ("a or c", "b", "(a or c) AND b")],
)
def test_conditions_are_joined_so_that_neither_escapes(one: str, other: str, joined: str) -> None:
    assert both(one, other) == joined


def test_a_user_cannot_leave_the_quotas() -> None:
    admitted, said = admit(draft(types=("no_quotas", "idempotent")))
    assert admitted.submission.types == ("idempotent",)
    assert "The type no_quotas is for administrators; it is left out" in said[0]


def test_an_administrator_can_leave_the_quotas() -> None:
    asked = replace(draft(types=("no_quotas",)), author=Author("boss", may_administer=True))
    assert admit(asked)[0].submission.types == ("no_quotas",)


def test_no_quota_limits_the_queue_admin() -> None:
    asked = replace(draft(queue="admin"), author=Author("boss", may_administer=True))
    assert admit(asked)[0].submission.types == ("no_quotas",)
