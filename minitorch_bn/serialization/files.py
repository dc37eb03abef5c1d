"""Files that are whole or not there, and the zip archives two of the formats are made of."""

from __future__ import annotations

import os
import zipfile
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def write_whole(path: str, write: Callable[[IO[bytes]], None]) -> None:
    """Calls ``write(file)`` on a file that takes the place of ``path`` only when it is complete and on disk.

    Symbolic links are followed; an existing file's permissions are kept, and one that may not be written to is not.
    """
    path = os.path.realpath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    exists = os.path.exists(path)
    if exists and (not os.path.isfile(path) or not os.access(path, os.W_OK)):
        with open(path, "wb") as file:  # a device is written to as it is; a folder, a read-only file: OSError
            write(file)
        return
    temporary = os.path.join(folder, f".{os.path.basename(path)[:200]}.{os.urandom(6).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)  # less the umask, as open() does it
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if exists:
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """The new name, too, is on disk when ``save`` returns; where folders cannot be synced, soon after."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


@contextmanager
def reading(name: object) -> Iterator[None]:
    """Whatever a damaged file makes the readers say becomes one RuntimeError that names the file and the reason."""
    try:
        yield
    except UnpicklingError as refusal:
        raise UnpicklingError(f"{name}: {refusal}") from None
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise RuntimeError(
            f"{name} cannot be loaded: {reason}. Is it damaged, cut off or of another format?"
        ) from error


class Archive:
    """A zip archive of entries that are stored as they are: none may claim more bytes than the file has."""

    def __init__(self, file: IO[bytes]) -> None:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        if not size:
            raise ValueError("the file is empty")
        self._zip = zipfile.ZipFile(file)
        self.entries = {info.filename: info for info in self._zip.infolist()}
        if any(e.compress_type != zipfile.ZIP_STORED or e.file_size != e.compress_size for e in self.entries.values()):
            raise ValueError("an entry is compressed")
        if sum(e.file_size for e in self._zip.infolist()) > size:
            raise ValueError("the entries claim more bytes than the file has")

    def size(self, name: str) -> int:
        """The bytes of an entry."""
        if name not in self.entries:
            raise ValueError(f"there is no entry {name}")
        return self.entries[name].file_size

    def read(self, name: str) -> bytes:
        """An entry, its checksum verified."""
        size, data = self.size(name), self._zip.read(name)
        if len(data) != size:
            raise ValueError(f"the entry {name} is cut off")
        return data


class ArchiveWriter:
    """Writes entries one after the other, each at a multiple of 64 bytes so that it can be mapped into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w")

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self._zip.close()

    def write(self, name: str, data: Any) -> None:
        """One entry from bytes or a flat array; its date is 1980, so that equal contents make equal files."""
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o644 << 16
        start = self._zip.start_dir + 30 + len(name.encode())  # where the data would begin
        padding = -(start + 4) % 64
        info.extra = b"FB" + padding.to_bytes(2, "little") + bytes(padding)
        self._zip.writestr(info, data)
