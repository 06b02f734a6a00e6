"""A Debian release in a folder, made by debootstrap."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from platforms.command import run

# What a program in the folder shares with the machine: devices, terminals, processes, name resolution, trusted
# certificates. In this order, and private: what is mounted in a folder of another mount would appear there too.
MOUNTS = {
    "dev": ["--bind", "--make-private", "/dev"],
    "dev/pts": ["--bind", "--make-private", "/dev/pts"],
    "proc": ["-t", "proc", "proc"],
    "sys": ["-t", "sysfs", "sysfs"],
}
SHARED_FILES = ["etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"]
# Of the machine's environment only what says how to reach the network.
KEPT_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL")


def mirror() -> str:
    """Where packages come from: DEBIAN_MIRROR, or what this machine's own apt uses for Debian's main archive."""
    chosen = os.environ.get("DEBIAN_MIRROR")
    if chosen:
        return chosen
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Component: main"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    archives = [uri for uri in listed if uri.rstrip("/").endswith("/debian")]
    if not archives:
        raise SystemExit("apt names no Debian archive: run apt-get update first, or set DEBIAN_MIRROR")
    return archives[0]


class Chroot:
    """A Debian release in a folder.

    Args:
        folder: where it is, or will be.
        release: the name of the Debian release.
        packages: what is installed beside the essential ones.
        architecture: Debian's name of the processor, where it is not this machine's. Such a folder is unpacked and not
            configured, which is enough to run an interpreter, and takes seconds where an emulator takes an hour.
    """

    def __init__(self, folder: Path, release: str, packages: Sequence[str], architecture: str | None = None) -> None:
        self.folder = folder
        self.release = release
        self.packages = packages
        self.architecture = architecture

    def create(self) -> None:
        """Make it, unless it is there."""
        done = self.folder / ".complete"
        if done.exists():
            return
        options = ["--variant=minbase", f"--include={','.join(self.packages)}"]
        if self.architecture is not None:
            options += ["--foreign", f"--arch={self.architecture}"]
        # A release that debootstrap is older than is made like the newest one that it knows.
        script = [] if Path("/usr/share/debootstrap/scripts", self.release).exists() else ["sid"]
        run("debootstrap", *options, self.release, self.folder, mirror(), *script)
        if self.architecture is not None:
            for package in sorted((self.folder / "var/cache/apt/archives").glob("*.deb")):
                run("dpkg-deb", "--extract", package, self.folder)
        done.touch()

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        """Its file systems mounted, for the time of the block."""
        for name in SHARED_FILES:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(Path("/", name), target)
        with contextlib.ExitStack() as stack:
            for name, source in MOUNTS.items():
                (self.folder / name).mkdir(exist_ok=True)
                run("mount", *source, self.folder / name)
                stack.callback(run, "umount", "--lazy", self.folder / name)
            yield

    def fresh(self, name: str) -> Path:
        """An empty folder below /opt in it; as the machine sees it."""
        folder = self.folder / "opt" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def run(self, *command: object, cwd: str = "/", env: Mapping[str, str] | None = None, check: bool = True) -> str:
        """Run a command in it; what it printed. Arguments and errors as for `platforms.command.run`."""
        kept = [f"{name}={os.environ[name]}" for name in KEPT_VARIABLES if name in os.environ]
        given = [f"{name}={value}" for name, value in (env or {}).items()]
        path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/lib/wine"
        inside = ["env", "-i", path, "HOME=/root", "LANG=C.UTF-8", *kept, *given, "env", f"--chdir={cwd}"]
        return run("chroot", self.folder, *inside, *command, check=check)
