"""From a name to a version: which there are, what each is tagged with, and which an alias means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ALIAS = r"(?!latest$|[vV]\d+$)[A-Za-z][A-Za-z0-9_-]*"  # MLflow keeps "latest" and "v3" to itself
_URI = re.compile(
    rf"models:/(?P<numbered>{NAME})/(?P<version>\d+)"
    rf"|(models:/)?(?P<name>{NAME})@(?P<alias>{ALIAS})"
)


class Version(NamedTuple):
    """A version of a registered model.

    Parameters
    ----------
    name : str
    number : int
        From 1.
    aliases : tuple of str
    tags : mapping
        Of `record.TAGS`, and what promotions left.
    run, model : str
        Ids of the run and of the model that it logged.
    created : datetime
        In UTC.

    Examples
    --------
    >>> Version("zinc", 3, (), {}, "", "", datetime(2020, 1, 1, tzinfo=UTC)).uri
    'models:/zinc/3'
    """

    name: str
    number: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run: str
    model: str
    created: datetime

    @property
    def uri(self) -> str:
        """What always means this version."""
        return f"models:/{self.name}/{self.number}"


def parsed(uri: str) -> tuple[str, str, str]:
    """Take a URI apart: name, version and alias, of which one of the latter two is "".

    Raises
    ------
    ValueError
        Where it has another form.

    Examples
    --------
    >>> parsed("models:/zinc-site/3"), parsed("zinc-site@champion")
    (('zinc-site', '3', ''), ('zinc-site', '', 'champion'))
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise ValueError(f"{uri}: not of the form models:/name/3, models:/name@alias, name@alias.")
    return found["numbered"] or found["name"], found["version"] or "", found["alias"] or ""


def named(name: str) -> str:
    """Refuse, by a ValueError, a name that cannot stand in a URI.

    Examples
    --------
    >>> named("zinc/site")
    Traceback (most recent call last):
    ValueError: A registered model's name has letters, digits, ".", "_" and "-", got 'zinc/site'.
    """
    if not re.fullmatch(NAME, name):
        raise ValueError(
            f'A registered model\'s name has letters, digits, ".", "_" and "-", got {name!r}.'
        )
    return name


def aliased(name: str, alias: str) -> str:
    """Refuse, by a ValueError, an alias that reads like something else.

    Examples
    --------
    >>> aliased("zinc", "latest")
    Traceback (most recent call last):
    ValueError: zinc: an alias has letters, digits, "_" and "-", begins with a letter, and is not
    "latest" or like "v3", got 'latest'.
    """
    if not re.fullmatch(ALIAS, alias):
        raise ValueError(
            f'{name}: an alias has letters, digits, "_" and "-", begins with a letter, '
            f'and is not "latest" or like "v3", got {alias!r}.'
        )
    return alias


def find(uri: str) -> Version:
    """Look a version up.

    Parameters
    ----------
    uri : str
        "models:/name/3", "models:/name@alias" or "name@alias".

    Raises
    ------
    ValueError
        Where `uri` has another form, or nothing has that name, version or alias; says what there
        is.
    """
    name, number, alias = parsed(uri)
    held = registered(name, uri)
    if alias:
        if alias not in held.aliases:
            raise ValueError(f"{uri}: {name} has the aliases {sorted(held.aliases)}.")
        number = str(held.aliases[alias])
    there = {version.number: version for version in versions(held)}
    if int(number) not in there:
        raise ValueError(f"{uri}: {name} has the versions {sorted(there)}.")
    return there[int(number)]


def holder(name: str, alias: str) -> Version | None:
    """Look up which version has an alias, if one has it."""
    held = registered(name, name)
    return find(f"models:/{name}/{held.aliases[alias]}") if alias in held.aliases else None


def versions(held: Any) -> list[Version]:
    """List all versions of a registered model, as `registered` gives it."""
    from mlflow import MlflowClient

    found = pages(MlflowClient().search_model_versions, f"name = '{held.name}'")
    return [
        Version(
            held.name,
            int(one.version),
            tuple(sorted(a for a, number in held.aliases.items() if number == one.version)),
            dict(one.tags),
            one.run_id or "",
            one.model_id or (one.source or "").removeprefix("models:/"),
            datetime.fromtimestamp(one.creation_timestamp / 1000, UTC),
        )
        for one in found
    ]


def registered(name: str, uri: str) -> Any:
    """Look a registered model up; where there is none, the ValueError begins with `uri`."""
    import mlflow
    from mlflow.exceptions import MlflowException

    known = []
    if not absent():
        try:
            return mlflow.MlflowClient().get_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        known = sorted(one.name for one in pages(mlflow.MlflowClient().search_registered_models))
    there = f"there are {known}" if known else "it is empty"
    where = re.sub("//[^/@]*@", "//", mlflow.get_registry_uri())  # a password is not for the log
    raise ValueError(f"{uri}: no model has this name in the registry {where}; {there}.")


def absent() -> bool:
    """Tell whether the registry is a SQLite file that is not there; asking MLflow would make it."""
    import mlflow

    kind, _, rest = mlflow.get_registry_uri().partition(":///")
    path = rest.partition("?")[0]
    in_memory_or_uri = ":" in path
    return kind == "sqlite" and not in_memory_or_uri and _missing(Path(path))


def _missing(path: Path) -> bool:
    """Tell whether there is no such file in a folder that is there."""
    return path.parent.is_dir() and not path.exists()


def pages(search: Any, query: str | None = None) -> list[Any]:
    """Read every page of a search."""
    found, token = [], None
    while True:
        page = search(query, page_token=token)
        found += page
        token = page.token
        if not token:
            return found
