# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What becomes of a step."""

import pathlib
import tempfile
import unittest
import xml.etree.ElementTree as ET

from row_lib import results
from row_lib.results import Case, Step

_XML = """<testsuites><testsuite name="A">
<testcase name="Passes" status="run" classname="A"/>
<testcase name="NotChosen" status="notrun" classname="A"/>
{more}
</testsuite></testsuites>"""
_CASE = '<testcase name="{}" status="run" classname="A"><{} message="{}"/></testcase>'
_SKIPPED = _CASE.format("B", "skipped", "no such thing")
_FAILED = _CASE.format("C", "failure", "1 is not 2")


class CompleteTest(unittest.TestCase):
    def _step(self, status: int | None, xml: str | None, skips: list[str] = []) -> Step:
        step = Step("step", status)
        with tempfile.TemporaryDirectory() as folder:
            if xml is not None:
                file = pathlib.Path(folder, "step", "test.xml")
                file.parent.mkdir()
                file.write_text(xml)
            results.complete(step, pathlib.Path(folder), is_test=True, skips=skips)
        return step

    def test_the_cases_that_ran_are_its_cases(self) -> None:
        step = self._step(0, _XML.format(more=""))
        self.assertEqual(step.cases, [Case("A.Passes")])
        self.assertEqual(step.outcome, "PASSED")

    def test_a_failed_case_says_why(self) -> None:
        step = self._step(1, _XML.format(more=_FAILED))
        self.assertEqual(step.cases[-1], Case("A.C", ["1 is not 2"]))
        self.assertEqual(step.outcome, "FAILED")

    def test_a_skip_that_the_table_does_not_have_is_a_failure(self) -> None:
        step = self._step(0, _XML.format(more=_SKIPPED))
        self.assertIn("no such thing", step.cases[-1].failures[0])

    def test_a_skip_that_the_table_has_is_one(self) -> None:
        step = self._step(0, _XML.format(more=_SKIPPED), skips=["A.B*"])
        self.assertEqual(step.cases[-1], Case("A.B", skipped="no such thing"))
        self.assertEqual(step.outcome, "PASSED")

    def test_a_case_that_runs_though_the_table_has_it_skipped_is_a_failure(self) -> None:
        self.assertEqual(self._step(0, _XML.format(more=""), skips=["A.P*"]).outcome, "FAILED")

    def test_what_passes_for_success_is_none(self) -> None:
        for name, status, xml in (
            ("died before it wrote", 139, None),
            ("died while it wrote", 139, "<testsuites>"),
            ("failed after its last case", 1, _XML.format(more="")),
            ("its time was up", 143, None),
            ("the machine died", None, None),
            ("no case was chosen", 0, _XML.format(more="").replace('"run"', '"notrun"')),
        ):
            with self.subTest(name):
                self.assertEqual(self._step(status, xml).outcome, "FAILED")


class WriteXmlTest(unittest.TestCase):
    def test_every_case_is_there_with_what_it_says(self) -> None:
        steps = [Step("one", 0, cases=[Case("a"), Case("b", ["bad"]), Case("c", skipped="none")])]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "test.xml")
            results.write_xml(path, "row_x", steps)
            cases = list(ET.parse(path).getroot().iter("testcase"))
        self.assertEqual([case.get("name") for case in cases], ["a", "b", "c"])
        self.assertEqual(cases[1].find("failure").get("message"), "bad")
        self.assertEqual(cases[2].find("skipped").get("message"), "none")


if __name__ == "__main__":
    unittest.main()
