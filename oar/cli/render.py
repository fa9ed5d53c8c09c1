"""Text, JSON and YAML as implementations of one interface.

A command reads its values into a view; the renderer that its options choose writes the view.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Protocol

from oar.cli.terminal import visible

Structure = None | bool | int | float | str | Sequence["Structure"] | Mapping[str, "Structure"]
"""What JSON can hold."""


class View(Protocol):
    """Something to show: lines for people, a structure for programs."""

    def lines(self) -> Iterable[str]:
        """Draw it for people."""
        ...

    def structure(self) -> Structure:
        """Spell it for programs."""
        ...


class Renderer(Protocol):
    """A way to write a view."""

    def render(self, view: View) -> Iterator[str]:
        """Give the lines to write, without their ends."""
        ...


class TextRenderer:
    """Lines for people, and for the programs that parse OAR 2's lines."""

    def render(self, view: View) -> Iterator[str]:
        """Give the view's own lines; an end of line within one is spelled ``\\n``."""
        yield from map(visible, view.lines())


class JsonRenderer:
    """JSON, indented."""

    def render(self, view: View) -> Iterator[str]:
        """Give the view's structure as one JSON value."""
        import json  # noqa: PLC0415  (a table in text should not pay for it)

        yield json.dumps(view.structure(), indent=4, ensure_ascii=False)


class YamlRenderer:
    """YAML in blocks."""

    def render(self, view: View) -> Iterator[str]:
        """Give the view's structure as one YAML document."""
        import yaml  # noqa: PLC0415  (as above)

        text = yaml.safe_dump(view.structure(), sort_keys=False, allow_unicode=True, width=1000)
        yield "---\n" + text.removesuffix("\n")


class Format(Enum):
    """The formats a command can write; the value is the name in its options."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"

    def renderer(self) -> Renderer:
        """Give the implementation."""
        renderers: Mapping[Format, type[Renderer]] = {
            Format.TEXT: TextRenderer,
            Format.JSON: JsonRenderer,
            Format.YAML: YamlRenderer,
        }
        return renderers[self]()
