"""The command line: its words, and one line for an error."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from protgraph.track.door import told
from protgraph.verbs import (
    annotate,
    benchmark,
    cover,
    data,
    distill,
    embed,
    evaluate,
    fold,
    graph,
    layers,
    leakage,
    lineage,
    models,
    plan,
    predict,
    promote,
    quickstart,
    reason,
    register,
    rollback,
    run,
    say,
    serve,
    split,
)  # fmt: skip


class Version(argparse.Action):
    """Look the version up only where it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and leave."""
        from importlib.metadata import version

        print(f"protgraph {version('protgraph')}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Say which words the command line knows."""
    top = argparse.ArgumentParser(
        prog="protgraph", description="Graph-augmented protein modelling."
    )
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    top.add_argument("--version", action=Version, nargs=0, help="say which version this is")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(do: Callable[[argparse.Namespace], int], name: str = "") -> argparse.ArgumentParser:
        said = (do.__doc__ or "").strip()
        made = verbs.add_parser(name or do.__name__, help=said, description=said)
        made.set_defaults(do=do)
        made.add_argument("--debug", action="store_true", default=argparse.SUPPRESS,
                          help=argparse.SUPPRESS)  # fmt: skip
        return made

    p = verb(graph)
    p.add_argument("files", nargs="+", metavar="FILE")
    p.add_argument("--chain", help="only this chain, by the author's id")
    p.add_argument("--radius", type=float, default=10.0, help="Å between Cα (default 10)")
    p.add_argument("--json", action="store_true", help="one JSON object a chain")
    p = verb(run)
    p.add_argument("config", metavar="CONFIG", help="a YAML file, or the name of a shipped one")
    p.add_argument("overrides", nargs="*", metavar="key=value")
    p.add_argument("--folder", default="runs", help="where runs are kept (default runs)")
    p.add_argument("--json", action="store_true", help="print the result as one JSON object")
    p = verb(distill)
    p.add_argument("config", metavar="CONFIG", help="of a student: such as zinc_site/student")
    p.add_argument("overrides", nargs="*", metavar="key=value")
    p.add_argument("--folder", default="runs", help="where cells are kept (default runs)")
    p.add_argument("--json", action="store_true", help="print all numbers as one JSON object")
    p = verb(benchmark)
    p.add_argument("task", metavar="TASK")
    p.add_argument("--models", nargs="*", metavar="RECIPE",
                   help="default: all that are shipped; 'RECIPE key=value' too")  # fmt: skip
    p.add_argument("--seeds", type=int, default=5, help="repetitions (default 5)")
    p.add_argument("--folder", default="runs", help="where cells are kept (default runs)")
    p.add_argument("--json", action="store_true", help="print all numbers as one JSON object")
    p.add_argument("-o", "--output", metavar="DIR", help="write report.md, .json, .html, a plot")
    _plan_words(verb)
    _language_words(verb)
    _split_words(verb)
    _model_words(verb)
    return top


def _plan_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(plan)
    p.add_argument("config", metavar="CONFIG",
                   help="of pretraining, or with a published ESM-2 in vectors.encoder")  # fmt: skip
    p.add_argument("overrides", nargs="*", metavar="key=value")
    p.add_argument("--gpus", type=int, required=True, help="in all")
    p.add_argument("--memory", type=float, required=True, metavar="GB", help="of one GPU")
    p.add_argument("--node", type=int, default=8, metavar="GPUS", help="in a node (default 8)")
    p.add_argument("--peak", type=float, default=989.0, metavar="TFLOP/S",
                   help="of one GPU in bf16 (default 989, an H100 SXM; an A100: 312)")  # fmt: skip
    p.add_argument("--utilisation", type=float, default=0.4, metavar="SHARE",
                   help="of the peak that is reached (default 0.4)")  # fmt: skip
    p.add_argument("--inside", type=float, default=360.0, metavar="GB/S",
                   help="between GPUs of a node (default 360, 80 %% of NVLink 4)")  # fmt: skip
    p.add_argument("--across", type=float, default=40.0, metavar="GB/S",
                   help="a GPU between nodes (default 40, 80 %% of 400 Gb/s)")  # fmt: skip
    p.add_argument("--overlap", type=float, default=0.0, metavar="SHARE",
                   help="of passes that hides messages (default 0)")  # fmt: skip
    p.add_argument("--reserve", type=float, default=0.1, metavar="SHARE",
                   help="of the memory that is kept free (default 0.1)")  # fmt: skip
    p.add_argument("--price", type=float, metavar="MONEY", help="of a GPU hour, in any currency")
    p.add_argument("--json", action="store_true", help="print all numbers as one JSON object")


