"""Finds the process that listens on a TCP port, for the error that the port is in use."""

import contextlib
import os
from collections.abc import Iterator

# The state TCP_LISTEN in /proc/net/tcp (proc_net_tcp.txt of the Linux kernel).
_LISTENING = "0A"


def owner_of_port(port: int) -> str:
    """Return the id and the name of the process that listens on a port; empty if the system does not show it."""
    sockets = {f"socket:[{inode}]" for table in ("/proc/net/tcp", "/proc/net/tcp6") for inode in _inodes(table, port)}
    if sockets:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # The process has ended, or belongs to another user.
                if any(os.readlink(f"/proc/{pid}/fd/{fd}") in sockets for fd in os.listdir(f"/proc/{pid}/fd")):
                    return f"process {pid} ({_name(pid)})"
    return ""


def _inodes(table: str, port: int) -> Iterator[str]:
    """The inode numbers of the sockets in a table of the kernel that listen on a port."""
    with contextlib.suppress(OSError), open(table, encoding="ascii") as lines:
        next(lines, None)
        for line in lines:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                yield inode


def _name(pid: str) -> str:
    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
        # A process can choose any name. This one will be shown on a terminal.
        return "".join(character if character.isprintable() else "?" for character in file.read().strip())
