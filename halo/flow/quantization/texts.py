# SPDX-License-Identifier: Apache-2.0
"""How a text file becomes windows of tokens for calibration and evaluation.

Tests: tests/flow/test_quantize.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from halo.errors import HaloError
from halo.keywords import checked
from halo.quant.text import Convention, Windows, read_text, windows_of
from halo.quant.torch_model import RunningModel


@checked
@dataclass(frozen=True)
class TextOptions:
    """How a text becomes windows of tokens.

    Attributes:
        convention: ``papers`` (lines joined by two newlines) or ``documents`` (BOS in front of every window).
        length: tokens a window; None: 2048, or the model's context where that is shorter.
        windows: the first so many; None: all.
    """

    convention: Literal["papers", "documents"] = "papers"
    length: int | None = None
    windows: int | None = None

    def read(self, path: Path, model: RunningModel) -> Windows:
        """The windows of a text file.

        Raises:
            HaloError: no such text, shorter than one window, or tokens that the model does not know.
        """
        documents = self.convention == "documents"
        how = Convention(self.length, join_lines=not documents, bos_each=documents)
        windows = windows_of(read_text(path), model.tokenizer, model.context, how, self.windows)
        last = int(windows.tokens.max())
        if last >= model.vocabulary:
            what = f"the tokenizer gives token {last}, and the model knows {model.vocabulary} tokens"
            raise HaloError(what, "Give the tokenizer of this model: --tokenizer FOLDER.", model.path)
        return windows
