"""Groups of options: a verb takes dataclasses, its command line has an option for each field.

Typer makes an option of each parameter of a function and knows no groups. So it is shown another
function, whose parameters are the fields.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints


def expand_groups(verb: Callable[..., None]) -> Callable[..., None]:
    """The function that Typer is to see in place of a verb whose parameters are groups of options.

    A parameter is a group if its type is a dataclass. Its fields are declared as Typer's parameters
    are::

        @dataclass(frozen=True)
        class RangeOptions:
            start: Annotated[str | None, typer.Option(help="Start here.")] = None

        @expand_groups
        def info(*, path: Annotated[Path, typer.Argument()], part: RangeOptions) -> None: ...

    ``--help`` shows the options in the order of the parameters, and in a group in that of its
    fields. What Typer has read is put into the dataclasses before the verb is called.

    Raises:
        ValueError: Two options have the same name.
    """
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(verb, eval_str=True).parameters.values():
        if is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _parameters_of(parameter.annotation)
        else:
            # By name alone, since a parameter without a default may follow one that has one.
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(verb)
    def expanded(**given: Any) -> None:
        grouped = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        verb(**given, **grouped)

    expanded.__annotations__ = {each.name: each.annotation for each in parameters}
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return expanded


def _parameters_of(group: Any) -> Iterator[inspect.Parameter]:
    """The fields of a dataclass as parameters of a function."""
    types = get_type_hints(group, include_extras=True)
    for field in fields(group):
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default_of(field),
            annotation=types[field.name],
        )


def _default_of(field: Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default
