"""What the verbs of the command line do: one function each, no logic of their own."""

from protgraph.verbs.proteins import embed, fold, graph, layers, predict
from protgraph.verbs.registry import evaluate, lineage, models, promote, register, rollback
from protgraph.verbs.serving import serve
from protgraph.verbs.sets import annotate, cover, data, leakage, split
from protgraph.verbs.telling import reason, say
from protgraph.verbs.training import benchmark, distill, plan, quickstart, run

__all__ = (
    "annotate", "benchmark", "cover", "data", "distill", "embed", "evaluate", "fold", "graph",
    "layers", "leakage", "lineage", "models", "plan", "predict", "promote", "quickstart",
    "reason", "register", "rollback", "run", "say", "serve", "split",
)  # fmt: skip
