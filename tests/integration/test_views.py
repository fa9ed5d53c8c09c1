import pytest
from procset import ProcSet
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from oar.db.sets import set_of_intervals
from oar.db.tables_resources import AssignmentRow, PredictionRow


@pytest.fixture
def connection(database):
    with database.engine.begin() as opened:
        yield opened


@pytest.fixture
def moldable(connection, add_job):
    return add_job(connection)[1]


def rows(connection, query):
    return sorted(tuple(row) for row in connection.exec_driver_sql(query))


def assignments(connection):
    query = select(AssignmentRow.assigned_resource_index, AssignmentRow.resources)
    return dict(connection.execute(query).all())


def test_a_set_written_by_us_is_read_as_rows(connection, moldable):
    connection.execute(insert(AssignmentRow).values(moldable_job_id=moldable, resources=ProcSet((2, 4), 9)))
    assert rows(connection, "SELECT * FROM assigned_resources") == [
        (moldable, resource, "CURRENT") for resource in (2, 3, 4, 9)
    ]


def test_many_sets_are_written_in_one_statement_and_read_back(connection, add_job):
    moldables = [add_job(connection)[1] for _ in range(20)]
    sets = {one: set_of_intervals((3 * i, 3 * i + 1) for i in range(one + 5)) for one in moldables}
    connection.execute(
        insert(PredictionRow),
        [
            {"moldable_job_id": one, "start_time": one, "resources": resources}
            for one, resources in sets.items()
        ],
    )
    read = connection.execute(select(PredictionRow.moldable_job_id, PredictionRow.resources))
    assert dict(read.all()) == sets


def test_sets_meet_in_the_database(connection, moldable):
    connection.execute(insert(PredictionRow).values(moldable_job_id=moldable, resources=ProcSet((1, 8))))
    found = select(PredictionRow.moldable_job_id).where(PredictionRow.resources.op("&&")(ProcSet(8, 20)))
    assert connection.execute(found).scalars().all() == [moldable]


def test_rows_inserted_by_a_script_become_a_set(connection, moldable):
    for resource in (4, 5, 7):
        connection.exec_driver_sql(
            "INSERT INTO assigned_resources (moldable_job_id, resource_id) VALUES (%s, %s)",
            (moldable, resource),
        )
    assert assignments(connection) == {"CURRENT": ProcSet((4, 5), 7)}


def test_several_rows_of_one_statement_become_one_set(connection, moldable):
    connection.exec_driver_sql(
        "INSERT INTO assigned_resources (moldable_job_id, resource_id, assigned_resource_index) "
        "SELECT %s, n, 'CURRENT' FROM generate_series(1, 50) AS n",
        (moldable,),
    )
    assert assignments(connection) == {"CURRENT": ProcSet((1, 50))}


def test_a_row_inserted_twice_is_refused_as_a_table_would(connection, moldable):
    insertion = f"INSERT INTO assigned_resources (moldable_job_id, resource_id) VALUES ({moldable}, 4)"  # noqa: S608
    connection.exec_driver_sql(insertion)
    with pytest.raises(IntegrityError, match="already has resource 4"), connection.begin_nested():
        connection.exec_driver_sql(insertion)


def test_an_assignment_of_an_unknown_moldable_is_refused(connection):
    with pytest.raises(IntegrityError), connection.begin_nested():
        connection.exec_driver_sql(
            "INSERT INTO assigned_resources (moldable_job_id, resource_id) VALUES (99, 4)"
        )


def test_a_deleted_row_leaves_the_set(connection, moldable):
    connection.execute(insert(AssignmentRow).values(moldable_job_id=moldable, resources=ProcSet((1, 3))))
    connection.exec_driver_sql("DELETE FROM assigned_resources WHERE resource_id = 2")
    assert assignments(connection) == {"CURRENT": ProcSet(1, 3)}


def test_an_assignment_goes_with_its_last_row(connection, moldable):
    connection.execute(insert(AssignmentRow).values(moldable_job_id=moldable, resources=ProcSet((1, 3))))
    connection.exec_driver_sql(f"DELETE FROM assigned_resources WHERE moldable_job_id = {moldable}")  # noqa: S608
    assert assignments(connection) == {}


