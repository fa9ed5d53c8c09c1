import pytest

from oar.core.node_names import BadNodeName, check_name, expand_names


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("node1", ["node1"]),
        ("node[1-3]", ["node1", "node2", "node3"]),
        ("node[08-10]", ["node08", "node09", "node10"]),
        ("n[1,3-4]", ["n1", "n3", "n4"]),
        ("r[1-2]-n[a,b].site", ["r1-na.site", "r1-nb.site", "r2-na.site", "r2-nb.site"]),
    ],
)
def test_a_pattern_stands_for_its_names_in_order(pattern, names):
    assert list(expand_names(pattern)) == names


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "brackets"),
        ("node[1-4", "brackets"),
        ("node]", "brackets"),
        ("node[4-1]", "goes down"),
        ("node[]", "empty"),
        ("node[1-9999999999]", "too long"),
        ("n[1-99999]-[1-99999]", "more than"),
        ("node 1", "not a name of a machine"),
        ("node;rm", "not a name of a machine"),
        ("-oProxyCommand", "not a name of a machine"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused_with_the_reason(pattern, words):
    with pytest.raises(BadNodeName, match=words):
        expand_names(pattern)


@pytest.mark.parametrize("name", ["", "a b", "n\n", "-oProxyCommand=x", "n;m", "\u00e9", "x" * 101])
def test_what_no_machine_is_called_is_refused(name):
    with pytest.raises(BadNodeName):
        check_name(name)