def _model_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(predict)
    p.add_argument("model", metavar="MODEL", help="a folder, name@alias, or a shipped model")
    p.add_argument("files", nargs="+", metavar="FILE")
    p.add_argument("--chain", help="of structure files only this one, by the author's id")
    p.add_argument("--pairs", metavar="TSV", help="of a model of pairs: two names of proteins in "
                   "the files a line, with a tab between them")  # fmt: skip
    p.add_argument("--format", choices=("tsv", "pdb", "json", "html"), default="tsv",
                   help="default tsv; of pairs tsv or json")  # fmt: skip
    p.add_argument("-o", "--output", metavar="DIR", help="write files there instead of printing")
    p.add_argument("--trust", action="store_true", help="run the code that was registered with "
                   "the model, and print the table that it makes")  # fmt: skip
    _serve_words(verb)
    _registry_words(verb)
    p = verb(quickstart)
    p.add_argument("--folder", default="quickstart", help="where results go")


def _registry_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(register)
    p.add_argument("run", metavar="RUN", help="id or name of a run")
    p.add_argument("name", metavar="NAME")
    p = verb(promote)
    p.add_argument("name", metavar="NAME")
    p.add_argument("version", metavar="VERSION", type=int)
    p.add_argument("--alias", default="champion", help="default champion")
    p.add_argument("--margin", type=float, default=0.02,
                   help="how much less it may score on average (default 0.02)")  # fmt: skip
    p.add_argument("--force", default="", metavar="REASON", help="promote it whatever is found; "
                   "the reason is kept as a tag")  # fmt: skip
    p = verb(rollback)
    p.add_argument("name", metavar="NAME")
    p.add_argument("--alias", default="champion", help="default champion")
    p = verb(evaluate)
    p.add_argument("model", metavar="NAME@ALIAS", help="or models:/NAME/VERSION")
    p.add_argument("dataset", metavar="DATASET", help="a benchmark set, or a table")
    p.add_argument("--labels", nargs="*", default=(), metavar="COLUMN", help="of a table")
    p.add_argument("--proteins", default="", metavar="FILE", help="of a table of pairs")
    p.add_argument("--json", action="store_true", help="print all numbers as one JSON object")
    p = verb(lineage)
    p.add_argument("name", metavar="NAME", help="means NAME@champion; or NAME@ALIAS")
    p.add_argument("--json", action="store_true", help="one JSON object a model")
    p = verb(models)
    p.add_argument("--json", action="store_true", help="one JSON object a model")


def _serve_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(serve)
    p.add_argument("model", metavar="MODEL", help="a folder, name@alias, or a shipped model")
    p.add_argument("--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1)")
    p.add_argument("--port", type=int, default=8000, help="default 8000; 0 for one that is free")
    p.add_argument("--token", help="clients show it (default $PROTGRAPH_TOKEN, which no list of "
                   "processes shows)")  # fmt: skip
    p.add_argument("--paths", metavar="DIR", help="requests may name files in it (default none)")
    p.add_argument("--budget", type=int, default=8000, metavar="RESIDUES",
                   help="scored at once, 8000 at most (the default)")  # fmt: skip
    p.add_argument("--longest", type=int, default=10_000, metavar="RESIDUES",
                   help="of a protein (default 10000)")  # fmt: skip
    p.add_argument("--room", type=int, default=1000, metavar="ROWS",
                   help="that wait, at most (default 1000)")  # fmt: skip
    p.add_argument("--body", type=float, default=16.0, metavar="MB",
                   help="of a request (default 16)")  # fmt: skip


def _split_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(data)
    p.add_argument("action", choices=("list", "verify", "fetch"))
    p.add_argument("name", nargs="?", metavar="SET", help="a set or a task; verify: default all")
    p.add_argument("--folder", help="where the sets are (default $PROTGRAPH_DATA)")
    p.add_argument("--mirror", default="", metavar="URL", help="fetch: a copy of such a folder")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    methods = ("auto", "builtin", "mmseqs", "exact")
    p = verb(split)
    p.add_argument("file", metavar="FILE", help="a table (.csv, .tsv, .parquet) or sequences")
    p.add_argument("--by", default="family", help="family (default), random, or a column")
    p.add_argument("--shares", nargs=3, type=float, default=(0.8, 0.1, 0.1),
                   metavar=("TRAIN", "VALID", "TEST"), help="default .8 .1 .1")  # fmt: skip
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--identity", type=float, default=0.3, help="of relatives (default 0.3)")
    p.add_argument("--method", choices=methods, default="auto", help="how relatives are found")
    p.add_argument("-o", "--output", metavar="FILE", help="write there instead of printing")
    _annotation_words(verb)
    _cover_words(verb)
    p = verb(leakage)
    p.add_argument("train", metavar="TRAIN", help="a table or sequences")
    p.add_argument("test", metavar="TEST")
    p.add_argument("--method", choices=methods, default="builtin")
    p.add_argument("-o", "--output", metavar="DIR", help="write a table, a page and a histogram")


