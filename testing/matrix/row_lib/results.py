# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What became of each step, as a table for the log and as cases for test.xml."""

import dataclasses
import fnmatch
import pathlib
import xml.etree.ElementTree as ET


@dataclasses.dataclass
class Case:
    """One result: a test case of a step, or the step itself."""

    name: str
    failures: list[str] = dataclasses.field(default_factory=list)
    skipped: str | None = None  # why


@dataclasses.dataclass
class Step:
    """A step as it came out."""

    name: str
    status: int | None = None  # None: it never ended
    guest_seconds: float = 0
    seconds: float = 0  # of ours
    cases: list[Case] = dataclasses.field(default_factory=list)

    @property
    def outcome(self) -> str:
        if any(case.failures for case in self.cases):
            return "FAILED"
        if self.cases and all(case.skipped is not None for case in self.cases):
            return "SKIPPED"
        return "PASSED"


def cases_of_xml(path: pathlib.Path, skips: list[str]) -> list[Case]:
    """The cases in a test.xml of googletest.

    The kernel is known, so what is skipped is too: `skips` has the patterns. Any other case that is
    skipped has failed, and so has one of these that runs.
    """
    cases = []
    for element in ET.parse(path).getroot().iter("testcase"):
        if element.get("status") == "notrun":
            continue
        case = Case(f"{element.get('classname')}.{element.get('name')}")
        case.failures = [failure.get("message") or "failed" for failure in element.iter("failure")]
        skipped = element.find("skipped")
        is_known = any(fnmatch.fnmatchcase(case.name, pattern) for pattern in skips)
        if skipped is None and is_known:
            case.failures.append("it ran, and rows.bzl has it among what is skipped here")
        elif skipped is not None:
            words = " ".join((skipped.get("message") or "").split())
            if is_known:
                case.skipped = words
            else:
                case.failures.append("skipped, and rows.bzl does not say so: " + words)
        cases.append(case)
    return cases


def complete(step: Step, out: pathlib.Path, is_test: bool, skips: list[str]) -> None:
    """Fills in the cases of a step that ran; there is at least one afterwards."""
    xml = out / step.name / "test.xml"
    if is_test and xml.exists():
        try:
            step.cases += cases_of_xml(xml, skips)
        except ET.ParseError:
            pass  # it died while it wrote
    if step.status is None:
        step.cases.append(Case("step", ["it never ended: see the verdict on the machine"]))
    elif step.status and not any(case.failures for case in step.cases):
        how = "its time was up" if step.status in (124, 137, 143) else f"status {step.status}"
        step.cases.append(Case("step", [f"it did not end well ({how}); its output is above"]))
    elif is_test and not step.cases:
        step.cases.append(Case("step", ["no test ran: does its filter name one?"]))
    elif not step.cases:
        step.cases.append(Case("step"))


def table(row: str, kernel: str, steps: list[Step]) -> list[str]:
    """A line a step, and at last the row: what the closing note of a change carries."""
    lines = [f"{'step':<24}{'outcome':<9}{'cases':>5}{'its time':>10}{'our time':>10}"]
    for step in steps:
        lines.append(
            f"{step.name:<24}{step.outcome:<9}{len(step.cases):>5}"
            f"{step.guest_seconds:>9.1f}s{step.seconds:>9.1f}s"
        )
    passed = sum(step.outcome == "PASSED" for step in steps)
    seconds = sum(step.seconds for step in steps)
    lines.append(f"{row}: {kernel}: {passed} of {len(steps)} steps passed in {seconds:.0f} s")
    return lines


def write_xml(path: pathlib.Path, row: str, steps: list[Step]) -> None:
    suites = ET.Element("testsuites")
    for step in steps:
        suite = ET.SubElement(suites, "testsuite", name=f"{row}.{step.name}")
        for case in step.cases:
            # The time of a step is that of its first case: they ran in one process.
            taken = step.seconds if case is step.cases[0] else 0
            element = ET.SubElement(
                suite, "testcase", classname=step.name, name=case.name, time=f"{taken:.1f}"
            )
            for failure in case.failures:
                ET.SubElement(element, "failure", message=failure)
            if case.skipped is not None:
                ET.SubElement(element, "skipped", message=case.skipped)
    ET.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)
