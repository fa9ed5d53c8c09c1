"""Jobs from the command line to their end: what they see, what they leave, how they are told."""

from tests.acceptance.site import Site


def test_a_job_runs_and_leaves_its_output_and_its_exit_code(site: Site) -> None:
    job = site.submit("-l", "core=1", "echo out; echo err >&2; exit 3")
    assert site.until_ended(job)[0].state == "Terminated"
    assert site.job(job).exit_code == 3 << 8
    assert site.read(f"OAR.{job}.stdout") == "out\n"
    assert site.read(f"OAR.{job}.stderr") == "err\n"
    full = site.output("oarstat", "-fj", str(job))
    assert "exit_code = 768 (3,0,0)" in full
    assert "state = Terminated" in full
