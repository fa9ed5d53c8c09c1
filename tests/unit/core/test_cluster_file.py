from pathlib import Path

import pytest

from oar.core.cluster_file import BadClusterFile, read_cluster_file


def read(text):
    return read_cluster_file(text, "cluster.toml")


def test_a_name_with_a_range_declares_one_node_per_name():
    nodes = read('[[nodes]]\nname = "node[1-3]"')
    assert [node.name for node in nodes] == ["node1", "node2", "node3"]


def test_a_node_without_a_shape_has_one_core():
    (node,) = read('[[nodes]]\nname = "node1"')
    assert [(r.cpuset, r.cpu, r.core) for r in node.resources()] == [(0, 0, 0)]


def test_cores_are_counted_per_cpu():
    (node,) = read('[[nodes]]\nname = "node1"\ncpus = 2\ncores = 2')
    assert [(r.cpuset, r.cpu, r.core) for r in node.resources()] == [
        (0, 0, 0),
        (1, 0, 1),
        (2, 1, 2),
        (3, 1, 3),
    ]


def test_each_thread_of_a_core_is_a_resource_with_its_own_cpuset():
    (node,) = read('[[nodes]]\nname = "node1"\ncores = 2\nthreads = 2')
    assert [(r.cpuset, r.core, r.thread) for r in node.resources()] == [
        (0, 0, 0),
        (1, 0, 1),
        (2, 1, 2),
        (3, 1, 3),
    ]


def test_gpus_are_shared_out_to_the_cores_evenly():
    (node,) = read('[[nodes]]\nname = "node1"\ncores = 4\ngpus = 2')
    assert [r.gpu for r in node.resources()] == [0, 0, 1, 1]


def test_true_and_false_become_the_words_of_the_database():
    (node,) = read('[[nodes]]\nname = "n"\nproperties = { deploy = true, fast = false, mem = 64 }')
    assert node.properties == {"deploy": "YES", "fast": "NO", "mem": 64}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nodes: missing"),
        ("nodes = 3", "nodes: missing"),
        ("[[node]]", "node: unknown key"),
        ("[[nodes]]", "nodes #1: name: expected"),
        ('[[nodes]]\nname = "a"\ncore = 2', "nodes #1: core: unknown key; the keys are name, cpus, cores"),
        ('[[nodes]]\nname = "a"\ncores = "2"', "nodes #1: cores: expected a whole number from 1"),
        ('[[nodes]]\nname = "a"\ncpus = 0', "nodes #1: cpus: expected a whole number from 1"),
        ('[[nodes]]\nname = "a"\ncpus = true', "nodes #1: cpus: expected a whole number"),
        ('[[nodes]]\nname = "a"\ngpus = 2', "nodes #1: gpus: 2 gpus cannot be shared out to 1 core"),
        ('[[nodes]]\nname = "a[1-2"', "nodes #1: name: .*brackets"),
        ('[[nodes]]\nname = "a"\n[[nodes]]\nname = "a"', "nodes #2: name: a is declared twice"),
        ('[[nodes]]\nname = "a"\nproperties = 1', "nodes #1: properties: expected a table"),
        ('[[nodes]]\nname = "a"\nproperties = { core = 1 }', "properties.core: follows from the shape"),
        ('[[nodes]]\nname = "a"\nproperties = { state = "Dead" }', "properties.state: is kept by the server"),
        ('[[nodes]]\nname = "a"\nproperties = { Mem = 1 }', "properties.Mem: a property is named"),
        ('[[nodes]]\nname = "a"\nproperties = { mem = 1.5 }', "properties.mem: expected a whole number"),
        (
            '[[nodes]]\nname = "a"\nproperties = { mem = 4294967296 }',
            "properties.mem: expected a whole number",
        ),
        (
            '[[nodes]]\nname = "a"\nproperties = { drain = "maybe" }',
            "properties.drain: expected true or false",
        ),
        ("[[nodes]]\nname = ", "not TOML"),
        ("[[nodes]\nname = 'a'", "not TOML"),
        ("\x00", "not TOML"),
        ("a = [1, 'x'", "not TOML"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_the_key_and_what_would_be_right(text, words):
    with pytest.raises(BadClusterFile, match=words) as refusal:
        read(text)
    assert str(refusal.value).startswith("cluster.toml: ")
    assert "\n" not in str(refusal.value)


def test_the_example_of_the_documentation_can_be_read():
    page = (Path(__file__).parents[3] / "docs" / "cluster-file.md").read_text()
    example = page.split("```toml\n")[1].split("```")[0]
    nodes = read(example)
    assert len(nodes) == 4 + 16 + 1
