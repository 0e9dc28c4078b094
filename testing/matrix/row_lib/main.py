# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Runs a row: one machine, every step in it, and says what became of each.

A plan is what rows.bzl says of the row, as JSON. The kernel is fetched or found by tools/vm, whose
exit code says which part failed; one that cannot be had is a skip in a row that may be skipped, and
a failure in every other.
"""

import fnmatch
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

from row_lib import budget, results, support
from row_lib.results import Case, Step
from vm_lib import verdict
from vm_lib.failure import Code

_TREE = "/runfiles"
_HERE = "testing/matrix"
_SUPPORT, _VERIFIER = "support", "verifier"  # the steps whose output is compared with a file


def _wanted(steps: list[dict]) -> list[dict]:
    """--test_filter=PATTERN chooses steps; what the verifier looked at takes what -S said."""
    pattern = os.environ.get("TESTBRIDGE_TEST_ONLY")
    if not pattern:
        return steps
    return [s for s in steps if any(fnmatch.fnmatch(s["name"], p) for p in pattern.split(":"))]


def _script(plan: dict, steps: list[dict]) -> str:
    """The guest's command: its functions, then a line a step."""
    lines = [
        f"cd {_TREE}/{os.environ['TEST_WORKSPACE']}",
        f"export TEST_SRCDIR={_TREE} TEST_WORKSPACE={os.environ['TEST_WORKSPACE']}",
        "export BPFTUNE_REQUIRE_PRIVILEGED=1 BPFTUNE_MACHINE_OF_ITS_OWN=1",
        f". {_HERE}/row_lib/guest_steps.sh",
        "begin",
    ]
    for step in steps:
        tuners = ",".join(step["tuners"])
        words = ["step", step["name"], str(step["limit"]), tuners, *step["command"]]
        lines.append(" ".join(shlex.quote(word) for word in words))
    return "\n".join(lines)


class Watcher:
    """Passes the guest's output on, and notes when each step began and ended."""

    def __init__(self, names: list[str]):
        self.steps = {name: Step(name) for name in names}
        self.kernel = "no kernel"
        self._began: tuple[float, float] = (0, 0)  # guest's time and ours

    def line(self, text: str) -> None:
        if not text.startswith("row: "):
            print("    " + text, flush=True)
            return
        word, *rest = text.split()[1:]
        if word == "kernel":
            self.kernel = rest[0]
        elif word == "begin":
            self._began = (float(rest[1]), time.monotonic())
            print(f"---- {rest[0]}", flush=True)
        elif word == "end":
            step = self.steps[rest[0]]
            step.status = int(rest[1])
            step.guest_seconds = float(rest[2]) - self._began[0]
            step.seconds = time.monotonic() - self._began[1]
            print(f"---- {rest[0]}: status {rest[1]}, {step.seconds:.1f} s", flush=True)


def _boot(
    plan: dict, steps: list[dict], out: pathlib.Path, console: pathlib.Path
) -> tuple[int, str, Watcher]:
    """tools/vm's exit code, what it said itself, and the steps as far as they came."""
    tree = pathlib.Path(os.environ["TEST_TMPDIR"]) / "tree"
    # A copy of the runfiles, which are links to files.
    subprocess.run(["cp", "-a", os.environ["TEST_SRCDIR"], tree], check=True)
    command = [sys.executable, "-m", "vm_lib", "--virtual-time", "--mem", plan["memory"]]
    command += ["--time-limit", str(int(os.environ["TEST_TIMEOUT"]) - 60)]
    command += ["--console", console, "--out", out, "--add", f"{tree}:{_TREE}"]
    command += ["--mod", ",".join(plan["modules"])]
    for program in plan["programs"]:
        command += ["--add", program]
    command += [*plan["vm_options"], plan["kernel"], "--", _script(plan, steps)]
    watcher = Watcher([step["name"] for step in steps])
    notes = out.with_name("vm.notes")
    with open(notes, "w") as errors:
        vm = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
        )
        for line in vm.stdout:
            watcher.line(line.rstrip("\n"))
        code = vm.wait()
    return code, notes.read_text().strip(), watcher


def _judge_support(plan: dict, step: Step, printed: pathlib.Path) -> None:
    file = f"{_HERE}/expected/{plan['name']}"
    expected = pathlib.Path(file)
    differ = support.differences(
        support.parse(expected.read_text() if expected.exists() else ""),
        support.parse(printed.read_text() if printed.exists() else ""),
        file,
    )
    step.cases.append(Case("what works is what is expected", differ and ["\n".join(differ)]))


def _judge_budget(plan: dict, step: Step, printed: pathlib.Path) -> None:
    stored = pathlib.Path(f"{_HERE}/verified/{plan['name']}")
    failures, notes = budget.judge(
        budget.parse(stored.read_text() if stored.exists() else ""),
        budget.parse(printed.read_text() if printed.exists() else ""),
        plan["name"],
    )
    for words in notes:
        print(f"note: {words}")
    step.cases.append(Case("instructions verified", failures))


def _machine_step(code: int, notes: str, console: pathlib.Path) -> Step:
    """What the runner says of the machine as a whole; a step that failed is a matter of its own."""
    step = Step("machine_itself", 0)
    if code in set(Code):
        words = notes.splitlines()
        last = "row: before the first step"
        if console.exists():
            for line in console.read_text(errors="replace").splitlines():
                if "row: begin" in line:
                    last = line
                elif verdict.complaints(line):
                    words.append(f"(in {last.partition('row: begin ')[2] or last}) {line}")
        step.cases.append(Case(Code(code).name.lower(), ["\n".join(words)]))
    else:
        step.cases.append(Case("came up and stayed in order"))
    return step


def _run(plan: dict) -> list[Step]:
    steps = _wanted(plan["steps"])
    work = pathlib.Path(os.environ["TEST_TMPDIR"])
    kept = pathlib.Path(os.environ["TEST_UNDECLARED_OUTPUTS_DIR"])
    out, console = work / "out", kept / "console.log"
    code, notes, watcher = _boot(plan, steps, out, console)
    print(notes, flush=True)
    if code == Code.FETCH and plan["optional"]:
        print(f"SKIPPED {plan['name']}: the kernel cannot be fetched, and this row may do without")
        return [Step("kernel", 0, cases=[Case("fetched", skipped=notes.replace("\n", "; "))])]
    done = []
    for about in steps:
        step = watcher.steps[about["name"]]
        printed = out / step.name / "printed"
        if step.name == _SUPPORT and step.status is not None:
            _judge_support(plan, step, printed)
        if step.name == _VERIFIER and step.status is not None:
            _judge_budget(plan, step, printed)
        results.complete(step, out, about["is_test"], plan["skips"])
        if printed.exists():
            shutil.copy(printed, kept / step.name)
        done.append(step)
    done.append(_machine_step(code, notes, console))
    for step in done:
        for case in step.cases:
            for failure in case.failures:
                print(f"FAILED {step.name} {case.name}: {failure}")
            if case.skipped is not None:
                print(f"SKIPPED {step.name} {case.name}: {case.skipped}")
    print("\n".join(results.table(plan["name"], watcher.kernel, done)), flush=True)
    return done


def main(plan_file: str) -> int:
    plan = json.loads(pathlib.Path(plan_file).read_text())
    steps = _run(plan)
    results.write_xml(pathlib.Path(os.environ["XML_OUTPUT_FILE"]), plan["name"], steps)
    return 1 if any(step.outcome == "FAILED" for step in steps) else 0
