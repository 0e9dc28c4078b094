#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Sums up a test run: test_summary.py EVENTS AGAIN CHECKS, or
names the test targets to run again, on one line: test_summary.py EVENTS

EVENTS is what `bazel test --build_event_json_file` wrote; the cases are in the test.xml
files that it names. (Bazel itself calls a test passed whose cases were all skipped, and
bazel-testlogs keeps the logs of targets that are gone.) AGAIN is likewise, of those in
//testing that failed and were run again later, or not there. CHECKS has a line "OUTCOME name"
for each check outside Bazel.

Prints each failed case with its message and the end of what its test has printed, a line
for each test, each skipped or failed case with its message, and at last "N passed, N
failed" with ", N skipped" and ", N flaky" (failed, and passed when run again) where
some were. Exits 1 unless something passed and nothing failed.
"""
import collections
import json
import os
import sys
import urllib.parse
import xml.etree.ElementTree as ET

LOG_LINES = 60
LOG_COLUMNS = 300


def messages_of(case):
    """What a failed case says, on one line, as far as it fits on a screen."""
    failures = case.findall("failure") + case.findall("error")
    return " | ".join(" ".join((f.get("message") or "").split()) for f in failures)[:1000]


def output_of(result, name):
    """The path of a test's output `name`, None where there is none."""
    for output in result.get("testActionOutput", []):
        if output["name"] == name:
            return urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
    return None


def print_end_of_log(label, path):
    print("---- the end of what %s printed" % label)
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in collections.deque(log, LOG_LINES):
            print("    " + line[:LOG_COLUMNS].rstrip())


def cases_of(result):
    """(name, outcome, reason) of each case in a test result's test.xml."""
    path = output_of(result, "test.xml")
    if path:
        for case in ET.parse(path).getroot().iter("testcase"):
            name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
            skipped = case.find("skipped")
            if skipped is not None:
                yield name, "SKIPPED", " ".join((skipped.get("message") or "").split())
            elif case.find("failure") is not None or case.find("error") is not None:
                yield name, "FAILED", messages_of(case)
            elif case.get("status") != "notrun":
                yield name, "PASSED", ""


def results_by_shard(path):
    """(label, shard) -> the results of its attempts, in order."""
    shards = {}
    if not os.path.exists(path):
        return shards
    with open(path, encoding="utf-8") as events:
        for line in events:
            event = json.loads(line)
            which = event.get("id", {}).get("testResult", {})
            if "label" in which and "testResult" in event:
                attempts = shards.setdefault((which["label"], which.get("shard", 1)), {})
                attempts[which.get("attempt", 1)] = event["testResult"]
    return {shard: [attempts[n] for n in sorted(attempts)] for shard, attempts in shards.items()}


def is_failed(result):
    return result.get("status") not in ("PASSED", "FLAKY")


def to_run_again(events):
    """The labels of failed tests in real time: a machine may have a bad quarter of an hour."""
    failed = {label for (label, _), results in results_by_shard(events).items()
              if is_failed(results[-1])}
    return sorted(label for label in failed if label.startswith("//testing/"))


def attempts_by_test(events, again):
    """label -> a list for each of its shards: the results of its attempts, in order."""
    tests = {}
    later = results_by_shard(again)
    for (label, shard), results in sorted(results_by_shard(events).items()):
        if is_failed(results[-1]):
            results = results + later.get((label, shard), [])
        tests.setdefault(label, []).append(results)
    return tests


def cases_of_attempt(label, result):
    """The cases of one attempt of a test target, at least one; prints what is wrong with it."""
    failed = is_failed(result)
    cases = list(cases_of(result))
    for name, outcome, why in cases:
        if outcome == "FAILED":
            print("FAILED  %s %s: %s" % (label, name, why))
    log = output_of(result, "test.log")
    if failed and log:
        print_end_of_log(label, log)
    # A crash or a timeout leaves no failed case behind; a test always counts.
    if not cases or (failed and all(c[1] != "FAILED" for c in cases)):
        status = result.get("status", "NO_STATUS").lower()
        cases.append((status, "FAILED" if failed else "PASSED", ""))
    return cases


def bazel_tests(events, again):
    """(label, status, cases) of each test target; of each shard the last attempt counts, and what
    an earlier one failed at is FLAKY."""
    for label, shards in attempts_by_test(events, again).items():
        statuses, cases = set(), []
        for results in shards:
            *earlier, last = [cases_of_attempt(label, result) for result in results]
            failed = [case for attempt in earlier for case in attempt if case[1] == "FAILED"]
            status = results[-1].get("status", "NO_STATUS")
            passed = not is_failed(results[-1])
            statuses.add("FLAKY" if failed and passed else status)
            cases += last
            if passed:
                cases += [(name, "FLAKY", why) for name, _, why in failed]
        for status in ("PASSED", "FLAKY"):  # of all that is worse, any
            statuses = statuses - {status} or statuses
        yield label, min(statuses), cases


def main(events, again, checks):
    total = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0, "FLAKY": 0}
    details = []
    for label, status, cases in bazel_tests(events, again):
        print("%-7s %s (%d)" % (status, label, len(cases)))
        for name, outcome, reason in cases:
            total[outcome] += 1
            if outcome != "PASSED":
                details.append("%-7s %s %s%s" % (outcome, label, name, reason and ": " + reason))
    with open(checks, encoding="utf-8") as lines:
        for line in lines:
            outcome, name = line.rstrip("\n").split(" ", 1)
            print("%-7s %s" % (outcome, name))
            total[outcome] += 1
            if outcome != "PASSED":
                details.append("%-7s check: %s" % (outcome, name))
    print("\n".join([""] + details))
    more = "".join(", %d %s" % (total[o], o.lower()) for o in ("SKIPPED", "FLAKY") if total[o])
    print("%d passed, %d failed%s" % (total["PASSED"], total["FAILED"], more))
    return 1 if total["FAILED"] or not total["PASSED"] else 0


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(*to_run_again(sys.argv[1]))
    else:
        sys.exit(main(*sys.argv[1:]))
