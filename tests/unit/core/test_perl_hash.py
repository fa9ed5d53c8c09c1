"""Hashes of the configuration, in Perl's spelling and in JSON's."""

import pytest

from oar.core.perl_hash import BadHash, parse_hash


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("{first => 75, default => 25}", {"first": "75", "default": "25"}),
        ("{ first=>75,default=>25, }", {"first": "75", "default": "25"}),
        ("{'first' => '75.5', \"de fault\" => 2.5e1}", {"first": "75.5", "de fault": "2.5e1"}),
        ("{first, 75, default, 25}", {"first": "75", "default": "25"}),
        ('{"first": 75, "default": "25"}', {"first": "75", "default": "25"}),
        ("{first: 75}", {"first": "75"}),
        (r"{'it\'s' => 1}", {"it's": "1"}),
        (r'{"\u00e9": 1.5}', {"é": "1.5"}),
        ("{-x.y_z => -1}", {"-x.y_z": "-1"}),
        ("{'' => ''}", {"": ""}),
        ("{a => 1, a => 2}", {"a": "2"}),
        ("{}", {}),
        (" { } ", {}),
        ("", {}),
    ],
)
def test_a_hash_is_read_in_each_spelling(text, read):
    assert parse_hash(text) == read


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("first => 75", "braces"),
        ("[75]", "braces"),
        ("75", "braces"),
        ("{first => 75", "braces"),
        ("{first => }", "expected at 'first =>'"),
        ("{first => 75 default => 25}", "expected at 'first => 75 default'"),
        ("{first => {second => 3}}", "expected at"),
        ("{=> 75}", "expected at '=> 75'"),
        ("{first => 75}, {second => 1}", "expected at"),
        ("{'first => 75}", "is not understood"),
        ('{"first": [75]}', "'first' is neither a number nor a text"),
        ('{"first": true}', "'first' is neither a number nor a text"),
    ],
)
def test_what_is_no_flat_hash_is_refused(text, complaint):
    with pytest.raises(BadHash, match=complaint):
        parse_hash(text)
