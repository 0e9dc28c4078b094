# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The kernels on this machine: fetched once, unpacked, and kept in a folder outside the tree.

    <cache>/apt/<suite>/               apt's private state, of another architecture <suite>-arm64
    <cache>/kernels/<release>/         kernel.json, vmlinux, config, modules.builtin, modules/
    <cache>/series/<name>              the release a name stood for when it was last looked up
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator

from vm_lib import apt, architecture, catalogue, version, vmlinux
from vm_lib.architecture import Architecture
from vm_lib.failure import Failure, fetch_failure, misuse
from vm_lib.modules import normal_name

_LOOKUP_LIFETIME_SECONDS = 24 * 3600  # how long a name keeps its meaning without asking the mirror


@dataclasses.dataclass(frozen=True)
class Kernel:
    """An unpacked kernel."""

    folder: pathlib.Path
    release: str
    version: str

    @property
    def architecture(self) -> Architecture:
        return architecture.of_release(self.release)

    @property
    def vmlinux(self) -> pathlib.Path:
        return self.folder / "vmlinux"

    @property
    def config(self) -> pathlib.Path:
        return self.folder / "config"

    def __str__(self) -> str:
        return f"{self.release} ({self.version})"


def default_cache() -> pathlib.Path:
    named = os.environ.get("BPFTUNE_VM_CACHE")
    return pathlib.Path(named) if named else pathlib.Path.home() / ".cache/bpftune-vm"


def note(message: str) -> None:
    print(f"vm: {message}", file=sys.stderr, flush=True)


