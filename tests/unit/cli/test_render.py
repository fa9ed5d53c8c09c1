from collections.abc import Iterator

import pytest
import yaml

from oar.cli.render import Format, Structure


class Two:
    """A view of two numbers."""

    def lines(self) -> Iterator[str]:
        yield "one: 1"
        yield "two: é"

    def structure(self) -> Structure:
        return {"one": 1, "two": ["é", None]}


def rendered(form: Format) -> str:
    return "\n".join(form.renderer().render(Two()))


def test_text_is_the_lines_of_the_view():
    assert rendered(Format.TEXT) == "one: 1\ntwo: é"


def test_a_line_of_text_stays_one_line_whatever_stands_in_it():
    class One(Two):
        def lines(self) -> Iterator[str]:
            yield "    command = echo\n    state = Terminated"

    assert "\n".join(Format.TEXT.renderer().render(One())) == "    command = echo\\n    state = Terminated"


def test_json_is_indented_and_keeps_letters():
    assert rendered(Format.JSON) == '{\n    "one": 1,\n    "two": [\n        "é",\n        null\n    ]\n}'


def test_yaml_is_written_in_blocks_in_the_order_of_the_view():
    assert rendered(Format.YAML) == "---\none: 1\ntwo:\n- é\n- null"


@pytest.mark.parametrize("text", ["yes", "12", "1:30", "a: b", "#OAR", "multi\nline", "- x", "{a}", ""])
def test_a_text_that_looks_like_something_else_stays_a_text_in_yaml(text):
    class One(Two):
        def structure(self) -> Structure:
            return {"text": text}

    assert yaml.safe_load("\n".join(Format.YAML.renderer().render(One()))) == {"text": text}
