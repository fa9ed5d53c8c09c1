"""The example of an admission rule on the page of plugins works as it stands there."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from oar.settings import SubmissionSettings
from oar.submit.admission import AdmissionRefused, Author, Draft, admit
from oar.submit.parameters import Wishes, check
from oar.submit.site_rules import site_rules

PAGE = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text()


def admitted(folder: Path, walltime: str, group: str) -> tuple[str | None, Sequence[str]]:
    """Submit a job past the rule of the page; say in which queue it is, and what was said."""
    codes = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    folder.joinpath("20_short.py").write_text(next(code for code in codes if "def rule(" in code))
    settings = SubmissionSettings(admission_folder=str(folder))
    wishes = Wishes(resources=(f"nodes=1,walltime={walltime}",))
    job = check(wishes, "true", None, settings, directory="/home/alice", initial_request="oarsub true")
    draft, lines = admit(Draft(job, Author("alice", group), settings), site_rules(settings))
    return draft.submission.queue, lines


def test_a_short_job_goes_to_the_queue_short(tmp_path: Path) -> None:
    queue, lines = admitted(tmp_path, "1", "users")
    assert queue == "short"
    assert "[ADMISSION RULE] Short jobs go to the queue short" in lines


def test_a_long_job_stays_where_it_is(tmp_path: Path) -> None:
    assert admitted(tmp_path, "1:0:1", "users")[0] == "default"


def test_a_guest_has_no_long_job(tmp_path: Path) -> None:
    with pytest.raises(AdmissionRefused, match="guests may have jobs of one hour at most"):
        admitted(tmp_path, "2", "guests")
