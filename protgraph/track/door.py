"""Errors of MLflow as they leave this room."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def told() -> Iterator[None]:
    """Turn what MLflow raises, which is of no kind that is told in one line, into an OSError.

    MLflow is not imported for it: what was not imported raised nothing.

    Raises
    ------
    OSError
        In the words of MLflow: such as where its server does not answer.

    Examples
    --------
    >>> from mlflow.exceptions import MlflowException
    >>> with told():
    ...     raise MlflowException("No route to host.")
    Traceback (most recent call last):
    OSError: MLflow: No route to host.
    """
    try:
        yield
    except Exception as error:
        held = sys.modules.get("mlflow.exceptions")
        if held is None or not isinstance(error, held.MlflowException):
            raise
        raise OSError(f"MLflow: {error}") from error
