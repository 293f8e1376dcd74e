"""Graph-augmented protein modelling: structures and language models, honestly compared.

Names are loaded when they are first used, so that `import protgraph` itself is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protgraph.graph.build import build, to_networkx
    from protgraph.language.encoder import encoder
    from protgraph.language.esmfold import fold
    from protgraph.predict import Predictor
    from protgraph.resolve import load
    from protgraph.structure.protein import Complex, Protein
    from protgraph.structure.read import read
    from protgraph.tasks.prediction import Prediction

_PLACES = {
    "Complex": "protgraph.structure.protein",
    "Prediction": "protgraph.tasks.prediction",
    "Predictor": "protgraph.predict",
    "Protein": "protgraph.structure.protein",
    "build": "protgraph.graph.build",
    "encoder": "protgraph.language.encoder",
    "fold": "protgraph.language.esmfold",
    "load": "protgraph.resolve",
    "read": "protgraph.structure.read",
    "to_networkx": "protgraph.graph.build",
}

__all__ = [
    "Complex",
    "Prediction",
    "Predictor",
    "Protein",
    "build",
    "encoder",
    "fold",
    "load",
    "read",
    "to_networkx",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'protgraph' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
