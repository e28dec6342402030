# SPDX-License-Identifier: Apache-2.0
"""From what a caller writes to a configuration: names are checked, values brought into shape, signatures shown.

The configuration classes are the only list of options. What ``help`` shows and what an unknown option is answered with
are derived from them here; the types for a checker are generated into ``halo.options``.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from halo.errors import HaloError

C = TypeVar("C")
F = TypeVar("F", bound=Callable[..., Any])


def configure(function: str, config: type[C], given: Mapping[str, Any], names: Iterable[str] | None = None) -> C:
    """Build a configuration from keywords.

    Args:
        function: name of the public function, for messages.
        config: dataclass to build.
        given: options by name. Strings become paths, and sequences and mappings tuples, where the field says so.
        names: options that the caller may write; None: all fields.

    Raises:
        HaloError: an option that the function does not have, or one that is missing; or what the class itself refuses.
    """
    check_names(function, given, option_names(config) if names is None else names)
    hints = get_type_hints(config)
    missing = [field.name for field in _fields(config) if _is_required(field) and field.name not in given]
    if missing:
        raise HaloError(f"{function} needs {missing[0]!r}", f"Write {function}(..., {missing[0]}=...).")
    return config(**{name: shaped(hints[name], value) for name, value in given.items()})


def configuration(function: str, config: type[C], first: Any, options: Mapping[str, Any], name: str | None = None) -> C:
    """The configuration that a function was given as its first argument, or one made of its keywords.

    Args:
        function: name of the public function, for messages.
        config: dataclass.
        first: the first argument.
        options: the keywords.
        name: of the option that the first argument is where it is no configuration; None: it is none.

    Raises:
        HaloError: as ``configure``, or a configuration and options.
    """
    if isinstance(first, config):
        refuse_options(function, options)
        return first
    return configure(function, config, dict(options) if name is None else {name: first, **options})


def refuse_options(function: str, options: Mapping[str, Any]) -> None:
    """Check that no option stands beside a configuration object, which has every option already.

    Raises:
        HaloError: one does.
    """
    if options:
        what = f"{function} was given a configuration and the option {next(iter(options))!r} as well"
        raise HaloError(what, "Put the option into the configuration, as with dataclasses.replace.")


def check_names(function: str, given: Iterable[str], names: Iterable[str]) -> None:
    """Check that every option given is one of a function's.

    Raises:
        HaloError: it is not; the message names near ones.
    """
    known = list(names)
    for name in given:
        if name not in known:
            parts = [own for own in known if own in name.split("_")]
            near = list(dict.fromkeys([*parts, *get_close_matches(name, known, n=3, cutoff=0.6)]))[:3]
            hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
            raise HaloError(f"{function} has no option {name!r}", f"{hint}It has: {', '.join(known)}.")


def option_names(config: type) -> list[str]:
    """The fields of a configuration, in order."""
    return [field.name for field in _fields(config)]


def shaped(hint: Any, value: Any) -> Any:
    """A value in the shape of a field: ``Path`` and string from each other, tuples from sequences and mappings."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return value if value is None else shaped(next((a for a in arguments if a is not NoneType), hint), value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is str and isinstance(value, Path):
        return str(value)
    if origin is tuple and arguments[-1] is Ellipsis:
        if isinstance(value, str | Path):
            value = (value,)
        items = value.items() if isinstance(value, Mapping) else value
        return tuple(shaped(arguments[0], item) for item in items)
    if origin is tuple:
        return tuple(shaped(argument, item) for argument, item in zip(arguments, value, strict=True))
    return value


def signed(config: type, *, without: Iterable[str] = ()) -> Callable[[F], F]:
    """Show a configuration's fields and their defaults as keywords of a function that takes ``**options``.

    Args:
        config: dataclass of the options.
        without: fields that the function's own parameters stand for.
    """

    def sign(function: F) -> F:
        own = inspect.signature(function)
        kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        left_out = {*without, *(parameter.name for parameter in kept)}
        options = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(field),
                annotation=field.type,
            )
            for field in _fields(config)
            if field.name not in left_out
        ]
        function.__signature__ = own.replace(parameters=[*kept, *options])  # type: ignore[attr-defined]
        return function

    return sign


def _fields(config: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(config)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty
