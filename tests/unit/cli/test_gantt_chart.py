import pytest
from procset import ProcSet

from oar.cli.gantt_chart import Bar, Row, Span, draw

NODES = [Row("node1", ProcSet((1, 2))), Row("node2", ProcSet((3, 4)))]


def bar(job_id, begin, end, resources):
    return Bar(job_id, begin, end, ProcSet(*resources), f"job {job_id}")


def rows_of(bars, rows=NODES, span=(0, 100), columns=10, now=-1):
    chart = list(draw(rows, bars, Span(*span, columns), now))
    return [line.split("|")[1] for line in chart if "|" in line]


def test_nothing_runs_on_an_empty_chart():
    assert rows_of([]) == ["..........", ".........."]


def test_a_job_fills_the_columns_of_its_time_on_its_rows():
    assert rows_of([bar(1, 20, 50, [1, 2])]) == ["..AAA.....", ".........."]


def test_a_job_on_several_nodes_has_one_letter():
    assert rows_of([bar(1, 0, 100, [2, 3])]) == ["AAAAAAAAAA", "AAAAAAAAAA"]


def test_jobs_get_letters_in_the_order_they_start():
    assert rows_of([bar(7, 50, 100, [1]), bar(9, 0, 50, [1])])[0] == "AAAAABBBBB"


def test_a_job_shorter_than_a_column_is_still_seen():
    assert rows_of([bar(1, 33, 34, [1])])[0] == "...A......"


def test_of_jobs_after_each_other_in_one_column_the_longer_is_shown():
    assert rows_of([bar(1, 0, 12, [1]), bar(2, 12, 40, [1])])[0] == "ABBB......"


def test_jobs_that_share_a_node_at_one_time_are_shown_as_several():
    assert rows_of([bar(1, 0, 50, [1]), bar(2, 20, 80, [2])])[0] == "AA+++BBB.."


@pytest.mark.parametrize(("begin", "end", "drawn"), [(-50, 20, "AA"), (80, 500, "AA"), (-5, 500, "A" * 10)])
def test_a_job_that_begins_before_or_ends_after_is_cut(begin, end, drawn):
    assert rows_of([bar(1, begin, end, [1])])[0].strip(".") == drawn


@pytest.mark.parametrize(("begin", "end"), [(-20, 0), (100, 200)])
def test_a_job_outside_of_the_time_is_not_drawn(begin, end):
    chart = list(draw(NODES, [bar(1, begin, end, [1])], Span(0, 100, 10), 0))
    assert "no job in this time" in chart


def test_the_legend_names_each_job():
    chart = list(draw(NODES, [bar(5, 0, 50, [1]), bar(6, 50, 60, [1])], Span(0, 100, 10), 0))
    assert "A  job 5" in chart
    assert "B  job 6" in chart


def test_when_letters_run_out_the_rest_is_counted():
    chart = list(
        draw(NODES, [bar(number, number, number + 1, [1]) for number in range(70)], Span(0, 100, 100), 0)
    )
    assert "#  8 other jobs" in chart


def test_now_is_marked_above_its_column():
    chart = list(draw(NODES, [], Span(0, 100, 20), 50))
    assert chart[1].index("v") == chart[2].index("|") + 1 + 10


def test_no_line_is_wider_than_the_chart():
    chart = list(draw(NODES, [bar(1, 0, 50, [1])], Span(0, 86400 * 3, 60), 500))
    assert max(map(len, chart)) <= len("node1 ||") + 60