def test_a_script_can_mark_all_resources_of_a_job_as_history(connection, moldable):
    connection.execute(insert(AssignmentRow).values(moldable_job_id=moldable, resources=ProcSet((1, 3))))
    connection.exec_driver_sql(
        f"UPDATE assigned_resources SET assigned_resource_index = 'LOG' WHERE moldable_job_id = {moldable}"  # noqa: S608
    )
    assert assignments(connection) == {"LOG": ProcSet((1, 3))}


def test_a_script_can_mark_some_resources_of_a_job_as_lost(connection, moldable):
    connection.execute(insert(AssignmentRow).values(moldable_job_id=moldable, resources=ProcSet((1, 3))))
    connection.exec_driver_sql(
        "UPDATE assigned_resources SET assigned_resource_index = 'LOG' WHERE resource_id = 2"
    )
    assert assignments(connection) == {"CURRENT": ProcSet(1, 3), "LOG": ProcSet(2)}


def test_a_plan_written_by_a_script_is_a_set_in_its_prediction(connection, moldable):
    connection.exec_driver_sql(
        f"INSERT INTO gantt_jobs_predictions (moldable_job_id, start_time) VALUES ({moldable}, 100)"  # noqa: S608
    )
    connection.exec_driver_sql(
        "INSERT INTO gantt_jobs_resources (moldable_job_id, resource_id) VALUES (%s, 5), (%s, 6)",
        (moldable, moldable),
    )
    plan = connection.execute(select(PredictionRow.start_time, PredictionRow.resources)).one()
    assert tuple(plan) == (100, ProcSet((5, 6)))


def test_resources_of_a_plan_without_prediction_are_refused(connection, moldable):
    with (
        pytest.raises(IntegrityError, match="has no row in gantt_jobs_predictions"),
        connection.begin_nested(),
    ):
        connection.exec_driver_sql(
            f"INSERT INTO gantt_jobs_resources (moldable_job_id, resource_id) VALUES ({moldable}, 5)"  # noqa: S608
        )


def test_a_script_can_move_a_planned_job_to_another_resource(connection, moldable):
    connection.execute(insert(PredictionRow).values(moldable_job_id=moldable, resources=ProcSet((5, 6))))
    connection.exec_driver_sql("UPDATE gantt_jobs_resources SET resource_id = 9 WHERE resource_id = 5")
    assert connection.execute(select(PredictionRow.resources)).scalar_one() == ProcSet(6, 9)


def test_a_script_can_flush_the_plan(connection, moldable):
    connection.execute(insert(PredictionRow).values(moldable_job_id=moldable, resources=ProcSet((5, 6))))
    connection.exec_driver_sql("DELETE FROM gantt_jobs_resources")
    connection.exec_driver_sql("DELETE FROM gantt_jobs_predictions")
    assert rows(connection, "SELECT * FROM gantt_jobs_resources") == []


def test_the_visu_pair_shows_the_plan(connection, moldable):
    connection.execute(
        insert(PredictionRow).values(moldable_job_id=moldable, start_time=7, resources=ProcSet(5, 8))
    )
    assert rows(connection, "SELECT moldable_job_id, start_time FROM gantt_jobs_predictions_visu") == [
        (moldable, 7)
    ]
    assert rows(connection, "SELECT * FROM gantt_jobs_resources_visu") == [(moldable, 5), (moldable, 8)]


def test_a_script_that_renews_the_visu_pair_harms_no_plan(connection, moldable):
    connection.execute(
        insert(PredictionRow).values(moldable_job_id=moldable, start_time=7, resources=ProcSet(5, 8))
    )
    for kind in ("predictions", "resources"):
        connection.exec_driver_sql(f"DELETE FROM gantt_jobs_{kind}_visu")  # noqa: S608
        connection.exec_driver_sql(f"INSERT INTO gantt_jobs_{kind}_visu SELECT * FROM gantt_jobs_{kind}")  # noqa: S608
    assert rows(connection, "SELECT * FROM gantt_jobs_resources_visu") == [(moldable, 5), (moldable, 8)]


def test_plans_of_the_past_take_rows_and_give_them_back(connection):
    connection.exec_driver_sql("INSERT INTO gantt_jobs_predictions_log VALUES (50, 7, 60)")
    connection.exec_driver_sql("INSERT INTO gantt_jobs_resources_log VALUES (50, 7, 1), (50, 7, 2)")
    connection.exec_driver_sql("DELETE FROM gantt_jobs_resources_log WHERE resource_id = 1")
    assert rows(connection, "SELECT * FROM gantt_jobs_resources_log") == [(50, 7, 2)]
