"""The verb that answers over HTTP."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from protgraph.verbs.telling import say


def serve(args: argparse.Namespace) -> int:
    """Answer over HTTP with a model, until SIGTERM or Ctrl-C."""
    from protgraph.resolve import load

    try:
        from protgraph.serve.app import Limits
        from protgraph.serve.listen import listen
    except ImportError as error:
        raise ImportError(
            f"protgraph serve needs FastAPI, uvicorn and prometheus-client ({error}): "
            "pip install 'protgraph[serve]'"
        ) from error

    paths = None if args.paths is None else Path(args.paths)
    if paths is not None and not paths.is_dir():
        raise ValueError(f"--paths is a folder, got {args.paths}.")
    limits = Limits(
        budget=args.budget, room=args.room, body=int(args.body * 2**20),
        longest=args.longest, paths=paths,
        token=args.token or os.environ.get("PROTGRAPH_TOKEN", ""),
    )  # fmt: skip
    predictor = load(args.model)
    say(f"model {predictor.name}, language encoder {predictor.encoder}")
    listen(predictor, limits, host=args.host, port=args.port, say=say)
    return 0
