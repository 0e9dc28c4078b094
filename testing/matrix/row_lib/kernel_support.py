# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""docs/kernel-support.md, made of rows.bzl and expected/, which every run of a row proves.

Rows of which the same is expected are one column.
"""

import pathlib
import types

from row_lib import support
from row_lib.support import Support

_HEAD = """\
<!-- SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note -->
<!-- Made by `tools/matrix docs` of testing/matrix/rows.bzl and testing/matrix/expected/. -->
# Kernel support

Oldest kernel: 5.10. Needed: BTF, cgroup v2 (mounted or not), root; what happens without, and what
else may be missing: [fall-backs.md](fall-backs.md).
`bpftune -S` prints this table, in these words, for the running kernel. fentry, kprobes and ftrace
are not needed by any tuner so far.

What is below is expected of Debian's kernels, and held against each of them in QEMU by
`//testing/matrix:row_*`: `tools/test` runs those marked *always*, `tools/test --matrix` all. What is
marked *where it can be had* is skipped, and says so, when Debian's mirror has no such kernel any
more; any other is a failure then. *newest* is the newest that testing, unstable or the backports of
stable have on that day; each row prints the version that it ran.

"""

_TAIL = """
A name in a cell is how the hook runs there; – is what works nowhere, with what is lost in the last
column. Where a hook does not work the daemon says at start what is lost, and goes on without it.
Where the sysctl watcher's orders do not work it does not start: it changes nothing that it could not
yield.

The same objects serve x86-64 and arm64: nothing in them depends on the architecture they were built
for. On arm64 before 6.5 the kernel has no BPF trampolines (fentry, fexit, LSM programs; on 5.10
struct_ops neither): attaching fails with error 524. BTF tracepoints, socket-ops, cgroup programs and
iterators do not need them. Rows of arm64 run with pages of 4 KiB.
Congestion control in modules is loaded where the kernel lets modules be loaded; `-S` shows what is
not there. bpftune_bbr (tcp_bbr) needs kernel functions as of 6.10; Debian's 6.16 to 7.2 refuse it,
since their module for bbr brings types of its own.
By hand on another kernel: `tools/vm 6.1 -- uname -r`.
"""


def read_rows(rows_bzl: pathlib.Path) -> dict[str, types.SimpleNamespace]:
    """ROWS of rows.bzl, in its order. That part of Starlark is Python but for struct()."""
    names = {"struct": lambda **fields: types.SimpleNamespace(**fields)}
    exec(compile(rows_bzl.read_text(), str(rows_bzl), "exec"), names)  # our own file
    return names["ROWS"]


def _table(rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]


def _cell(has: Support, tuner: str, hook: str) -> str:
    for line in has.hooks:
        if line.tuner == tuner and (line.stands_down or line.is_not_loaded):
            return line.loss if line.stands_down else "–"
        if line.tuner == tuner and line.hook == hook:
            return line.program.partition("__")[2] or "–"
    return "–"


def _losses(columns: list[Support], tuner: str, hook: str) -> str:
    """In the words of `-S`; nothing where it works everywhere."""
    words = [
        line.loss
        for has in columns
        for line in has.hooks
        if line.tuner == tuner and line.loss and not line.stands_down
        if line.hook == hook or line.is_not_loaded
    ]
    return "; ".join(dict.fromkeys(words))


def _hooks(columns: list[Support]) -> list[tuple[str, str]]:
    """Each tuner and hook; of a tuner that works nowhere a line without a hook."""
    lines = [line for has in columns for line in has.hooks]
    with_hooks = {line.tuner for line in lines if line.hook != "-"}
    found = dict.fromkeys(
        (line.tuner, line.hook)
        for line in lines
        if line.hook != "-" or line.tuner not in with_hooks
    )
    return sorted(found, key=lambda pair: pair[0])  # hooks stay in the order of the table


def generate(folder: pathlib.Path) -> str:
    """The document; `folder` is testing/matrix."""
    rows = read_rows(folder / "rows.bzl")
    by_support: dict[Support, list[str]] = {}
    kernels = [["kernel", "run", "says", "namespaces are known by"]]
    for name, row in rows.items():
        has = support.parse((folder / "expected" / f"row_{name}").read_text())
        by_support.setdefault(has, []).append(row.kernel)
        cookie = any(line.startswith("bpftune supports per-netns") for line in has.says)
        kernels.append([
            row.kernel,
            "always" if row.quick else "where it can be had" if row.optional else "with --matrix",
            has.says[0].removeprefix("bpftune "),
            "cookie" if cookie else "inode number",
        ])  # fmt: skip
    columns = list(by_support)
    table = [["tuner: hook", *(", ".join(names) for names in by_support.values()), "without it"]]
    for tuner, hook in _hooks(columns):
        name = tuner if hook == "-" else f"{tuner}: {hook}"
        cells = [_cell(has, tuner, hook) for has in columns]
        table.append([name, *cells, _losses(columns, tuner, hook)])
    return _HEAD + "\n".join([*_table(kernels), "", *_table(table)]) + "\n" + _TAIL
