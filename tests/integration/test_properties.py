import pytest
from sqlalchemy import insert, select

from oar.db.properties import (
    PROTECTED,
    BadPropertyName,
    PropertiesBusy,
    PropertyExists,
    ProtectedProperty,
    UnknownProperty,
    add_property,
    list_properties,
    remove_property,
    rename_property,
)
from oar.db.resources import add_resource
from oar.db.tables_jobs import GroupRow, LevelRow
from oar.db.tables_resources import ResourceLogRow


@pytest.fixture
def connection(database):
    with database.engine.begin() as opened:
        yield opened


def test_a_property_of_numbers_is_listed_as_such(connection):
    add_property(connection, "mem", text=False)
    assert list_properties(connection)["mem"] == "integer"


def test_a_property_of_text_is_listed_as_such(connection):
    add_property(connection, "host", text=True)
    assert list_properties(connection)["host"] == "text"


def test_a_new_property_has_no_value_on_resources_that_were_there(connection):
    add_resource(connection, "node1", {}, now=1)
    add_property(connection, "mem", text=False)
    assert connection.exec_driver_sql("SELECT mem FROM resources").scalar_one() is None


def test_the_built_in_properties_are_listed(connection):
    listed = list_properties(connection)
    assert (listed["network_address"], listed["available_upto"]) == ("text", "integer")


def test_a_name_is_folded_as_sql_does(connection):
    add_property(connection, "Mem", text=False)
    assert "mem" in list_properties(connection)


def test_a_removed_property_is_gone(connection):
    add_property(connection, "mem", text=False)
    remove_property(connection, "mem")
    assert "mem" not in list_properties(connection)


def test_a_renamed_property_is_renamed_in_history_too(connection):
    add_property(connection, "mem", text=False)
    add_resource(connection, "node1", {"mem": 64}, now=1)
    rename_property(connection, "mem", "memory")
    attributes = connection.execute(select(ResourceLogRow.attribute)).scalars().all()
    assert sorted(attributes) == ["memory", "state"]


def test_a_renamed_property_is_renamed_in_the_requests_of_jobs(connection, add_job):
    add_property(connection, "core", text=False)
    _, moldable = add_job(connection)
    group = insert(GroupRow).values(res_group_moldable_id=moldable).returning(GroupRow.res_group_id)
    group_id = connection.execute(group).scalar_one()
    connection.execute(insert(LevelRow).values(res_job_group_id=group_id, res_job_resource_type="core"))
    rename_property(connection, "core", "thread")
    assert connection.execute(select(LevelRow.res_job_resource_type)).scalar_one() == "thread"


@pytest.mark.parametrize(
    "name", ["", "two words", "1st", "mém", "a-b", "x" * 64, 'a"b', "a;drop", "select", "table"]
)
def test_a_name_that_sql_could_not_use_is_refused(name, connection):
    with pytest.raises(BadPropertyName):
        add_property(connection, name, text=False)


@pytest.mark.parametrize("name", sorted(PROTECTED))
def test_names_of_oar_cannot_be_added(name, connection):
    with pytest.raises(ProtectedProperty):
        add_property(connection, name, text=False)


@pytest.mark.parametrize("name", ["state", "STATE", "drain", "resource_id"])
def test_properties_of_oar_cannot_be_removed(name, connection):
    with pytest.raises(ProtectedProperty):
        remove_property(connection, name)


def test_a_property_is_added_once(connection):
    add_property(connection, "mem", text=False)
    with pytest.raises(PropertyExists):
        add_property(connection, "MEM", text=True)


def test_what_is_not_there_cannot_be_removed(connection):
    with pytest.raises(UnknownProperty):
        remove_property(connection, "mem")


def test_what_is_not_there_cannot_be_renamed(connection):
    with pytest.raises(UnknownProperty):
        rename_property(connection, "mem", "memory")


def test_a_property_is_not_renamed_over_another(connection):
    add_property(connection, "mem", text=False)
    add_property(connection, "memory", text=False)
    with pytest.raises(PropertyExists):
        rename_property(connection, "mem", "memory")


def test_a_property_belongs_to_the_owner_and_the_session_is_itself_again(connection):
    add_property(connection, "mem", text=False)
    assert connection.exec_driver_sql("SELECT current_user").scalar_one() == "oar"


def test_a_table_in_use_is_told_after_a_while(database, connection):
    with database.engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM resources")
        with pytest.raises(PropertiesBusy):
            add_property(connection, "mem", text=False, patience_s=0.2)