class Store:
    """Finds a kernel by name or release, and fetches it where needed."""

    def __init__(self, cache: pathlib.Path):
        self.cache = cache

    def cached(self) -> list[Kernel]:
        return [
            Kernel(path.parent, **json.loads(path.read_text()))
            for path in sorted(self.cache.glob("kernels/*/kernel.json"))
        ]

    def _cached_release(self, release: str) -> Kernel | None:
        return next((kernel for kernel in self.cached() if kernel.release == release), None)

    def check_name(self, name: str) -> None:
        """Fails, with what is allowed, when nothing is called that."""
        if name not in catalogue.SERIES and self._cached_release(name) is None:
            raise misuse(
                f"no kernel is called '{name}'; allowed are {', '.join(catalogue.SERIES)}"
                " and the cached releases that --list shows"
            )

    def architecture_of(self, name: str) -> Architecture:
        """Of a series or a release."""
        series = catalogue.SERIES.get(name)
        return series.architecture if series else architecture.of_release(name)

    def find(self, name: str, refresh: bool = False) -> Kernel:
        """A series is looked up at the mirror once a day; a release must be in the cache."""
        self.check_name(name)
        if name not in catalogue.SERIES:
            return self._cached_release(name)
        series = catalogue.SERIES[name]
        with self.lock(series.name):
            known = self._last_lookup(series)
            if known and not refresh and self._lookup_age(series) < _LOOKUP_LIFETIME_SECONDS:
                return known
            try:
                return self._look_up(series, refresh)
            except Failure as failure:
                if known is None or refresh:
                    raise
                note(f"{failure}; going on with the cached {known}")
                return known

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Two runners that want the same kernel at the same time fetch it once.

        All series share one lock, since two of them may share a suite's apt state.
        """
        self.cache.mkdir(parents=True, exist_ok=True)
        with open(self.cache / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(f"{name}: waiting for another runner that is fetching")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _lookup_file(self, series: catalogue.Series) -> pathlib.Path:
        return self.cache / "series" / series.name

    def _lookup_age(self, series: catalogue.Series) -> float:
        return time.time() - self._lookup_file(series).stat().st_mtime

    def _last_lookup(self, series: catalogue.Series) -> Kernel | None:
        try:
            release = self._lookup_file(series).read_text().strip()
        except FileNotFoundError:
            return None
        return self._cached_release(release)

    def suite(self, name: str, of: Architecture) -> apt.Suite:
        folder = name if of is architecture.AMD64 else f"{name}-{of.name}"
        return apt.Suite(name, of.name, self.cache / "apt" / folder)

    def _look_up(self, series: catalogue.Series, refresh: bool) -> Kernel:
        """The newest kernel of the series that can really be fetched."""
        problems = []
        found: list[tuple[apt.Suite, catalogue.Candidate]] = []
        for suite_name in series.suites:
            suite = self.suite(suite_name, series.architecture)
            try:
                suite.update(even_if_fresh=refresh)
            except Failure as failure:
                problems.append(str(failure))
                continue
            listed = catalogue.candidates(series, suite.kernel_packages())
            if not listed:
                problems.append(f"'{suite_name}' lists no release like '{series.pattern}'")
            found += [(suite, candidate) for candidate in listed]
            if series.of_all_suites:
                continue
            kernel = self._first_fetched(series, found, problems)
            if kernel:
                return kernel
            found.clear()
        found.sort(key=lambda pair: version.sort_key(pair[1].version), reverse=True)
        kernel = self._first_fetched(series, found, problems)
        if kernel:
            return kernel
        raise fetch_failure(f"kernel '{series.name}' cannot be had: " + "; ".join(problems))

    def _first_fetched(
        self,
        series: catalogue.Series,
        found: list[tuple[apt.Suite, catalogue.Candidate]],
        problems: list[str],
    ) -> Kernel | None:
        for suite, candidate in found:
            kernel, problem = self._fetch(suite, candidate)
            if kernel:
                self._remember(series, kernel)
                return kernel
            problems.append(f"{candidate.release}: {problem}")
        return None

    def _remember(self, series: catalogue.Series, kernel: Kernel) -> None:
        path = self._lookup_file(series)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(kernel.release + "\n")

    def _fetch(self, suite: apt.Suite, candidate: catalogue.Candidate) -> tuple[Kernel | None, str]:
        for kernel in self.cached():
            if (kernel.release, kernel.version) == (candidate.release, candidate.version):
                return kernel, ""
        started = time.monotonic()
        kernels = self.cache / "kernels"
        kernels.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache, prefix="fetch-") as work_name:
            work = pathlib.Path(work_name)
            try:
                suite.download([f"{name}={candidate.version}" for name in candidate.packages], work)
                unpack(sorted(work.glob("*.deb")), work / "kernel")
            except (Failure, ValueError) as problem:
                note(f"{candidate.release} is listed but cannot be had: {problem}")
                return None, str(problem)
            about = {"release": candidate.release, "version": candidate.version}
            (work / "kernel" / "kernel.json").write_text(json.dumps(about) + "\n")
            final = kernels / candidate.release
            shutil.rmtree(final, ignore_errors=True)  # same release, older version
            (work / "kernel").rename(final)  # appears complete or not at all
        kernel = Kernel(final, candidate.release, candidate.version)
        note(f"fetched {kernel} from {suite.name} in {time.monotonic() - started:.1f} s")
        return kernel, ""


def place_of(name: str) -> str | None:
    """Where a file of a kernel package is kept, besides the kernel itself; None: it is not."""
    if re.fullmatch(r"config(-.*)?", name):
        return "config"
    if name == "modules.builtin":
        return name
    if re.fullmatch(r".*\.ko(\.xz)?", name):
        return "modules/" + normal_name(name)
    return None


def unpack(packages: list[pathlib.Path], folder: pathlib.Path) -> None:
    """Keeps of the packages what a boot needs, in one flat folder.

    Files are taken by name, not by path: the layout has changed twice (modules left the image
    package in 6.19, everything moved below usr/lib/modules in 7.2).
    """
    (folder / "modules").mkdir(parents=True)
    for package in packages:
        command = ["dpkg-deb", "--fsys-tarfile", package]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as deb:
            with tarfile.open(fileobj=deb.stdout, mode="r|") as tar:
                for member in tar:
                    if not member.isfile():
                        continue
                    name = os.path.basename(member.name)
                    if re.fullmatch(r"vmlinuz(-.*)?", name):
                        image = vmlinux.extract(tar.extractfile(member).read())
                        (folder / "vmlinux").write_bytes(image)
                        continue
                    kept = place_of(name)
                    if kept:
                        (folder / kept).write_bytes(tar.extractfile(member).read())
        if deb.returncode:
            raise fetch_failure(f"'{package.name}' cannot be unpacked")
    if not (folder / "vmlinux").exists():
        raise fetch_failure(f"no kernel image in {', '.join(p.name for p in packages)}")
