"""From a name to a model: its form says where the model is, and nothing else is tried."""

from __future__ import annotations

import difflib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from protgraph.models import saved
from protgraph.models.model import CONFIG
from protgraph.predict import Predictor

FORMS = (
    'A folder is written with a "/" (./name), a registered model name@alias or models:/name/3, '
    "a model of this package by its bare name."
)


def load(name: str | Path) -> Predictor:
    """Load the model that a name stands for.

    ================================  =============================================
    `models:/name/3`, `name@alias`    a registered model; only then is MLflow needed
    `folder/name`, an existing folder what `models.saved.load` reads
    any other word                    one of `shipped()`
    ================================  =============================================

    Parameters
    ----------
    name : str or Path
        A Path is always a folder.

    Returns
    -------
    predictor : Predictor
        Its `name` is the one given.

    Raises
    ------
    FileNotFoundError
        Where the folder does not hold a model.
    ValueError
        Where nothing has the name; where it is both a folder and a shipped model; and where the
        model cannot be read.

    Examples
    --------
    >>> load("no-such/folder")
    Traceback (most recent call last):
    FileNotFoundError: no-such/folder: a model folder holds config.json, which is not there.
    """
    found = place(name)
    if found is None:
        return _registered(str(name))
    with resources.as_file(found) as folder:
        return Predictor(saved.load(folder), str(name))


def place(name: str | Path) -> Path | Traversable | None:
    """Say where the model is that a name stands for.

    Parameters
    ----------
    name : str or Path
        As `load`.

    Returns
    -------
    folder : Path or Traversable or None
        Whether or not a model is in it; None where the model is a registered one.

    Raises
    ------
    ValueError
        Where nothing has the name, and where it is both a folder and a shipped model.

    Examples
    --------
    >>> str(place("runs@2/model")), place("zinc@champion")
    ('runs@2/model', None)
    """
    text = str(name)
    if isinstance(name, Path):
        return name
    if text.startswith("models:/"):
        return None
    if "/" in text or Path(text).is_dir():
        if text in shipped():
            raise ValueError(
                f"{text} is both a folder here and a model of this package: "
                f"write ./{text} for the folder, or go elsewhere for the model."
            )
        return Path(text)
    if "@" in text:
        return None
    if text not in shipped():
        raise ValueError(_unknown(text))
    return _home() / text


def shipped() -> list[str]:
    """Names of the models that came with this package.

    Examples
    --------
    >>> shipped() == sorted(shipped())
    True
    """
    if not _home().is_dir():
        return []
    return sorted(one.name for one in _home().iterdir() if (one / CONFIG).is_file())


def _home() -> Traversable:
    return resources.files("protgraph.models") / "shipped"


def _registered(name: str) -> Predictor:
    from protgraph.track import registry

    return Predictor(saved.load(registry.folder(name)), name)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, shipped(), n=3)
    if near:
        return f"Unknown model {name}. Did you mean {' or '.join(near)}? {FORMS}"
    return f"Unknown model {name}. This package has: {', '.join(shipped()) or 'none'}. {FORMS}"
