"""The weights of the multifactor order, from a file in YAML or JSON."""

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import yaml

from oar.errors import ConfigurationError


class BadWeights(ConfigurationError):
    """A file of weights that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each factor of a job's priority counts; a weight of 0 takes the factor out.

    ``age_coef`` is the part of the full age that a second makes, by default of seven days. The modes are
    0 for small jobs first, 1 for big ones first.
    """

    age_weight: float = 0.0
    age_coef: float = 1.65e-06
    queue_weight: float = 0.0
    queue_coefs: Mapping[str, float] = field(default_factory=dict)
    work_weight: float = 0.0
    work_mode: int = 0
    size_weight: float = 0.0
    size_mode: int = 0
    karma_weight: float = 0.0
    qos_weight: float = 0.0
    nice_weight: float = 0.0


def parse_weights(text: str) -> Weights:
    """Read the weights; keys that are absent keep their default. Raises BadWeights, which names the key."""
    found = _parse(text)
    if not isinstance(found, dict):
        raise BadWeights("expected keys with numbers, such as karma_weight: 1.0")
    known = {one.name for one in fields(Weights)}
    if unknown := [key for key in found if key not in known]:
        near = difflib.get_close_matches(str(unknown[0]), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
        raise BadWeights(f"unknown key {unknown[0]}, {hint}")
    return Weights(**{key: _read(key, value) for key, value in found.items()})


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise BadWeights("neither YAML nor JSON: " + " ".join(str(error).split())) from None


def _read(key: str, value: object) -> Any:
    if key.endswith("_mode"):
        mode = _number(key, value)
        if mode not in (0, 1):
            raise BadWeights(f"{key}: {value}: expected 0 (small jobs first) or 1 (big jobs first)")
        return int(mode)
    if key != "queue_coefs":
        return _number(key, value)
    if not isinstance(value, dict):
        raise BadWeights(f"queue_coefs: {value}: expected a number for each queue")
    return {str(queue): _number(f"queue_coefs: {queue}", coef) for queue, coef in value.items()}


def _number(key: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise BadWeights(f"{key}: {value}: expected a number")
    return number
