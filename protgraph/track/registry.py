"""Naming models: a run's model becomes a version of a name, whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from protgraph.models.model import CONFIG, WEIGHTS
from protgraph.track import names
from protgraph.track.logged import MODEL
from protgraph.track.record import CARD, FILES, RECORD, TAGS

RETRIES = 20
"""How often a version is tried again when others register the same name at the same time."""

DESCRIPTION = 5000
"""Characters of a description: MLflow's column, to which PostgreSQL keeps and SQLite does not."""


def register(run: str, name: str) -> int:
    """Make a run's model a version of a registered model.

    Parameters
    ----------
    run : str
        A run's id (32 hexadecimal digits), or a name that only one run has.
    name : str
        Letters, digits, ".", "_" and "-"; made if it is not there.

    Returns
    -------
    version : int
        From 1. A run's model becomes a version of a name only once: doing it again gives the
        version that it has.

    Raises
    ------
    ValueError
        Where the run is not known, its name is that of several, it holds no model of protgraph or
        one without its record, or `name` cannot be used.

    Notes
    -----
    Files are there before a version is, and a version comes with all its tags and its card in one
    transaction: when the tracking server dies, there is the whole version or none.

    Examples
    --------
    >>> register("egnn", "zinc/site")
    Traceback (most recent call last):
    ValueError: A registered model's name has letters, digits, ".", "_" and "-", got 'zinc/site'.
    """
    names.named(name)
    from mlflow import MlflowClient

    client = MlflowClient()
    found = _run(run)
    model = _model(found)
    if (first := _first(found.info.run_id, name)) is not None:
        return first
    made = _version(found, model, name)
    # Who registered the same run at the same time was first, or finds this version.
    first = _first(found.info.run_id, name)
    if first is not None and first < made:
        client.delete_model_version(name, str(made))
        return first
    return made


def models() -> list[dict[str, Any]]:
    """List the versions that `register` made, by name, the newest first.

    Returns
    -------
    versions : list of dict
        `name`, `version` (int), `aliases` (tuple of str), `task`, `score` (float, or None where
        the run named no monitor), `created` (datetime in UTC).
    """
    from mlflow import MlflowClient

    listed: list[dict[str, Any]] = []
    if names.absent():
        return listed
    for registered in names.pages(MlflowClient().search_registered_models):
        for version in names.versions(registered):
            if "task" not in version.tags:
                continue
            score = version.tags.get("score")
            listed.append(
                {
                    "name": version.name,
                    "version": version.number,
                    "aliases": version.aliases,
                    "task": version.tags["task"],
                    "score": None if score is None else float(score),
                    "created": version.created,
                }
            )
    return sorted(listed, key=lambda version: (version["name"], -version["version"]))


def folder(uri: str) -> Path:
    """Find the files of a registered model; no code that came with it is run.

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
    found = _artefacts(uri, MODEL)
    for file in (CONFIG, WEIGHTS):
        if not (found / file).is_file():
            raise ValueError(f"{uri}: a model of protgraph holds {file}, which is not there.")
    return found


def record(uri: str) -> Path:
    """Find what a registered model carries, as `folder` does: the folder of `record.FILES`.

    Raises
    ------
    ValueError
        As `folder`.
    """
    return _artefacts(uri, RECORD)


def _artefacts(uri: str, part: str) -> Path:
    """Folder of a part of a version's artefacts."""
    version = names.find(uri)
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        return Path(download_artifacts(f"{version.uri}/artifacts/{part}"))
    except (MlflowException, OSError) as error:
        raise ValueError(f"{uri}: its files cannot be had: {error}") from error


def _first(run: str, name: str) -> int | None:
    """The version of a name that a run has, the first of several."""
    from mlflow import MlflowClient

    held = names.pages(MlflowClient().search_model_versions, f"run_id = '{run}'")
    same = [int(v.version) for v in held if v.name == name and "task" in v.tags]
    return min(same, default=None)


def _version(run: Any, model: Any, name: str) -> int:
    """Make a version whose files are all there, with its tags and its card at once."""
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    client = MlflowClient()
    card = Path(download_artifacts(f"{model.artifact_location}/artifacts/{RECORD}/{CARD}"))
    tags = {key: model.tags[key] for key in TAGS if key in model.tags}
    score = run.data.metrics.get(run.data.tags.get("monitor", ""))
    if score is not None:
        tags["score"] = repr(score)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for left in reversed(range(RETRIES)):
        try:
            made = client.create_model_version(
                name,
                f"models:/{model.model_id}",
                run.info.run_id,
                tags=tags,
                description=_described(card.read_text()),
                model_id=model.model_id,
            )
            return int(made.version)
        except MlflowException as error:
            if not left or "Model Version creation error" not in str(error):
                raise
    raise AssertionError("unreachable")


def _described(card: str) -> str:
    """A card, or as much of it as a description holds and where the rest is."""
    if len(card) <= DESCRIPTION:
        return card
    rest = f" …\n\nThe whole card: {RECORD}/{CARD}\n"
    return card[: DESCRIPTION - len(rest)] + rest


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
    """The one model of a run, with all that a version carries."""
    from mlflow import MlflowClient

    client = MlflowClient()
    outputs = run.outputs.model_outputs if run.outputs else []
    found = [client.get_logged_model(output.model_id) for output in outputs]
    ours = [model for model in found if model.name == MODEL and "task" in model.tags]
    name = run.info.run_name
    if len(ours) != 1 or str(ours[0].status) != "READY":
        held = [f"{model.name} ({model.status})" for model in found]
        said = ", ".join(held) or "none; of baselines no model is kept"
        raise ValueError(f"{name}: a run that is registered holds one model, this one {said}.")
    kept = client.list_logged_model_artifacts(ours[0].model_id, f"artifacts/{RECORD}")
    there = {Path(file.path).name for file in kept}
    for file in FILES:
        if file not in there:
            raise ValueError(f"{name}: a registered model carries {file}, this one does not.")
    return ours[0]
