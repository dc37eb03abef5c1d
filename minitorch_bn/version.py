"""Which version this is, as ``torch.version``."""

__version__ = "0.1.0"
cuda = hip = xpu = None  # the versions of what a build for graphics processors would use
debug = False
