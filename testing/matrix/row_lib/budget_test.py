# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Comparing what the verifier looked at with what is stored."""

import unittest

from row_lib import budget


class BudgetTest(unittest.TestCase):
    def test_the_programs_of_a_tuner_count_together(self) -> None:
        text = "# comment\nneigh a__x 10\nneigh b__x 32\nroute c__x 1\n"
        self.assertEqual(budget.parse(text), {"neigh": 42, "route": 1})

    def test_growth_over_a_fifth_fails_with_both_numbers(self) -> None:
        failures, notes = budget.judge({"neigh": 1000}, {"neigh": 1201}, "row_x")
        self.assertIn("1201 instructions verified, 1000 stored: +20 %", failures[0])
        self.assertEqual(notes, [])

    def test_a_fifth_either_way_is_no_matter(self) -> None:
        for measured in (1200, 800):
            with self.subTest(measured):
                found = budget.judge({"neigh": 1000}, {"neigh": measured}, "row_x")
                self.assertEqual(found, ([], []))

    def test_a_shrink_asks_for_the_new_numbers(self) -> None:
        failures, notes = budget.judge({"neigh": 1000}, {"neigh": 799}, "row_x")
        self.assertEqual(failures, [])
        self.assertIn("tools/matrix budget row_x", notes[0])

    def test_a_tuner_without_its_other_number_fails(self) -> None:
        self.assertIn("none stored", budget.judge({}, {"neigh": 1}, "row_x")[0][0])
        self.assertIn("nothing was loaded", budget.judge({"neigh": 1}, {}, "row_x")[0][0])


if __name__ == "__main__":
    unittest.main()
