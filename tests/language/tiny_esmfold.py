"""A small random ESMFold, for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import torch

from protgraph.language.fairesm import VOCABULARY

TRUNK = {
    "num_blocks": 2,
    "sequence_state_dim": 32,
    "sequence_head_width": 16,
    "pairwise_state_dim": 16,
    "pairwise_head_width": 8,
    "max_recycles": 2,
    "structure_module": {
        "sequence_dim": 16,
        "pairwise_dim": 16,
        "ipa_dim": 4,
        "resnet_dim": 16,
        "num_heads_ipa": 2,
        "num_blocks": 2,
    },
}


def network(trunk=TRUNK, *, seed=0):
    """Random weights, all moved from where they start, so that no two residues are in one place."""
    from transformers import EsmConfig, EsmForProteinFolding

    torch.manual_seed(seed)
    config = EsmConfig(
        vocab_size=len(VOCABULARY),
        vocab_list=VOCABULARY,
        pad_token_id=VOCABULARY.index("<pad>"),
        mask_token_id=VOCABULARY.index("<mask>"),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        position_embedding_type="rotary",
        token_dropout=True,
        is_folding_model=True,
        esmfold_config={"lddt_head_hid_dim": 16, "trunk": trunk},
    )
    config.esmfold_config.fp16_esm = False
    model = EsmForProteinFolding(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model


def write(folder: Path, **how) -> str:
    """Write it in transformers format; whoever uses it calls it random."""
    network(**how).save_pretrained(folder)
    return str(folder)
