# SPDX-License-Identifier: Apache-2.0
"""From what a caller writes to a configuration: names are checked, values brought into shape, signatures shown.

The configuration classes are the only list of options. What ``help`` shows and what an unknown option is answered with
are derived from them here; the types for a checker are generated into ``halo.options``. A value of the wrong kind is
refused by the name that the caller gave it, before it is used.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from halo.errors import HaloError
from halo.ranges import check_ranges

_SHOWN = 60
"""Characters of a value that a message repeats."""
_KINDS: dict[Any, str] = {
    Path: "a path",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    Mapping: "a mapping, such as {'NAME': ...}",
}

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
        HaloError: an option that the function does not have, one that is missing or of the wrong kind; or what the
            class itself refuses.
    """
    check_names(function, given, option_names(config) if names is None else names)
    hints = _hints(config)
    missing = [field.name for field in _fields(config) if _is_required(field) and field.name not in given]
    if missing:
        raise HaloError(f"{function} needs {missing[0]!r}", f"Write {function}(..., {missing[0]}=...).")
    return config(**{name: fitted(function, name, hints[name], value) for name, value in given.items()})


def checked(cls: type[C]) -> type[C]:
    """A dataclass of options whose constructor answers wrong names, kinds and ranges of values as the functions do."""
    plain: Any = cls.__init__
    names = option_names(cls)
    positional = [field.name for field in _fields(cls) if not field.kw_only]

    @functools.wraps(plain)
    def construct(self: C, *values: Any, **given: Any) -> None:
        check_names(cls.__name__, given, names)
        hints = _hints(cls)
        in_order = [fitted(cls.__name__, n, hints[n], v) for n, v in zip(positional, values, strict=False)]
        named = {n: fitted(cls.__name__, n, hints[n], v) for n, v in given.items()}
        check_ranges({**dict(zip(positional, in_order, strict=False)), **named})
        plain(self, *in_order, *values[len(positional) :], **named)

    cls.__init__ = construct  # type: ignore[assignment]
    return cls


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
            parts = [own for own in known if own in name.split("_") or name in own.split("_")]
            near = list(dict.fromkeys([*parts, *get_close_matches(name, known, n=3, cutoff=0.6)]))[:3]
            hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
            raise HaloError(f"{function} has no option {name!r}", f"{hint}It has: {', '.join(known)}.")


def option_names(config: type) -> list[str]:
    """The fields of a configuration, in order."""
    return [field.name for field in _fields(config)]


def fitted(function: str, name: str, hint: Any, value: Any) -> Any:
    """A caller's value in the shape of a field.

    Args:
        function: public name of the function or class, for messages.
        name: of the option.
        hint: type of the field.
        value: as given.

    Raises:
        HaloError: the value is of another kind.
    """
    try:
        return shaped(hint, value)
    except (TypeError, ValueError):
        said = repr(value)
        shown = said if len(said) <= _SHOWN and "\n" not in said else f"a {type(value).__name__}"
        raise HaloError(f"{function}: {name} is {shown}", f"Give {_kind(hint)}.") from None


def shaped(hint: Any, value: Any) -> Any:
    """A value in the shape of a field: ``Path`` and string from each other, tuples from sequences and mappings.

    Raises:
        TypeError, ValueError: the value is of another kind.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        return _first_fit([a for a in arguments if a is not NoneType], value)
    if origin is Literal:
        if value not in arguments:
            raise ValueError
        return value
    if hint is Path:
        return Path(os.fspath(value))
    if hint is str:
        return os.fspath(value) if isinstance(value, Path) else _instance(str, value)
    if hint is bool:
        return bool(value) if type(value).__name__.rstrip("_") == "bool" else _instance(bool, value)
    if hint is int or hint is float:
        kind = numbers.Integral if hint is int else numbers.Real
        return hint(_instance(kind, value, but=bool))
    if origin is tuple and arguments[-1] is Ellipsis:
        if isinstance(value, str | Path) and get_origin(arguments[0]) is not tuple:
            value = (value,)
        _instance(object, value, but=str)
        items = value.items() if isinstance(value, Mapping) else value
        return tuple(shaped(arguments[0], item) for item in items)
    if origin is tuple:
        _instance(object, value, but=str)
        return tuple(shaped(argument, item) for argument, item in zip(arguments, value, strict=True))
    return _instance(hint, value)


def _instance(kind: type, value: Any, *, but: type | None = None) -> Any:
    if not isinstance(value, kind) or (but is not None and isinstance(value, but)):
        raise TypeError
    return value


def _first_fit(hints: list[Any], value: Any) -> Any:
    for hint in hints[:-1]:
        try:
            return shaped(hint, value)
        except (TypeError, ValueError):
            continue
    return shaped(hints[-1], value)


def _kind(hint: Any) -> str:
    """What a field takes, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join("None" if a is NoneType else _kind(a) for a in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return "a pair"
    if origin is tuple:
        inner = arguments[0]
        if get_origin(inner) is tuple:
            return "a mapping, such as {'NAME': 8}"
        return {Path: "a path or several", str: "a text or several"}.get(inner, "a list of numbers")
    if hint in _KINDS:
        return _KINDS[hint]
    own = []
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        own = [cls.__name__ for cls in hint.__subclasses__()]
    name = getattr(hint, "__name__", str(hint))
    return f"one of {', '.join(own)}" if own else f"a {name}"


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


_READ: dict[type, dict[str, Any]] = {}


def _hints(config: type) -> dict[str, Any]:
    """Types of the fields, read once: names in annotations are looked up only when the first object is made."""
    if config not in _READ:
        _READ[config] = get_type_hints(config)
    return _READ[config]


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
