"""Jobs from the command line to their end: what they see, what they leave, how they are told."""

import pytest

from tests.acceptance.site import Site

ENVIRONMENT = """
OAR_ARRAYID={job} OAR_ARRAY_ID={job} OAR_ARRAYINDEX=1 OAR_ARRAY_INDEX=1 OAR_JOBID={job} OAR_JOB_ID={job}
OAR_JOB_NAME=scripted OAR_PROJECT_NAME=prj OAR_USER={user} OAR_JOB_WALLTIME=0:2:0 OAR_JOB_WALLTIME_SECONDS=120
OAR_STDOUT=out.{job}.log OAR_STDERR=err.{job}.log OAR_WORKDIR={place} OAR_WORKING_DIRECTORY={place}
OAR_O_WORKDIR={place} USER={user} LOGNAME={user}
"""
CPUSETS = """
SELECT cpuset FROM resources JOIN assigned_resources a USING (resource_id)
JOIN moldable_job_descriptions m ON moldable_id = a.moldable_job_id WHERE m.moldable_job_id = :id
"""


@pytest.mark.parametrize(("command", "status"), [("true", 0), ("exit 3", 3 << 8), ("kill -9 $$", 9)])
def test_a_job_ends_with_the_wait_status_of_its_command(site: Site, command: str, status: int) -> None:
    job = site.submit("-l", "core=1", command)
    assert site.until_terminated(job)[0].exit_code == status
    full = site.output("oarstat", "-fj", str(job)).splitlines()
    assert f"Job_Id: {job}" in full
    assert "    state = Terminated" in full
    assert f"    exit_code = {status} ({status >> 8},{status & 127},0)" in full


def test_a_job_writes_its_output_where_it_was_submitted(site: Site) -> None:
    job = site.submit("-n", "talk", "echo out; echo err >&2")
    site.until_terminated(job)
    assert site.read(f"OAR.talk.{job}.stdout") == "out\n"
    assert site.read(f"OAR.talk.{job}.stderr") == "err\n"


def test_a_job_runs_as_its_user_in_its_directory_with_the_environment_of_oar(site: Site) -> None:
    place = site.home / "place"
    if not place.exists():
        site.output("mkdir", "place")
    options = ["-n", "scripted", "--project", "prj", "-d", str(place), "-l", "core=1,walltime=0:2:0"]
    job = site.submit(*options, "-O", "out.%jobid%.log", "-E", "err.%jobid%.log", "id -un; pwd; env")
    site.until_terminated(job)
    user = site.value("SELECT job_user FROM jobs WHERE job_id = :id", id=job)
    lines = site.read(f"place/out.{job}.log").splitlines()
    assert lines[:2] == [site.output("id", "-un").strip(), str(place)]
    assert set(ENVIRONMENT.format(job=job, user=user, place=place).split()) <= set(lines)
    assert site.read(f"place/err.{job}.log") == ""


def test_the_submission_environment_stays_behind(site: Site) -> None:
    said = site.output("env", "SECRET_WORD=xyzzy", "oarsub", "env")
    job = int(said.rpartition("OAR_JOB_ID=")[2].split()[0])
    site.until_terminated(job)
    assert "SECRET_WORD" not in site.read(f"OAR.{job}.stdout")


def test_the_node_file_names_a_node_for_each_resource(site: Site) -> None:
    job = site.submit("-l", "nodes=2", "sort $OAR_NODEFILE; cmp $OAR_NODEFILE $OAR_FILE_NODES")
    site.until_terminated(job)
    names = site.read(f"OAR.{job}.stdout").split()
    assert names == sorted(2 * list(site.nodes_of(job)))
    assert len(set(names)) == 2


@pytest.mark.bed("namespaces")
def test_a_job_is_in_its_own_cgroup_with_the_cpus_it_was_given(site: Site) -> None:
    look = "grep cpuset /proc/self/cgroup || cat /proc/self/cgroup; grep Cpus_allowed_list /proc/self/status"
    jobs = site.submit_all("-l", "core=1", "--array", "2", look)
    site.until_terminated(*jobs)
    for job in jobs:
        (cpuset,) = site.rows(CPUSETS, id=job)
        group, allowed = site.read(f"OAR.{job}.stdout").splitlines()
        assert group.endswith(f":/oar/alice_{job}")
        assert allowed.split() == ["Cpus_allowed_list:", cpuset[0]]


def test_each_job_of_an_array_knows_its_index(site: Site) -> None:
    jobs = site.submit_all("-l", "core=1", "--array", "3", "echo $OAR_ARRAY_INDEX of $OAR_ARRAY_ID")
    site.until_terminated(*jobs)
    said = [site.read(f"OAR.{job}.stdout") for job in jobs]
    assert said == [f"{index} of {jobs[0]}\n" for index in (1, 2, 3)]


