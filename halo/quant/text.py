# SPDX-License-Identifier: Apache-2.0
"""Text to windows of tokens, and in words by which convention: perplexities of two conventions do not compare.

Tests: tests/quant/test_accuracy.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError

_DOCUMENT_END = "<|endoftext|>"


@dataclass(frozen=True)
class Convention:
    """How a text becomes windows. The tail that fills no window is dropped.

    Attributes:
        length: tokens a window, BOS included; each window scores ``length - 1``. None: 2048, or the model's context
            where that is shorter.
        join_lines: put the lines together as the papers do with WikiText: every line with its newline (blank ones
            without), joined by two newlines. False: the text as it is.
        bos_each: every window begins with BOS and the text is tokenized without special tokens; ``<|endoftext|>``
            between documents becomes a newline. False: the tokenizer's own special tokens, once.
    """

    length: int | None = None
    join_lines: bool = True
    bos_each: bool = False


#: GPTQ, SqueezeLLM, AWQ, SmoothQuant and HALO report WikiText-2 this way (Llama-2-7B: 5.47).
PAPERS = Convention()


@dataclass(frozen=True, eq=False)
class Windows:
    """Token windows.

    Attributes:
        tokens: int64[windows, length].
        label: the convention, in words, for every figure made from them.
    """

    tokens: npt.NDArray[np.int64]
    label: str

    @property
    def scored(self) -> int:
        """Tokens that are predicted from others."""
        return len(self.tokens) * (int(self.tokens.shape[1]) - 1)

    @property
    def digest(self) -> str:
        """SHA-256 of the tokens and their shape."""
        return hashlib.sha256(repr(self.tokens.shape).encode() + self.tokens.astype("<i8").tobytes()).hexdigest()


def read_text(path: Path) -> str:
    """A text file, newlines as they are.

    Raises:
        HaloError: missing, or not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise HaloError(f"the text cannot be read: {error.strerror}", "Give a text file.", path) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise HaloError("the text is not UTF-8", "Convert it: iconv -t UTF-8.", path, line) from None


def windows_of(
    text: str, tokenizer: Any, context: int, convention: Convention = PAPERS, limit: int | None = None
) -> Windows:
    """Tokenise a text once and cut it into windows that do not overlap.

    Args:
        text: all of it.
        tokenizer: a transformers tokenizer.
        context: longest window the model takes.
        convention: how.
        limit: keep the first so many windows; None: all.

    Raises:
        HaloError: shorter than one window, a window longer than the context, or a BOS the tokenizer does not have.
    """
    length = convention.length if convention.length is not None else min(2048, context)
    if not 2 <= length <= context:
        raise HaloError(
            f"a window of {length} token{'s' * (length != 1)} does not fit the model",
            f"Give --length 2 to {context}.",
        )
    if limit is not None and limit < 1:
        raise HaloError(f"{limit} windows are none", "Give 1 or more.")
    if convention.join_lines:
        text = "\n\n".join(line if line.strip() else "" for line in text.splitlines(keepends=True))
    if convention.bos_each:
        text = text.replace(_DOCUMENT_END, "\n")
        if tokenizer.bos_token_id is None:
            raise HaloError("the tokenizer has no BOS token", "Take the papers' convention.")
    ids = tokenizer(text, add_special_tokens=not convention.bos_each, verbose=False)["input_ids"]
    tokens = np.asarray(ids, dtype=np.int64)
    payload = length - 1 if convention.bos_each else length
    whole = len(tokens) // payload
    if whole == 0:
        raise HaloError(f"the text has {len(tokens)} tokens and a window {payload}", "Give more text or less length.")
    taken = min(whole, limit or whole)
    windows = tokens[: taken * payload].reshape(taken, payload)
    if convention.bos_each:
        windows = np.concatenate((np.full((taken, 1), tokenizer.bos_token_id), windows), axis=1)
    parts = [
        'lines joined by "\\n\\n"' if convention.join_lines else "text as it is",
        "tokenized once",
        (
            f"{taken} window{'s' * (taken != 1)} of "
            + (f"BOS + {payload}" if convention.bos_each else f"{length}")
            + " tokens"
        )
        + ("" if taken == whole else f" (the first of {whole})"),
        "no overlap",
        "tail dropped",
    ]
    return Windows(np.ascontiguousarray(windows), ", ".join(parts))
