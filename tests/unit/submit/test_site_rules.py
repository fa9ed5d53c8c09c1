"""Rules that a site wrote itself, in files and packages."""

from pathlib import Path

import pytest

from oar.settings import SubmissionSettings
from oar.submit.admission import AdmissionRefused, Author, Draft, admit
from oar.submit.parameters import Wishes, check
from oar.submit.site_rules import BadRule, site_rules

HEAD = "from dataclasses import replace\nfrom oar.submit.site_rules import Answer, Refused\n"


def write(folder: Path, name: str, *lines: str) -> None:
    folder.joinpath(name).write_text(
        HEAD + "def rule(job, author):\n" + "".join(f"    {one}\n" for one in lines)
    )


def passed(folder: Path, plugins: tuple[str, ...] = (), **wishes):
    settings = SubmissionSettings(admission_folder=str(folder), admission_plugins=plugins)
    job = check(
        Wishes(**wishes), "true", None, settings, directory="/home/alice", initial_request="oarsub true"
    )
    return admit(Draft(job, Author("alice", "users"), settings), site_rules(settings))


def test_without_a_folder_there_are_no_rules():
    assert site_rules(SubmissionSettings()) == []


def test_a_rule_changes_the_job(tmp_path):
    write(tmp_path, "10_project.py", "return replace(job, project=author.group)")
    assert passed(tmp_path)[0].submission.project == "users"


def test_a_rule_that_returns_nothing_changes_nothing(tmp_path):
    write(tmp_path, "10_look.py", "job.name")
    (tmp_path / "empty").mkdir()
    assert passed(tmp_path)[0].submission == passed(tmp_path / "empty")[0].submission


def test_a_rule_sees_the_queue_and_the_walltime_that_the_job_will_have(tmp_path):
    write(tmp_path, "10_look.py", "raise Refused(f'{job.queue} {job.alternatives[0].walltime_s}')")
    with pytest.raises(AdmissionRefused, match="default 7200"):
        passed(tmp_path)


def test_a_rule_refuses_with_its_words(tmp_path):
    write(tmp_path, "10_no.py", "raise Refused('Error: not today')")
    with pytest.raises(AdmissionRefused, match=r"^\[ADMISSION RULE\] Error: not today$"):
        passed(tmp_path)


def test_a_rule_tells_the_user_what_it_did(tmp_path):
    write(tmp_path, "10_say.py", "return Answer(replace(job, name='x'), said=('It is called x',))")
    draft, lines = passed(tmp_path)
    assert draft.submission.name == "x"
    assert "[ADMISSION RULE] It is called x" in lines


def test_a_rule_gives_a_condition_that_is_not_checked_at_submission(tmp_path):
    write(tmp_path, "10_rack.py", "return Answer(job, unchecked_properties=\"rack <> 'broken'\")")
    draft, _ = passed(tmp_path)
    assert "rack <> 'broken'" in draft.properties
    assert "rack" not in draft.submission.properties


def test_rules_are_asked_in_the_order_of_their_numbers(tmp_path):
    write(tmp_path, "100_last.py", "return replace(job, name=job.name + 'b')")
    write(tmp_path, "11_first.py", "return replace(job, name='a')")
    assert passed(tmp_path)[0].submission.name == "ab"


@pytest.mark.parametrize("name", ["OFF_10_no.py", "10_no.py.bak", "no.py", "10_no"])
def test_files_of_other_names_are_no_rules(tmp_path, name):
    write(tmp_path, name, "raise Refused('no')")
    passed(tmp_path)


def test_a_type_of_the_site_may_be_taken_by_its_rule_before_types_are_checked(tmp_path):
    write(
        tmp_path,
        "10_sandy.py",
        "kept = tuple(one for one in job.types if one != 'sandy')",
        "return replace(job, types=kept, properties=\"cputype = 'sandybridge'\")",
    )
    draft, _ = passed(tmp_path, types=("sandy",))
    assert (draft.submission.types, draft.submission.properties) == ((), "cputype = 'sandybridge'")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("return job.speed", "10_bad.py of this site failed, tell its administrator: AttributeError"),
        ("return 'default'", "it returned str, neither a submission, an Answer nor None"),
        ("raise SystemExit(3)", "failed, tell its administrator: SystemExit"),
        ("return replace(job, types=('unheard',))", "unknown job type: unheard"),
    ],
)
def test_a_rule_that_fails_refuses_and_is_named(tmp_path, line, words):
    write(tmp_path, "10_bad.py", line)
    with pytest.raises(AdmissionRefused, match=words):
        passed(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [("def rule(:", "cannot be read, SyntaxError"), ("x = 1", r"defines no function rule\(job, author\)")],
)
def test_a_file_that_is_no_rule_is_named(tmp_path, text, words):
    (tmp_path / "10_bad.py").write_text(text)
    with pytest.raises(BadRule, match=f"10_bad.py: it {words}"):
        passed(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadRule, match=r'ADMISSION_RULES_PATH=".*/none": No such file'):
        passed(tmp_path / "none")


def install(folder: Path, code: str) -> None:
    """Install a package that brings the rule ``site_rule``."""
    folder.joinpath("our_site_rules.py").write_text(HEAD + code)
    info = folder / "our_site-1.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: our-site\nVersion: 1\n")
    info.joinpath("entry_points.txt").write_text(
        "[oar.admission_rule]\nsite_rule = our_site_rules:site_rule\n"
    )


def test_a_rule_of_a_package_is_asked_before_the_files(tmp_path, monkeypatch):
    install(tmp_path, "def site_rule(job, author):\n    return replace(job, name='a')\n")
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path, "10_more.py", "return replace(job, name=job.name + 'b')")
    assert passed(tmp_path, ("site_rule",))[0].submission.name == "ab"


def test_a_package_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadRule, match='ADMISSION_PLUGINS="none": there is no such rule; installed: '):
        passed(tmp_path, ("none",))