@pytest.mark.best_bed
def test_a_parameter_file_makes_a_job_of_each_line(site: Site) -> None:
    site.write("parameters", "1 one\n# a comment\n2 'two words'\n")
    site.write("show.sh", '#!/bin/sh\nprintf "[%s]" "$@"\n')
    jobs = site.submit_all("-l", "core=1", "--array-param-file", "parameters", "./show.sh")
    site.until_terminated(*jobs)
    assert [site.read(f"OAR.{job}.stdout") for job in jobs] == ["[1][one]", "[2][two words]"]


@pytest.mark.best_bed
def test_a_moldable_job_takes_the_alternative_that_ends_first(site: Site) -> None:
    site.until_state(site.submit("-l", "nodes=1,walltime=1", "sleep 600"), "Running")
    job = site.submit("-l", "nodes=3,walltime=0:1:0", "-l", "core=1,walltime=0:2:0", "wc -l < $OAR_NODEFILE")
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stdout").strip() == "1"


def test_a_property_filter_chooses_the_node(site: Site) -> None:
    job = site.submit("-l", "core=1", "-p", "network_address = 'node3'", "cat $OAR_NODEFILE")
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stdout") == "node3\n"


@pytest.mark.best_bed
def test_a_job_waits_for_the_end_of_the_one_it_depends_on(site: Site) -> None:
    first = site.submit("-l", "core=1", "while [ ! -e go ]; do sleep 0.1; done; rm go")
    second = site.submit("-l", "core=1", "-a", str(first), "true")
    site.until_state(first, "Running")
    site.until_terminated(site.submit("-l", "core=1", "true"))
    assert site.job(second).state == "Waiting"
    assert f"depends on job {first}" in site.output("oarstat", "--why", str(second))
    site.write("go", "")
    ended, after = site.until_terminated(first, second)
    assert after.start_time >= ended.stop_time


@pytest.mark.best_bed
def test_a_held_job_waits_until_it_is_resumed(site: Site) -> None:
    job = site.submit("--hold", "-l", "core=1", "true")
    site.until_terminated(site.submit("-l", "core=1", "true"))
    assert site.job(job).state == "Hold"
    site.output("oarresume", str(job))
    site.until_terminated(job)


@pytest.mark.best_bed
def test_a_waiting_job_can_be_held(site: Site) -> None:
    site.until_state(site.submit("-l", "nodes=3,walltime=1", "sleep 600"), "Running")
    job = site.submit("-l", "core=1", "true")
    site.output("oarhold", str(job))
    site.until_state(job, "Hold")


@pytest.mark.best_bed
def test_a_script_brings_its_own_options(site: Site) -> None:
    site.write(
        "script.sh", "#!/bin/sh\n#OAR -n from_script\n#OAR -l nodes=2,walltime=0:3\nsort -u $OAR_NODEFILE\n"
    )
    job = site.submit("-S", "./script.sh")
    site.until_terminated(job)
    assert len(site.read(f"OAR.from_script.{job}.stdout").split()) == 2


@pytest.mark.best_bed
def test_oarstat_predicts_the_start_of_a_waiting_job_and_says_what_holds_it(site: Site) -> None:
    running = site.until_state(site.submit("-l", "nodes=3,walltime=0:5:0", "sleep 600"), "Running")
    job = site.submit("-l", "core=1", "true")
    full = f"oarstat -fj {job}".split()
    known = "SELECT start_time FROM gantt_jobs_predictions JOIN moldable_job_descriptions m ON moldable_id ="
    sql = known + " gantt_jobs_predictions.moldable_job_id WHERE m.moldable_job_id = :id"
    start = site.until("a prediction", lambda: site.rows(sql, id=job))[0][0]
    assert 0 <= start - (running.start_time + 300) <= 5
    (line,) = [line for line in site.output(*full).splitlines() if "scheduledStart" in line]
    date = site.value("SELECT to_char(to_timestamp(:s) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')", s=start)
    assert line == f"    scheduledStart = {date}"
    why = site.output("oarstat", "--why", str(job))
    assert f"Job {job} " in why
    assert f"job {running.job_id}" in why


@pytest.mark.best_bed
def test_oarstat_draws_the_plan(site: Site) -> None:
    running = site.submit("-l", "nodes=3,walltime=0:5:0", "sleep 600")
    site.until_state(running, "Running")
    drawing = site.output("oarstat", "-g")
    assert {"node1", "node2", "node3"} <= set(drawing.split())
    assert str(running) in drawing
