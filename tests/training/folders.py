"""Folders of trained models, compared file by file and bit by bit."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from forecasting.forecaster.model_folder import WEIGHTS


class Killed(Exception):
    """What a power cut would do, politely."""


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def assert_same_weights(folder: Path, expected: Path) -> None:
    for part in (".", "twin"):
        found, truth = load_file(folder / part / WEIGHTS), load_file(expected / part / WEIGHTS)
        assert found.keys() == truth.keys()
        for name in truth:
            assert torch.equal(found[name], truth[name]), f"{part}/{name}"
