"""The shelf of benchmark sets: what each is, whose it is, and the checksums of its files."""

from __future__ import annotations

import fnmatch
from typing import NamedTuple


class File(NamedTuple):
    """A file of the folder that `PROTGRAPH_DATA` names.

    Parameters
    ----------
    path : str
        Seen from that folder.
    size : int
        Bytes.
    sha256 : str
    url : str
        Where these very bytes are public; "" where no such place is known.

    Examples
    --------
    >>> FILES["gb1/gb1_splits.zip"].size
    1241473
    """

    path: str
    size: int
    sha256: str
    url: str = ""


class Set(NamedTuple):
    """A named set.

    Parameters
    ----------
    name, what : str
    source : str
        Whose data it is, with the publication.
    licence : str
        As the source states it.
    origin : str
        Page of the source, to read or to ask for what cannot be downloaded.
    files : tuple of str
        Of `FILES`.
    tasks : tuple of str
        Names in `protgraph.data.sets.SETS` that are read from these files; `*` stands for any
        letters.

    Examples
    --------
    >>> named("gb1-sampled").files
    ('gb1/gb1_splits.zip',)
    """

    name: str
    what: str
    source: str
    licence: str
    origin: str
    files: tuple[str, ...]
    tasks: tuple[str, ...]


FILES: dict[str, File] = {file.path: file for file in (File(*row) for row in (
    ("structures/chains.tar.xz", 38072968,
     "b6823160eb6b220be76c4b50d603c59de3e1df1431645f8bb699b611002c50a8"),
    ("structures/unlabelled.tar.xz", 63920044,
     "c0b7088cb436ddb42ee667f81c322aaac4c35c80e29ab05f6278b6376658b5a6"),
    ("binding_sites/labels.tsv", 162390,
     "02888616238ed5d972dc14f7f58954e2595dde17473016a96a82e16cc04c29c5"),
    ("enzyme_class/labels.tsv", 18947,
     "6a3890c04a6f2ba2207c84e65b21bead284f9a4321646fd7f82868abf69dd254"),
    ("function_ec/ec_chains.tsv.gz", 854149,
     "14ad0373a72d7843eaf21b3328d2fc7388e85ccc7dd95527b1e06c6e53e24b8a"),
    ("function_ec/ec_structures.tsv", 19885,
     "4edb4c6b80c12cf758a2bb6b3770264afe5c0693530d7b8d733bdb3a79386ce5"),
    ("interfaces/db55.tar.xz", 27425504,
     "a42392f0b470151f2c170e7e2bd4fb20bc8b1dde38e56e6bda52a18153f68fdf"),
    ("localisation/psortb3_bacteria.csv.gz", 2289497,
     "4d22ef094dace7b8969c8961ae818a2ddb3d806db943819789a96c306bcae4cf"),
    ("secondary_structure/secondary_structure_splits.zip", 2321037,
     "2e9bbbfd18a055bcac7edd4e059a6bf4bb35ca3ad8f8fa4fc3106422652a4726"),
    ("topology/tmbed_topology.csv.gz", 2439930,
     "e1d83c1f9fae558859b8f3fbe042cff2f60c8b346a8ba9088de2ec9bf65eddd6"),
    ("fluorescence/gfp_tape.csv.gz", 759078,
     "fb40ca93e2fbcf68aa5651af1b0cb40a5506d62cccdb82cc5972c819a0730c85"),
    ("fluorescence/gfp_wt.fasta", 287,
     "48f19f4dad5122b45033a75fee0bae291d9b8eedc9ffa70770a43966020ca694"),
    ("stability/stability_tape.csv.gz", 1517212,
     "fc863721e8b18d20d436640107c38702f75947b799919c498a48acaf6c1fee1b"),
    ("gb1/gb1_splits.zip", 1241473,
     "00a3c3d5be56ce35adfbec838db8ff549be369525e151a6978133da34b9fd86f"),
    ("ppi_yeast/yeast_pairs.csv.gz", 732030,
     "e8ea0f6f28b206721b4dc1c37a3cdd04913f1e70eca56857061926d6d142e3de"),
    ("ppi_yeast/yeast_swissprot_oneliner.fasta.gz", 1757145,
     "de4f51757be2178ae428187dd0c05a0a55b663b89e0570d2ee0c469278076131"),
    ("ppi_human/covered_pairs.csv.gz", 690754,
     "cdcce5875b055077245ed9e3b62c046431144985c09ebadd0a3816ef77e1c69d"),
    ("ppi_human/covered_sequences.csv.gz", 2241346,
     "153973fac66636d0d786f8102048e163d70143407e1921faa9a43a027b274039"),
    ("ppi_shs27k/shs27k_pairs.csv.gz", 39309,
     "9006b1201ea0e06c1183ce0c68b95427ef30b6811dd8d528a3ff45fb6ea1f02f"),
    ("ppi_shs27k/shs27k_sequences.csv.gz", 573415,
     "79ab038c4fe964e965833322a963a06aafe937a024ee85eaea9a89ffd4d53c59"),
    ("ppi_shs27k/splits_seed0-2.json.gz", 20458,
     "625077bc1309526616d104fd12e73f83c8910425882a2da507289583cdba4865"),
    ("pretrain/train_0.tsv.xz", 8654152,
     "f04e5ae8fbdcbd085950e86a58130923ccec3336f105eb08c5eb23c0fcd6fecb"),
    ("pretrain/train_1.tsv.xz", 8688116,
     "dbe6428176b69ebab432cb47672b0bf3518349150c02aea0e1ea431f9d43bef2"),
    ("pretrain/train_2.tsv.xz", 9322596,
     "2c977743e989b5d83f90b5985ed74371d0f4301b601b6da5faae5761ba0546cf"),
    ("pretrain/train_3.tsv.xz", 8138428,
     "dc6456cccef6b097478854b3bc897ddb82b77e01dc770a2691505f96fb94106e"),
    ("pretrain/valid.tsv.xz", 388792,
     "40e7a6590e27d8e92649755309385886e4d481ac8585a8c2467bb7926918090f"),
))}  # fmt: skip
"""Every file, by its path."""

