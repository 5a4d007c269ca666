"""What a docstring says of each attribute is found, in one line."""

from dataclasses import fields

from search.space.json_schema import described
from trainables.recipe import Recipe


class Car:
    """A car.

    Attributes:
        wheels: how many, of rubber: three or four.
        colour: seen from
            the side.

    Raises:
        ValueError: it has none.
    """


def paint(colour: str) -> None:
    """Paint it.

    Args:
        colour: of the paint.
    """


def test_each_attribute_is_told_in_one_line():
    assert described(Car) == {
        "wheels": "how many, of rubber: three or four.",
        "colour": "seen from the side.",
    }


def test_the_arguments_of_a_function_are_told():
    assert described(paint, "Args") == {"colour": "of the paint."}


def test_nothing_is_told_where_there_is_no_such_section():
    assert described(paint) == {}


def test_every_field_of_the_recipe_is_told_in_its_order():
    assert list(described(Recipe)) == [part.name for part in fields(Recipe)]
