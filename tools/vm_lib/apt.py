# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Downloads packages with apt in a state of our own: nothing is installed or changed outside it."""

import pathlib
import subprocess
import time
from collections.abc import Iterable

from vm_lib import apt_sources, catalogue
from vm_lib.failure import fetch_failure

KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_APT_HELPER = "/usr/lib/apt/apt-helper"
_INDEX_LIFETIME_SECONDS = 6 * 3600  # an index this fresh is not asked for again


def _reason(output: str) -> str:
    """apt-get's first error is the cause; its last one only says that there were some."""
    errors = [line[3:] for line in output.splitlines() if line.startswith("E: ")]
    return errors[0] if errors else output.strip() or "apt-get gave no reason"


class Suite:
    """One suite of the archive, with an apt state that knows only this suite.

    The architecture, by Debian's name, need not be this machine's: nothing is installed.
    """

    def __init__(self, name: str, architecture: str, state: pathlib.Path):
        self.name = name
        self._architecture = architecture
        self._state = state
        self._stamp = state / "updated"

    def _apt_get(self, *arguments: str, cwd: pathlib.Path) -> subprocess.CompletedProcess[str]:
        # The system's apt.conf stays in force: it may name the proxy.
        options = {
            "Dir::State": self._state / "state",
            "Dir::State::status": self._state / "status",
            "Dir::Cache": self._state / "cache",
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": self._state / "sources",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Architecture": self._architecture,
            "APT::Architectures": self._architecture,
            "APT::Sandbox::User": "root",  # _apt may not write below a home folder
            "Acquire::Languages": "none",
            "Acquire::Check-Valid-Until": "false",  # an old release stays a fair test; it is signed
            "Acquire::Retries": "2",
        }
        command = ["apt-get", "-qq"]
        for key, value in options.items():
            command += ["-o", f"{key}={value}"]
        return subprocess.run(
            [*command, *arguments], cwd=cwd, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip

    def _is_fresh(self) -> bool:
        return (
            self._stamp.exists()
            and time.time() - self._stamp.stat().st_mtime < _INDEX_LIFETIME_SECONDS
        )

    def update(self, even_if_fresh: bool) -> None:
        """Brings the index up to date. Fails when the mirror does not answer."""
        if self._is_fresh() and not even_if_fresh:
            return
        mirror = apt_sources.system_mirror()
        if mirror is None:
            raise fetch_failure("apt on this machine has no Debian archive among its sources")
        for folder in ("state/lists/partial", "cache/archives/partial", "sources"):
            (self._state / folder).mkdir(parents=True, exist_ok=True)
        (self._state / "status").touch()
        (self._state / "sources" / "vm.sources").write_text(
            f"Types: deb\nURIs: {mirror.uri_of(self.name)}\nSuites: {self.name}\n"
            f"Components: main\nArchitectures: {self._architecture}\nSigned-By: {KEYRING}\n"
        )
        # Without --error-on a mirror that is down is only a warning, and apt-get succeeds.
        update = self._apt_get("--error-on=any", "update", cwd=self._state)
        if update.returncode:
            raise fetch_failure(f"index of '{self.name}': {_reason(update.stdout)}")
        self._stamp.touch()

    def kernel_packages(self) -> list[catalogue.Package]:
        """What the index lists, as of the last update."""
        packages: list[catalogue.Package] = []
        for path in (self._state / "state" / "lists").glob("*_Packages*"):
            # apt may keep its lists compressed; its own helper knows how.
            index = subprocess.check_output([_APT_HELPER, "cat-file", path], text=True)
            packages += catalogue.parse_index(index)
        return packages

    def download(self, packages: Iterable[str], folder: pathlib.Path) -> None:
        """Fetches packages, each NAME or NAME=VERSION, into the folder.

        Fails also for a package that the index lists: the mirror's pool may no longer have the file.
        """
        download = self._apt_get("download", *packages, cwd=folder)
        if download.returncode:
            raise fetch_failure(_reason(download.stdout))