SHELF: dict[str, Set] = {one.name: one for one in (
    Set("sites", "residues of human PDB chains that bind one of ten ligands",
        "GPSite (Yuan et al., eLife 13:RP93695, 2024); PDB chains by way of LBS-comparison",
        "labels MIT, coordinates CC0", "https://github.com/biomed-AI/GPSite",
        ("binding_sites/labels.tsv", "structures/chains.tar.xz"),
        ("zinc-site", "calcium-site", "magnesium-site", "peptide-site", "ligand-sites")),
    Set("interface", "complexes of two proteins, bound and unbound",
        "Docking Benchmark 5.5 by way of EquiDock",
        "MIT, coordinates CC0", "https://github.com/octavian-ganea/equidock_public",
        ("interfaces/db55.tar.xz",), ("interface",)),
    Set("enzyme-class", "top EC digit of human PDB chains",
        "EC numbers of SIFTS; PDB chains by way of LBS-comparison",
        "labels not stated, coordinates CC0", "https://github.com/bartongroup/LBS-comparison",
        ("enzyme_class/labels.tsv", "structures/chains.tar.xz"), ("enzyme-class",)),
    Set("ec-chains", "EC numbers of PDB chains, by sequence",
        "DeepFRI (Gligorijević et al., Nat Commun 12:3168, 2021)",
        "BSD-3-Clause", "https://github.com/flatironinstitute/DeepFRI",
        ("function_ec/ec_chains.tsv.gz",), ("ec-chains",)),
    Set("ec-structures", "EC numbers of human PDB chains with coordinates",
        "DeepFRI (Gligorijević et al., Nat Commun 12:3168, 2021) on PDB chains",
        "labels BSD-3-Clause, coordinates CC0", "https://github.com/flatironinstitute/DeepFRI",
        ("function_ec/ec_structures.tsv", "structures/chains.tar.xz",
         "structures/unlabelled.tar.xz"), ("ec-structures",)),
    Set("localisation", "where in the cell bacterial proteins are found",
        "training data of PSORTb 3.0 (Yu et al., Bioinformatics 26:1608, 2010) by way of ProFET",
        "labels not stated, sequences CC BY 4.0", "https://github.com/ddofer/ProFET",
        ("localisation/psortb3_bacteria.csv.gz",), ("localisation",)),
    Set("secondary-structure", "three-state secondary structure of PDB chains",
        "NetSurfP-2 (Klausen et al., Proteins 87:520, 2019) by way of FLIP",
        "AFL-3.0", "https://github.com/J-SNACKKB/FLIP/tree/main/splits/secondary_structure",
        ("secondary_structure/secondary_structure_splits.zip",), ("secondary-structure",)),
    Set("topology", "where chains cross a membrane",
        "TMbed (Bernhofer and Rost, BMC Bioinformatics 23:326, 2022)",
        "Apache-2.0", "https://github.com/BernhoferM/TMbed",
        ("topology/tmbed_topology.csv.gz",), ("topology",)),
    Set("fluorescence", "brightness of variants of avGFP",
        "Sarkisyan et al., Nature 533:397 (2016), by way of METL; split of TAPE",
        "CC BY (data), MIT (METL)", "https://github.com/gitter-lab/metl",
        ("fluorescence/gfp_tape.csv.gz", "fluorescence/gfp_wt.fasta"), ("fluorescence",)),
    Set("stability", "stability of designed mini-proteins",
        "Rocklin et al., Science 357:168 (2017), split of TAPE",
        "BSD-3-Clause", "https://github.com/songlab-cal/tape",
        ("stability/stability_tape.csv.gz",), ("stability",)),
    Set("gb1", "fitness of variants of protein GB1 at four sites",
        "Wu et al., eLife 5:e16965 (2016), splits of FLIP",
        "CC BY 4.0 (data), AFL-3.0 (splits)",
        "https://github.com/J-SNACKKB/FLIP/tree/main/splits/gb1",
        ("gb1/gb1_splits.zip",), ("gb1-*",)),
    Set("ppi-yeast", "interactions of yeast proteins in three splits",
        "Guo et al., Nucleic Acids Res 36:3025 (2008); splits of Bernett et al. (2024)",
        "GPL-3.0", "https://github.com/daisybio/data-leakage-ppi-prediction",
        ("ppi_yeast/yeast_pairs.csv.gz", "ppi_yeast/yeast_swissprot_oneliner.fasta.gz"),
        ("ppi-yeast-*",)),
    Set("ppi-human", "interactions of human proteins, none similar between sides",
        "Bernett et al., Brief Bioinform 25:bbae076 (2024)",
        "labels not stated, sequences CC BY 4.0", "https://doi.org/10.6084/m9.figshare.21591618",
        ("ppi_human/covered_pairs.csv.gz", "ppi_human/covered_sequences.csv.gz"),
        ("ppi-human",)),
    Set("ppi-human-structures", "those of ppi-human whose partners both have a PDB chain",
        "Bernett et al., Brief Bioinform 25:bbae076 (2024); PDB",
        "labels not stated, sequences CC BY 4.0, coordinates CC0",
        "https://doi.org/10.6084/m9.figshare.21591618",
        ("ppi_human/covered_pairs.csv.gz", "ppi_human/covered_sequences.csv.gz",
         "structures/chains.tar.xz", "structures/unlabelled.tar.xz"), ("ppi-human-structures",)),
    Set("shs27k", "types of interaction between human proteins",
        "STRING by way of GNN-PPI (Lv et al., IJCAI 2021)",
        "MIT", "https://github.com/lvguofeng/GNN_PPI",
        ("ppi_shs27k/shs27k_pairs.csv.gz", "ppi_shs27k/shs27k_sequences.csv.gz",
         "ppi_shs27k/splits_seed0-2.json.gz"), ("shs27k-*",)),
    Set("pretrain", "natural sequences to pretrain a language model on",
        "NCBI RefSeq and public repositories, clusters held out",
        "no restrictions by NCBI, the rest MIT or Apache-2.0",
        "https://www.ncbi.nlm.nih.gov/refseq",
        ("pretrain/train_0.tsv.xz", "pretrain/train_1.tsv.xz", "pretrain/train_2.tsv.xz",
         "pretrain/train_3.tsv.xz", "pretrain/valid.tsv.xz"), ("pretrain",)),
)}  # fmt: skip
"""Every set, by its name."""


def named(name: str) -> Set:
    """Find a set by its own name, or by a task that reads it.

    Raises
    ------
    ValueError
        Where there is none.

    Examples
    --------
    >>> named("zinc-site").name, named("sites").licence
    ('sites', 'labels MIT, coordinates CC0')
    """
    if name in SHELF:
        return SHELF[name]
    for one in SHELF.values():
        if any(fnmatch.fnmatchcase(name, task) for task in one.tasks):
            return one
    raise ValueError(f"No set {name!r}. There are: {', '.join(SHELF)}.")
