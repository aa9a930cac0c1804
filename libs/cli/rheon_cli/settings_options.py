"""Every setting of a service as a command line option, generated from its pydantic-settings model.

An option wins over its environment variable. What is refused is reported under the variable's and the option's name
with what was expected; the value itself is not repeated, since it may be a secret.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

import typer
from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsError

Settings = TypeVar("Settings", bound=BaseSettings)

EXIT_USAGE = 2
"""Exit status for a refused configuration."""


def option_names(models: Iterable[type[BaseSettings]]) -> dict[str, FieldInfo]:
    """The fields of all models by name; a field that several models share is one option."""
    fields: dict[str, FieldInfo] = {}
    for model in models:
        for name, field in model.model_fields.items():
            fields.setdefault(name, field)
    return fields


def with_options(
    models: Iterable[type[BaseSettings]], body: Callable[[dict[str, Any]], None], *, help_text: str
) -> Callable[..., None]:
    """A function typer can register: one option per setting, handing the given ones to `body` by field name."""
    fields = option_names(models)

    def command(**given: Any) -> None:
        body({name: value for name, value in given.items() if value is not None})

    parameters = [_parameter(name, field) for name, field in fields.items()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = help_text
    return command


def load(model: type[Settings], given: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Settings:
    """The settings of one service: `given` options, then the environment, then `defaults`, then the model's own.

    Exits with status 2 and a reason on standard error when they are refused.
    """
    fields = model.model_fields
    unset = {
        name: value
        for name, value in (defaults or {}).items()
        if environment_name(name, fields[name]) not in os.environ
    }
    own = {_init_name(name, fields[name]): value for name, value in {**unset, **given}.items() if name in fields}
    try:
        return model(**own)
    except ValidationError as error:
        _refuse(_reason(model, detail) for detail in error.errors(include_input=False, include_url=False))
    except SettingsError as error:
        _refuse([str(error)])


def environment_name(name: str, field: FieldInfo) -> str:
    """The environment variable of a field."""
    return _init_name(name, field).upper()


def _init_name(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    if isinstance(alias, str):
        return alias
    if isinstance(alias, AliasChoices) and isinstance(alias.choices[0], str):
        return alias.choices[0]
    return name


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    flag = "--" + name.replace("_", "-")
    boolean = field.annotation is bool
    described = (field.description or "").strip()
    default = "required" if field.is_required() else _shown_default(field)
    help_text = f"{described} [{environment_name(name, field)}{default and '; ' + default}]"
    option = typer.Option(
        None,
        f"{flag}/--no-{flag[2:]}" if boolean else flag,
        help=help_text,
        show_default=False,
        metavar=None if boolean else _metavar(field),
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=(bool | None) if boolean else (str | None)
    )


def _shown_default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory is not None or not isinstance(value, bool | int | str | tuple) or value in ("", ()):
        return ""
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, tuple):
        value = ",".join(map(str, value))
    return f"default {value}"


def _metavar(field: FieldInfo) -> str:
    if field.annotation in (int, float):
        return "N"
    return "LIST" if "tuple" in str(field.annotation) or "list" in str(field.annotation) else "TEXT"


def _reason(model: type[BaseSettings], detail: Any) -> str:
    location = detail["loc"]
    message: str = detail["msg"]
    if not location:
        return message.removeprefix("Value error, ")
    name = str(location[0])
    for field_name, field in model.model_fields.items():
        if name.lower() in (field_name, _init_name(field_name, field).lower()):
            shown = f"{environment_name(field_name, field)} (--{field_name.replace('_', '-')})"
            expected = f" Expected: {field.description}" if field.description else ""
            return f"{shown}: {message.removeprefix('Value error, ')}.{expected}".replace("..", ".")
    return f"{name}: {message}"


def _refuse(reasons: Iterable[str]) -> NoReturn:
    for reason in reasons:
        typer.echo(f"rheon: {reason}", err=True)
    raise typer.Exit(EXIT_USAGE)
