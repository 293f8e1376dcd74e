"""A student against its teacher; its convolutions of proteins in a line, against padded ones.

A smoke run takes seconds; `PROTGRAPH_BENCHMARK=full` draws more batches. One thread.
`pytest benchmarks/test_student.py -s` shows the table, `RESULTS.md` keeps one.
"""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import EsmConfig, EsmModel

from protgraph import recipe as recipes
from protgraph.distilling.price import price
from protgraph.language.convolution import Convolutions
from protgraph.language.fairesm import VOCABULARY
from protgraph.models.model import Model
from protgraph.models.student import Student, StudentConfig
from protgraph.running.inputs import config_of
from protgraph.structure import synthetic
from protgraph.tasks.catalogue import TASKS

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
BATCHES, ROUNDS = (40, 6) if FULL else (2, 1)


class Padded(torch.nn.Module):
    """The same weights, convolved by torch with all padding in between."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, ids, mask):
        net, inside = self.net, mask[:, :, None].float()
        h = net.word(ids)
        for norm, conv in zip(net.norms, net.convs, strict=True):
            image = (norm(h) * inside).transpose(1, 2)[:, :, None]
            image = F.conv2d(
                image, conv.weight, conv.bias, padding=(0, conv.reach), dilation=(1, conv.step)
            )
            h = h + F.gelu(image)[:, :, 0].transpose(1, 2)
        return net.last(h) * inside


def batch(rng, proteins, alike):
    lengths = np.full(proteins, 200) if alike else rng.integers(50, 400, proteins)
    mask = torch.arange(int(lengths.max())) < torch.from_numpy(lengths)[:, None]
    return torch.from_numpy(rng.integers(0, 20, mask.shape)).where(mask, 21), mask


def trained(net, given):
    net(*given).square().mean().backward()


@torch.inference_mode()
def asked(net, given):
    net(*given)


@pytest.mark.parametrize("language", ["none", "mini", "ESM-2 8M"])
def test_a_student_against_its_teacher(language, tmp_path):
    """Random weights: times do not depend on them; language "none" is what the README compares."""
    name = esm2(tmp_path) if language == "ESM-2 8M" else language.removesuffix("none")
    words = [f"vectors.encoder={name}"] if name else []
    recipe, _ = recipes.load("zinc_site/egnn", words)
    teacher = Model(config_of(recipe, TASKS["zinc-site"].named(("zinc",))))
    settings, _ = recipes.load("zinc_site/student")
    student = Student(StudentConfig(**settings.part("student"))).eval()
    sizes = np.linspace(60, 200, 9 if FULL else 2).astype(int)
    proteins = [synthetic.protein(k, length=int(size)) for k, size in enumerate(sizes)]
    slow, fast = (price([model], proteins) for model in (teacher.eval(), student))
    print(
        f"\n| {language} | {slow.ms[0]:.2f} | {fast.ms[0]:.2f} | {slow.ms[0] / fast.ms[0]:.1f} "
        f"| {slow.flops / fast.flops:.1f} |"
    )


def esm2(folder):
    """A checkpoint of the shape of ESM-2 8M (Lin et al., Science 379:1123, 2023)."""
    shape = EsmConfig(
        vocab_size=33, hidden_size=320, num_hidden_layers=6, num_attention_heads=20,
        intermediate_size=1280, position_embedding_type="rotary", token_dropout=True,
        mask_token_id=32, pad_token_id=1, max_position_embeddings=1026, emb_layer_norm_before=False,
    )  # fmt: skip
    EsmModel(shape, add_pooling_layer=False).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    return str(folder)


@pytest.mark.parametrize(
    ("work", "proteins", "alike", "seen"),
    [
        (asked, 1, False, True),
        (asked, 1, False, False),
        (asked, 16, False, True),
        (asked, 16, False, False),
        (asked, 16, True, True),  # after the first batch no length is new
        (trained, 16, False, True),
        (trained, 16, False, False),
    ],
)
def test_in_a_line_against_padded(work, proteins, alike, seen):
    torch.manual_seed(0)
    net = Convolutions(64, layers=4, kernel=5, dropout=0.0)
    rng, threads = np.random.default_rng(proteins + 2 * seen), torch.get_num_threads()
    given = [batch(rng, proteins, alike) for _ in range(BATCHES)]
    least = {"padded": np.inf, "line": np.inf}
    torch.set_num_threads(1)
    try:
        for _ in range(ROUNDS if seen else 1):
            for name, own in (("padded", Padded(net)), ("line", net)):
                start = time.process_time()
                for one in given:
                    work(own, one)
                least[name] = min(least[name], 1000 * (time.process_time() - start) / BATCHES)
    finally:
        torch.set_num_threads(threads)
    padded, line = least.values()
    lengths = "200" if alike else "50-399"
    print(
        f"\n| {work.__name__} | {proteins} | {lengths} | {'yes' if seen else 'no'} "
        f"| {padded:.2f} | {line:.2f} | {padded / line:.2f} |"
    )
    torch.testing.assert_close(net(*given[0]), Padded(net)(*given[0]), atol=1e-5, rtol=1e-5)
