"""The #OAR lines of a script."""

import pytest

from oar.submit.parameters import Wishes
from oar.submit.script import BadScript, Script, scan_script, script_of


def scan(*lines: str) -> Script:
    return scan_script("\n".join(["#!/bin/sh", *lines, "sleep 1"]), "job.sh")


def test_a_script_without_directives_asks_for_nothing() -> None:
    assert scan("# a comment", "#OARBLA -l x", "echo '#OAR -l nodes=1'").wishes == Wishes()


@pytest.mark.parametrize(
    ("line", "wishes"),
    [
        ("#OAR -l nodes=2/core=1,walltime=1:0:0", Wishes(resources=("nodes=2/core=1,walltime=1:0:0",))),
        ("#OAR --resource=nodes=2", Wishes(resources=("nodes=2",))),
        ("#OAR --resource nodes=2", Wishes(resources=("nodes=2",))),
        ("#OAR -lnodes=2", Wishes(resources=("nodes=2",))),
        ("#OAR   -q   besteffort  ", Wishes(queue="besteffort")),
        ("#OAR -p gpu = 'YES' and host in ('a', 'b')", Wishes(property="gpu = 'YES' and host in ('a', 'b')")),
        ("#OAR -p 'a' = b or c = 'd'", Wishes(property="'a' = b or c = 'd'")),
        ("#OAR -p \"gpu = 'YES'\"", Wishes(property="gpu = 'YES'")),
        ("#OAR -t besteffort", Wishes(types=("besteffort",))),
        ("#OAR -n my_job", Wishes(name="my_job")),
        ("#OAR --name=my_job", Wishes(name="my_job")),
        ("#OAR --project p", Wishes(project="p")),
        ("#OAR -d /tmp", Wishes(directory="/tmp")),
        ("#OAR -O out.%jobid%", Wishes(stdout="out.%jobid%")),
        ("#OAR -E err.%jobid%", Wishes(stderr="err.%jobid%")),
        ("#OAR -a 12", Wishes(anterior=(12,))),
        ("#OAR --array 3", Wishes(array=3)),
        ("#OAR --checkpoint 60", Wishes(checkpoint=60)),
        ("#OAR --signal USR1", Wishes(signal="USR1")),
        ("#OAR --notify [END] mail:a@b", Wishes(notify="[END] mail:a@b")),
        ("#OAR --array-param-file params.txt", Wishes(array_param_file="params.txt")),
        ("#OAR --hold", Wishes(hold=True)),
    ],
)
def test_a_directive_is_one_option_with_the_rest_of_the_line_as_its_value(line: str, wishes: Wishes) -> None:
    assert scan(line).wishes == wishes


def test_options_that_may_be_repeated_add_up_in_their_order() -> None:
    assert scan("#OAR -l nodes=1", "#OAR -l core=8").wishes.resources == ("nodes=1", "core=8")


def test_of_other_options_the_last_line_wins() -> None:
    assert scan("#OAR -p a = 1", "#OAR -p b = 2").wishes.property == "b = 2"


def test_directives_are_kept_as_they_are_written() -> None:
    assert scan("#OAR -l nodes=1", "#OAR --hold").directives == ("#OAR -l nodes=1", "#OAR --hold")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("#OAR --frobnicate x", "--frobnicate is no option of a script"),
        ("#OAR -C 5", "-C is no option of a script"),
        ("#OAR nodes=1", "nodes=1 is no option of a script"),
        ("#OAR -l", "-l needs a value"),
        ("#OAR --hold yes", "--hold takes no value"),
        ("#OAR --array many", "--array needs a whole number"),
    ],
)
def test_a_line_that_is_not_understood_is_named_with_its_number(line: str, told: str) -> None:
    with pytest.raises(BadScript) as caught:
        scan(line)
    assert str(caught.value) == f"'job.sh' line 2, '{line}': {told}"


def test_all_bad_lines_are_told_at_once() -> None:
    with pytest.raises(BadScript, match=r"line 2, .*; line 4, "):
        scan("#OAR -x", "#OAR -l nodes=1", "#OAR -y")


def test_only_the_end_of_a_line_ends_a_directive() -> None:
    script = scan_script("#!/bin/sh\r\n#OAR --project a\u2028b\r\necho\r#OAR -n x\r\n", "job.sh")
    assert script.directives == ("#OAR --project a\u2028b",)


def test_a_file_that_is_no_script_is_refused() -> None:
    with pytest.raises(BadScript, match="its first line begins with #"):
        scan_script("echo\n#OAR -l nodes=1\n", "job.sh")


def test_the_script_is_the_first_word_of_the_command_as_a_shell_reads_it() -> None:
    assert script_of("'./my job.sh' arg 2") == "./my job.sh"


@pytest.mark.parametrize("command", ["", "  ", "'./job.sh"])
def test_a_command_without_a_first_word_cannot_be_scanned(command: str) -> None:
    with pytest.raises(BadScript):
        script_of(command)


def test_a_bad_script_ends_the_command_as_in_oar_2() -> None:
    assert BadScript.exit_code == 12