def _cover_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(cover)
    p.add_argument("sequences", metavar="SEQUENCES", help="a table or sequences")
    p.add_argument("structures", nargs="+", metavar="STRUCTURES",
                   help="files, folders or archives (.tar, .tar.gz, .tar.xz)")  # fmt: skip
    p.add_argument("--identity", type=float, default=0.95,
                   help="of the residues placed (default 0.95)")  # fmt: skip
    p.add_argument("--coverage", type=float, default=0.5,
                   help="residues placed, of the sequence (default 0.5)")  # fmt: skip
    p.add_argument("-o", "--output", metavar="FILE", help="write there instead of printing")


def _annotation_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(annotate, "annotations")
    p.add_argument("source", metavar="SOURCE", help="a file, or a folder with a folder a class")
    p.add_argument("--format", choices=("deepfri", "gaf", "folder"), required=True)
    p.add_argument(
        "--aspect", choices=("MF", "BP", "CC", "EC"), default="", help="EC of DeepFRI alone"
    )
    p.add_argument("--obo", metavar="FILE", help="ontology: propagates terms; GAF needs it")
    p.add_argument("--evidence", metavar="CODES", help="of GAF: such as EXP,IDA, or all "
                   "(default the experimental ones)")  # fmt: skip
    p.add_argument("--sequences", metavar="FILE", help="FASTA or UniProt records")
    p.add_argument("--structures", metavar="DIR", help="such as 1abc_A.pdb, 1abc.cif, P69905.cif")
    p.add_argument("--split", metavar="SPLIT", help="a table with names and split (and family), or "
                   "train=FILE,valid=FILE,test=FILE with names")  # fmt: skip
    p.add_argument("--least", type=int, help="training proteins of a label, at least "
                   "(default 50 of GAF, 1 of DeepFRI and of folders)")  # fmt: skip
    p.add_argument("-o", "--output", metavar="TABLE", required=True, help="such as table.tsv")


def _language_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(embed)
    p.add_argument("file", metavar="FASTA")
    p.add_argument("-o", "--output", metavar="PATH", required=True,
                   help="folder of the store, or a file ending in .h5")  # fmt: skip
    p.add_argument("--encoder", default="mini", help="name, folder or hub id (default mini)")
    p.add_argument("--layer", type=layers, default=-1, help="such as -1 (the default), 6,8 or all")
    p.add_argument("--pool", choices=("none", "mean"), default="none")
    p.add_argument("--precision", choices=("fp32", "bf16", "int8"), default="fp32")
    p.add_argument("--storage", choices=("fp32", "fp16", "int8"), default="fp32")
    p.add_argument("--device", default="cpu")
    p = verb(fold)
    p.add_argument("file", metavar="FASTA")
    p.add_argument("-o", "--output", metavar="DIR", required=True, help="where models are written")
    p.add_argument("--model", default="facebook/esmfold_v1", help="folder or hub id of an ESMFold")
    p.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    p.add_argument("--device", default="cpu")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; 0, 2 with one line on stderr, or 1 where nobody reads on."""
    args = parser().parse_args(words)
    args.words = list(sys.argv[1:] if words is None else words)
    plain = warnings.formatwarning
    warnings.formatwarning = _said
    try:
        with told():
            status = int(args.do(args))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # What is left of the output is written at the end of the process, to where it may go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, ArithmeticError, ImportError) as error:
        if args.debug:
            raise
        rank = os.environ.get("RANK", "0")
        say(f"rank {rank}: error: {reason(error)}" if rank != "0" else f"error: {reason(error)}")
        return 2
    finally:
        warnings.formatwarning = plain


def _said(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    line: str | None = None,  # noqa: ARG001 - what `warnings` calls it with
) -> str:  # fmt: skip
    """Write a warning that is meant for the user without the line of code that gave it."""
    if category is UserWarning:
        return f"warning: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"
