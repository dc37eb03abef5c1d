"""Tables of vectors, looked up by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.creation import empty
from minitorch_bn.nn import functional as F
from minitorch_bn.nn import init
from minitorch_bn.nn.modules._registered import registered
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import Parameter

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor
    from minitorch_bn.dtypes import dtype as DType


class Embedding(Module):
    """A learned vector for each of ``num_embeddings`` numbers: int64 (...) -> (..., embedding_dim).

    Args:
        num_embeddings: how many vectors.
        embedding_dim: the size of each.
        padding_idx: this row starts at 0 and gets no gradient.
        max_norm: longer rows are shortened when they are looked up.
        norm_type: the norm that ``max_norm`` means.
        scale_grad_by_freq: divides each row's gradient by how often it was looked up.
        sparse: accepted; gradients are dense.
        device: the CPU.
        dtype: of ``weight``; the default dtype if None.

    ``weight`` (num_embeddings, embedding_dim) starts with standard normal numbers.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.Embedding(10, 3, padding_idx=0); layer
    Embedding(10, 3, padding_idx=0)
    >>> layer(torch.tensor([[1, 2, 4], [4, 3, 0]])).shape
    torch.Size([2, 3, 3])
    """

    weight: Tensor = registered()

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise AssertionError("Padding_idx must be within num_embeddings")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            table = empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not _freeze)
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draws the table; the row at ``padding_idx`` is set to 0 afterwards."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Tensor) -> Tensor:
        """``functional.embedding``."""
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq is not False:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text + ", sparse=True" if self.sparse is not False else text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer around a table (num_embeddings, embedding_dim), which is not trained if ``freeze``."""
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, cols = embeddings.shape
        return cls(
            rows,
            cols,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )
