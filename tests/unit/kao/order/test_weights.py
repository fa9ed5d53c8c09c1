"""The file of weights, in YAML and in JSON."""

import pytest

from oar.kao.order.weights import BadWeights, Weights, parse_weights


@pytest.mark.parametrize(
    "text",
    [
        '{"karma_weight": 1.0, "queue_coefs": {"night": 2}, "work_mode": 1}',
        "karma_weight: 1.0\nqueue_coefs:\n  night: 2\nwork_mode: 1\n",
        "# weights\nkarma_weight: '1'\nqueue_coefs: {night: 2e0}\nwork_mode: 1.0\n",
    ],
)
def test_weights_are_read_as_json_or_yaml_with_numbers_in_any_spelling(text):
    assert parse_weights(text) == Weights(karma_weight=1.0, queue_coefs={"night": 2.0}, work_mode=1)


@pytest.mark.parametrize("text", ["", "{}", "# nothing\n"])
def test_a_file_without_keys_means_the_defaults(text):
    assert parse_weights(text) == Weights()


def test_an_exponent_without_a_point_is_a_number():
    assert parse_weights("age_coef: 2e-6\n").age_coef == 2e-6


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("karma_wait: 1", "unknown key karma_wait, did you mean karma_weight"),
        ("1: 1", "unknown key 1, known are age_coef"),
        ("karma_weight: much", "karma_weight: much: expected a number"),
        ("karma_weight: yes", "karma_weight: True: expected a number"),
        ("karma_weight: .inf", "karma_weight: inf: expected a number"),
        ("karma_weight:", "karma_weight: None: expected a number"),
        ("work_mode: 2", "work_mode: 2: expected 0 .small jobs first. or 1"),
        ("queue_coefs: 3", "queue_coefs: 3: expected a number for each queue"),
        ("queue_coefs: {night: x}", "queue_coefs: night: x: expected a number"),
        ("- karma_weight", "expected keys with numbers"),
        ("a: [", "neither YAML nor JSON: .* line 1"),
    ],
)
def test_bad_weights_are_refused_in_one_line_that_names_the_key(text, complaint):
    with pytest.raises(BadWeights, match=complaint) as caught:
        parse_weights(text)
    assert "\n" not in str(caught.value)
