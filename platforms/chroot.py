"""A Debian release in a folder, made by debootstrap."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from platforms.command import run

# A program in the folder shares these with the machine: devices, terminals, processes, name resolution and trusted
# certificates. The mounts are made in this order, and are private: otherwise a mount within another mount would appear
# on the machine too.
MOUNTS = {
    "dev": ["--bind", "--make-private", "/dev"],
    "dev/pts": ["--bind", "--make-private", "/dev/pts"],
    "proc": ["-t", "proc", "proc"],
    "sys": ["-t", "sysfs", "sysfs"],
}
SHARED_FILES = ["etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"]
# The only variables of the machine's environment that are kept: those for the access to the network.
KEPT_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL")


def mirror() -> str:
    """Return the mirror for packages: DEBIAN_MIRROR, or the mirror of Debian's main archive in this machine's apt."""
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
        folder: the folder of the release, which need not exist yet.
        release: the name of the Debian release.
        packages: the packages to install in addition to the essential packages.
        architecture: Debian's name of the processor, if it differs from this machine's. The packages of such a folder
            are unpacked and not configured. This is enough to run an interpreter. It takes seconds, while to configure
            them under an emulator would take an hour.
    """

    def __init__(self, folder: Path, release: str, packages: Sequence[str], architecture: str | None = None) -> None:
        self.folder = folder
        self.release = release
        self.packages = packages
        self.architecture = architecture

    def create(self) -> None:
        """Create the folder, unless it exists."""
        done = self.folder / ".complete"
        if done.exists():
            return
        options = ["--variant=minbase", f"--include={','.join(self.packages)}"]
        if self.architecture is not None:
            options += ["--foreign", f"--arch={self.architecture}"]
        # A release that debootstrap does not know is made like the newest release that it knows.
        script = [] if Path("/usr/share/debootstrap/scripts", self.release).exists() else ["sid"]
        run("debootstrap", *options, self.release, self.folder, mirror(), *script)
        if self.architecture is not None:
            for package in sorted((self.folder / "var/cache/apt/archives").glob("*.deb")):
                run("dpkg-deb", "--extract", package, self.folder)
        done.touch()

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        """Mount the shared file systems while the block runs."""
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
        """Make an empty folder below /opt in the chroot. Returns its path on the machine."""
        folder = self.folder / "opt" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def run(self, *command: object, cwd: str = "/", env: Mapping[str, str] | None = None, check: bool = True) -> str:
        """Run a command in the chroot. Returns its output. Arguments and errors as for `platforms.command.run`."""
        kept = [f"{name}={os.environ[name]}" for name in KEPT_VARIABLES if name in os.environ]
        given = [f"{name}={value}" for name, value in (env or {}).items()]
        path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/lib/wine"
        inside = ["env", "-i", path, "HOME=/root", "LANG=C.UTF-8", *kept, *given, "env", f"--chdir={cwd}"]
        return run("chroot", self.folder, *inside, *command, check=check)
