# SPDX-License-Identifier: Apache-2.0
"""Safetensors files, mapped into memory tensor by tensor, and written as a stream.

The safetensors package gives numpy no bfloat16 and writes only what stands in memory as a whole, so the format (a
length, a JSON header, the bytes) is read and written here; tests hold both ways against the package.

Tests: tests/quant/test_checkpoint.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.rows import over_rows

Array = npt.NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
}
"""Types that numpy has. BF16 is read by ``Tensor.float32``; all others pass through as bytes."""

_STEP = 1 << 20  # values that a thread converts at a time
_WIDTHS = {code: kind.itemsize for code, kind in DTYPES.items()} | {"BF16": 2}
_LONGEST = 100_000_000  # bytes of a header, as in the safetensors package
_DAMAGED = "Fetch or write the file again."


@dataclass(frozen=True)
class Tensor:
    """A tensor in a file, not yet read.

    Attributes:
        name: in its file.
        path: the file.
        dtype: the format's name of it, such as F32 or BF16.
        shape: as the header gives it.
        offset: of its first byte in the file.
        size: in bytes.
    """

    name: str
    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int

    def raw(self) -> npt.NDArray[np.uint8]:
        """Its bytes, uint8[size], mapped read-only; the mapping ends with the array."""
        if self.size == 0:
            return np.empty(0, dtype=np.uint8)
        return np.memmap(self.path, dtype=np.uint8, mode="r", offset=self.offset, shape=(self.size,))

    def array(self) -> Array:
        """Its values in its own type, read-only and mapped.

        Raises:
            HaloError: numpy has no such type.
        """
        if self.dtype not in DTYPES:
            raise HaloError(f"{self.name} holds {self.dtype}", f"Types read here: {', '.join(DTYPES)}.", self.path)
        return self.raw().view(DTYPES[self.dtype]).reshape(self.shape)

    def float32(self) -> npt.NDArray[np.float32]:
        """Its values as a new float32 array, exactly; from BF16, F16 or F32.

        Raises:
            HaloError: another type, which float32 would round or which holds no weights.
        """
        values = np.empty(self.shape, dtype=np.float32)
        flat = values.reshape(-1)
        if self.dtype == "BF16":
            high, wide = self.raw().view("<u2"), flat.view(np.uint32)
            over_rows(lambda a, b: np.left_shift(high[a:b], 16, out=wide[a:b], dtype=np.uint32), len(flat), _STEP, None)
        elif self.dtype in ("F16", "F32"):
            stored = self.array().reshape(-1)
            over_rows(lambda a, b: np.copyto(flat[a:b], stored[a:b]), len(flat), _STEP, None)
        else:
            raise HaloError(
                f"{self.name} holds {self.dtype}, not weights in F32, F16 or BF16",
                "Give a checkpoint in one of these types, or one whose quantization_config says how it is quantized.",
                self.path,
            )
        return values


@dataclass(frozen=True)
class Planned:
    """A tensor to write: its place in the header, and a function that makes its values when their turn comes.

    Attributes:
        name, dtype, shape: for the header.
        size: in bytes.
        make: gives the values; only their bytes are looked at.
    """

    name: str
    dtype: str
    shape: Sequence[int]
    size: int
    make: Callable[[], Array]

    @classmethod
    def of(cls, name: str, values: Array) -> Planned:
        """Plan an array that is already there; its type must be one of ``DTYPES``."""
        return cls.like(name, values.dtype, values.shape, lambda: values)

    @classmethod
    def like(cls, name: str, kind: np.dtype[Any], shape: Sequence[int], make: Callable[[], Array]) -> Planned:
        """Plan an array of that type and shape that ``make`` will give."""
        little = kind.newbyteorder("<") if kind.itemsize > 1 else kind
        dtype = next(code for code, known in DTYPES.items() if known == little)
        return cls(name, dtype, shape, kind.itemsize * int(np.prod(shape)), make)

    @classmethod
    def copy(cls, tensor: Tensor) -> Planned:
        """Plan the bytes of a tensor in another file."""
        return cls(tensor.name, tensor.dtype, tensor.shape, tensor.size, tensor.raw)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the header of a safetensors file.

    Raises:
        HaloError: the file is no safetensors file, or is cut off.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST):
            raise HaloError("this is no safetensors file, or it is cut off", _DAMAGED, path)
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            start = 8 + length
            tensors = {name: _tensor(name, path, start, entry) for name, entry in header.items()}
        except RecursionError:
            raise HaloError("the header is damaged: it is nested without end", _DAMAGED, path) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HaloError(f"the header is damaged: {error}", _DAMAGED, path) from error
    for tensor in tensors.values():
        if tensor.offset + tensor.size > size:
            raise HaloError(f"the file is cut off: {tensor.name} should end later", _DAMAGED, path)
        width = _WIDTHS.get(tensor.dtype)
        if width is not None and math.prod(tensor.shape) * width != tensor.size:
            raise HaloError(f"the header is damaged: {tensor.name} has another size than its shape", _DAMAGED, path)
    return tensors


def write_tensors(path: Path, planned: Sequence[Planned]) -> None:
    """Write tensors one after the other, sorted by name, so that only one is in memory; same tensors, same bytes.

    Raises:
        ValueError: a tensor turned out in another size than planned.
    """
    ordered = sorted(planned, key=lambda tensor: tensor.name)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in ordered:
        start, end = end, end + tensor.size
        header[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for tensor in ordered:
            values = np.ascontiguousarray(tensor.make())
            if values.nbytes != tensor.size:
                raise ValueError(f"{tensor.name} has {values.nbytes} bytes, planned {tensor.size}")
            file.write(values.reshape(-1).view(np.uint8).data)


def _tensor(name: str, path: Path, start: int, entry: dict[str, Any]) -> Tensor:
    first, last = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(type(number) is int and number >= 0 for number in (first, last, *shape)) or first > last:
        raise ValueError(f"the offsets or the shape of {name} are not whole numbers in order")
    return Tensor(name, path, str(entry["dtype"]), shape, start + first, last - first)
