"""``torch.backends.cudnn``: not available; its switches can be set and change nothing."""

enabled = True
deterministic = False
benchmark = False
allow_tf32 = True


def is_available() -> bool:
    """False."""
    return False


def version() -> None:
    """None."""
