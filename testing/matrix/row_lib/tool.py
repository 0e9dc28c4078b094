# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""tools/matrix: the files that belong to the matrix and are written by a program."""

import difflib
import pathlib
import sys
import zipfile

from row_lib import kernel_support

_USAGE = """\
usage: tools/matrix docs            writes docs/kernel-support.md
       tools/matrix check           says how docs/kernel-support.md differs from that
       tools/matrix budget ROW...   stores what the last run of //testing/matrix:ROW measured of the
                                    verifier, in testing/matrix/verified/ROW
"""
_TAG = "# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note\n"
_MATRIX = pathlib.Path("testing/matrix")
_DOCUMENT = pathlib.Path("docs/kernel-support.md")


def _check() -> int:
    wanted = kernel_support.generate(_MATRIX)
    found = _DOCUMENT.read_text()
    for line in difflib.unified_diff(
        found.splitlines(), wanted.splitlines(), str(_DOCUMENT), "tools/matrix docs", lineterm=""
    ):
        print(line)
    return 0 if found == wanted else 1


def _store_budget(row: str) -> int:
    """Bazel packs what a test leaves behind."""
    outputs = pathlib.Path(f"out/testlogs/testing/matrix/{row}/test.outputs/outputs.zip")
    try:
        with zipfile.ZipFile(outputs) as packed:
            measured = packed.read("verifier").decode()
    except (OSError, KeyError):
        print(f"no numbers in '{outputs}'; run //testing/matrix:{row} first", file=sys.stderr)
        return 1
    (_MATRIX / "verified" / row).write_text(_TAG + measured)
    return 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["docs"]:
            _DOCUMENT.write_text(kernel_support.generate(_MATRIX))
            return 0
        case ["check"]:
            return _check()
        case ["budget", *rows] if rows:
            return max(_store_budget(row) for row in rows)
    print(_USAGE, end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
