"""``torch.backends.cuda``: not built, with the one switch that programs set."""


class matmul:
    """How float32 matrix products would be computed on a graphics processor."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True


def is_built() -> bool:
    """False."""
    return False
