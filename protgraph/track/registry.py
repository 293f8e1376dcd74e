"""Naming models: a run's model becomes a version of a name, and an alias says which one counts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from protgraph.models.model import CONFIG, WEIGHTS
from protgraph.track.runs import MODEL

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ALIAS = r"(?!latest$|[vV]\d+$)[A-Za-z][A-Za-z0-9_-]*"  # MLflow keeps "latest" and "v3" to itself
_URI = re.compile(
    rf"models:/(?P<numbered>{_NAME})/(?P<version>\d+)"
    rf"|(models:/)?(?P<name>{_NAME})@(?P<alias>{_ALIAS})"
)


def register(run: str, name: str, *, alias: str | None = None) -> int:
    """Make a run's model a version of a registered model.

    Parameters
    ----------
    run : str
        A run's id (32 hexadecimal digits), or a name that only one run has.
    name : str
        Letters, digits, ".", "_" and "-"; made if it is not there.
    alias : str, optional
        Such as "champion"; it moves to this version from any other.

    Returns
    -------
    version : int
        From 1. A run's model becomes a version of a name only once: doing it again gives the
        version that it has, and moves the alias.

    Raises
    ------
    ValueError
        Where the run is not known, its name is that of several, it holds no model of protgraph,
        or `name` or `alias` cannot be used.

    Examples
    --------
    >>> register("egnn", "zinc/site")
    Traceback (most recent call last):
    ValueError: A registered model's name has letters, digits, ".", "_" and "-", got 'zinc/site'.
    """
    if not re.fullmatch(_NAME, name):
        raise ValueError(
            f'A registered model\'s name has letters, digits, ".", "_" and "-", got {name!r}.'
        )
    if alias is not None and not re.fullmatch(_ALIAS, alias):
        raise ValueError(
            f'{name}: an alias has letters, digits, "_" and "-", begins with a letter, '
            f'and is not "latest" or like "v3", got {alias!r}.'
        )
    import mlflow

    client = mlflow.MlflowClient()
    found = _run(run)
    model = _model(found)
    versions = _all(client.search_model_versions, f"run_id = '{found.info.run_id}'")
    same = [int(v.version) for v in versions if v.name == name and "task" in v.tags]
    if same:
        version = min(same)
    else:
        tags = {"task": model.tags["task"]}
        score = found.data.metrics.get(found.data.tags.get("monitor", ""))
        if score is not None:
            tags["score"] = repr(score)
        made = mlflow.register_model(f"models:/{model.model_id}", name, tags=tags)
        version = int(made.version)
    if alias is not None:
        client.set_registered_model_alias(name, alias, str(version))
    return version


def models() -> list[dict[str, Any]]:
    """List the versions that `register` made, by name, the newest first.

    Returns
    -------
    versions : list of dict
        `name`, `version` (int), `aliases` (tuple of str), `task`, `score` (float, or None where
        the run named no monitor), `created` (datetime in UTC).
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    listed = []
    for registered in _all(client.search_registered_models):
        for version in _all(client.search_model_versions, f"name = '{registered.name}'"):
            if "task" not in version.tags:
                continue
            aliases = [a for a, number in registered.aliases.items() if number == version.version]
            score = version.tags.get("score")
            listed.append(
                {
                    "name": registered.name,
                    "version": int(version.version),
                    "aliases": tuple(sorted(aliases)),
                    "task": version.tags["task"],
                    "score": None if score is None else float(score),
                    "created": datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
                }
            )
    return sorted(listed, key=lambda version: (version["name"], -version["version"]))


def folder(uri: str) -> Path:
    """Find the files of a registered model.

    Parameters
    ----------
    uri : str
        "models:/name/3", "models:/name@alias" or "name@alias".

    Returns
    -------
    folder : Path
        With `config.json` and `model.safetensors`. MLflow's own folder where it is on this
        machine, to be read and not to be written; else MLflow's temporary copy.

    Raises
    ------
    ValueError
        Where `uri` has another form, nothing has that name, version or alias, or it is no model
        of protgraph.

    Examples
    --------
    >>> folder("zinc-site")
    Traceback (most recent call last):
    ValueError: zinc-site: not of the form models:/name/3, models:/name@alias, name@alias.
    """
    parsed = _URI.fullmatch(uri)
    if parsed is None:
        raise ValueError(f"{uri}: not of the form models:/name/3, models:/name@alias, name@alias.")
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    name = parsed["numbered"] or parsed["name"]
    version = parsed["version"] or _aliased(uri, name, parsed["alias"])
    if int(version) not in _versions(uri, name):
        raise ValueError(f"{uri}: {name} has the versions {_versions(uri, name)}.")
    try:
        found = Path(download_artifacts(f"models:/{name}/{version}/artifacts/{MODEL}"))
    except (MlflowException, OSError) as error:
        raise ValueError(f"{uri}: its files cannot be had: {error}") from error
    for file in (CONFIG, WEIGHTS):
        if not (found / file).is_file():
            raise ValueError(f"{uri}: a model of protgraph holds {file}, which is not there.")
    return found


def _run(run: str) -> Any:
    import mlflow
    from mlflow.exceptions import MlflowException

    if re.fullmatch("[0-9a-f]{32}", run):
        try:
            return mlflow.MlflowClient().get_run(run)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise ValueError(f"{run}: there is no run of this id.") from None
    quote = '"' if "'" in run else "'"
    found = mlflow.search_runs(
        search_all_experiments=True,
        filter_string=f"attributes.run_name = {quote}{run}{quote}",
        output_format="list",
    )
    if not found:
        raise ValueError(f"{run}: there is no run of this name.")
    if len(found) > 1:
        ids = ", ".join(one.info.run_id for one in found)
        raise ValueError(f"{run}: {len(found)} runs have this name; say which by its id: {ids}.")
    return found[0]


def _model(run: Any) -> Any:
    from mlflow import MlflowClient

    client = MlflowClient()
    outputs = run.outputs.model_outputs if run.outputs else []
    found = [client.get_logged_model(output.model_id) for output in outputs]
    ours = [model for model in found if model.name == MODEL and "task" in model.tags]
    if len(ours) != 1 or str(ours[0].status) != "READY":
        name, held = run.info.run_name, [f"{model.name} ({model.status})" for model in found]
        raise ValueError(f"{name}: a run that is registered holds one model, this one {held}.")
    return ours[0]


def _aliased(uri: str, name: str, alias: str) -> str:
    aliases = _registered(uri, name).aliases
    if alias not in aliases:
        raise ValueError(f"{uri}: {name} has the aliases {sorted(aliases)}.")
    return str(aliases[alias])


def _versions(uri: str, name: str) -> list[int]:
    from mlflow import MlflowClient

    found = _all(MlflowClient().search_model_versions, f"name = '{_registered(uri, name).name}'")
    return sorted(int(version.version) for version in found)


def _registered(uri: str, name: str) -> Any:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        return MlflowClient().get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        known = sorted(one.name for one in _all(MlflowClient().search_registered_models))
        raise ValueError(f"{uri}: no model has this name; there are {known}.") from None


def _all(search: Any, query: str | None = None) -> list[Any]:
    """Every page of a search."""
    found, token = [], None
    while True:
        page = search(query, page_token=token)
        found += page
        token = page.token
        if not token:
            return found
