"""Commands that get the names of nodes on their standard input."""

import asyncio
import tracemalloc

from oar.almighty.energy.commands import feed

NODES = ("node1", "node2")


def fed(tmp_path, script: str, timeout_s: float = 10.0, nodes=NODES) -> str:
    file = tmp_path / "command"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return asyncio.run(feed([str(file)], nodes, timeout_s))


def test_a_command_reads_one_name_a_line(tmp_path):
    assert fed(tmp_path, f"cat > {tmp_path}/names") == ""
    assert (tmp_path / "names").read_text() == "node1\nnode2\n"


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path):
    assert fed(tmp_path, "cat > /dev/null; echo begin >&2; echo no power >&2; exit 3").endswith(
        "ended with status 3: no power"
    )


def test_a_command_that_lasts_too_long_is_ended(tmp_path):
    assert fed(tmp_path, "sleep 600", timeout_s=0.2).endswith("did not end within 0.2 s")


def test_a_command_that_is_not_there_is_told(tmp_path):
    trouble = asyncio.run(feed([str(tmp_path / "none")], NODES, 10.0))
    assert trouble.endswith("none: No such file or directory")


def test_a_command_may_leave_its_input_unread(tmp_path):
    assert fed(tmp_path, "exec <&-; exit 0", nodes=[f"node{number}" for number in range(50_000)]) == ""


def test_what_a_command_leaves_in_the_background_is_not_waited_for(tmp_path):
    assert fed(tmp_path, "setsid sleep 20 & exit 0", timeout_s=10.0) == ""


def test_of_a_command_that_says_very_much_the_last_words_are_told(tmp_path):
    script = "head -c 30000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo no power >&2; exit 3"
    tracemalloc.start()
    told = fed(tmp_path, script)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.endswith("ended with status 3: no power")
    assert most < 5_000_000


def test_a_command_that_starts_a_daemon_and_lasts_too_long_is_ended_without_it(tmp_path):
    script = "setsid sleep 20 <&0 & sleep 600"
    names = [f"node{number}" for number in range(50_000)]
    assert fed(tmp_path, script, timeout_s=0.5, nodes=names).endswith("did not end within 0.5 s")
