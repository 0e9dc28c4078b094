# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The matrix: which kernels, what must work there, and what runs on each. Written by hand.

A row is a kernel, and one boot of it. Two files belong to each, of the row's name:

  expected/ROW  what `bpftune -S` says there. Written by hand too, never copied from a run that it
                judges: what is lost or gained there is a fact about that kernel, or a defect.
                docs/kernel-support.md is made of these files.
  verified/ROW  how many instructions the verifier looks at; tools/matrix budget ROW stores them.
"""

_ALL_TUNERS = ["all"]
_CONGESTION = [
    "tcp_bbr",
    "tcp_conn",
    "tcp_listen",  # its line ends the summary that the tests read
]

def _test(name, test, tuners, cases = ["*"], limit = 600):
    """A step: these cases of a test of googletest.

    Args:
      name: of the step.
      test: label of the test.
      tuners: those that its daemons load, beside netns and sysctl. An emulated machine takes half a
        minute to verify all, at each start.
      cases: as GTEST_FILTER has them. At least one must run.
      limit: seconds of the guest's time.
    """
    return struct(
        name = name,
        test = test,
        is_test = True,
        command = ["env", "GTEST_FILTER=" + ":".join(cases), "./" + test[2:].replace(":", "/")],
        tuners = tuners if tuners == _ALL_TUNERS else tuners + ["netns", "sysctl"],
        limit = limit,
    )

def _print(name, command, test = None):
    """A step whose output is compared with a file of the row."""
    return struct(
        name = name,
        test = test,
        is_test = False,
        command = ["sh", "-c", command + " >$TEST_UNDECLARED_OUTPUTS_DIR/printed; status=$?; " +
                               "cat $TEST_UNDECLARED_OUTPUTS_DIR/printed; exit $status"],
        tuners = _ALL_TUNERS,
        limit = 600,
    )

# What runs in each row, in this order: each tuner in its shortest situation, the promises to the
# administrator, and what differs most between kernels.
STEPS = [
    _test("machine", "//testing/matrix:selftest", []),
    _print("support", "controller/bpftune -S -l bpf/tuners"),
    _print(
        "verifier",
        "testing/matrix/verified_instructions bpf/tuners </out/support/printed",
        test = "//testing/matrix:verified_instructions",
    ),
    _test(
        "tcp_buffer",
        "//testing/smoke:engine_smoke_test",
        ["tcp_buffer"],
        ["*YieldsToTheAdministrator"],
    ),
    _test("tcp_conn_loss", "//testing/smoke:loss_smoke_test", _CONGESTION),
    _test(
        "tcp_conn_respect",
        "//testing/scenarios:tcp_conn_respect_test",
        _CONGESTION,
        ["*BeforeConnectingStays", "*OnTheListenerStays"],
    ),
    _test("tcp_bbr", "//testing/scenarios:tcp_bbr_test", _CONGESTION, ["Bbr.*"]),
    _test(
        "tcp_listen",
        "//testing/scenarios:tcp_listen_backlog_test",
        ["tcp_listen"],
        ["*ThatWasCutIsRaised*", "*OfTheAdministratorStandsWhateverIsAskedFor"],
    ),
    _test(
        "udp_buffer",
        "//testing/smoke:udp_buffer_request_test",
        ["udp_buffer"],
        ["*ThatWasCutIsGrantedTheNextTimeAndSaysSo"],
    ),
    _test(
        "ip_frag",
        "//testing/scenarios:ip_frag_memory_test",
        ["ip_frag"],
        ["*IsRaisedUntilDatagramsAreCompleted*"],
    ),
    _test("net_buffer", "//testing/smoke:net_buffer_test", ["net_buffer"], ["*DryRun*"]),
    _test("neigh", "//testing/smoke:neigh_test", ["neigh"], ["*BurstIsMet*/ipv4"]),
    _test(
        "neigh_queue",
        "//testing/scenarios:neigh_queue_test",
        ["neigh"],
        ["*IsRaisedToWhatWouldHaveHeldAll*"],
    ),
    _test(
        "route",
        "//testing/scenarios:route_limit_test",
        ["route"],
        ["*IsSaidToBeNone*", "*GrowsBeforeItIsReached"],
    ),
    _test(
        "override",
        "//testing/scenarios:override_protocol_test",
        ["tcp_buffer"],
        ["*AReclaimedSetIsTunedAgainUntilTheNextWrite"],
    ),
    _test(
        "undo",
        "//testing/scenarios:undo_test",
        ["tcp_buffer"],
        ["*KilledDaemonsChangesGoBack*", "*DaemonStartedWithRollback*"],
    ),
    _test("dry_run", "//testing/scenarios:dry_run_test", ["tcp_listen"], ["*/tcp_listen"]),
    _test("netns_finder", "//netns:netns_finder_test", [], ["*-*OfManyNamespaces*"]),
    _test(
        "namespaces",
        "//testing/scenarios:namespaces_many_test",
        ["tcp_buffer"],
        ["*WhatATunerHasLearnedGoesWithTheNamespace"],
    ),
    _test(
        "restart",
        "//testing/scenarios:restart_test",
        ["tcp_buffer"],
        ["*TheNextDaemonGoesOn*/Stopped"],
    ),
]

# Once is enough: our link emulator is no other on another kernel.
_NETEM = _test("netem", "//testing/matrix:netem_cross_check", [])

# Here the kernel refuses nothing, so it is forced. Only there bpf_for_each_map_elem() is (5.13).
_WALKS = _test("walks", "//testing/scenarios:fallback_walks_test", ["tcp_buffer"])

def _row(kernel, optional = False, quick = False, without = {}, skips = [], more = []):
    """A row of the matrix.

    Args:
      kernel: as tools/vm has it.
      optional: it may be skipped where the kernel cannot be fetched, and says so. Without it that
        is a failure.
      quick: it is part of what tools/test runs without --matrix.
      without: steps that do not run here, each with the reason.
      skips: cases that are skipped here, as patterns; any other that is skipped has failed, and so
        has one of these that runs.
      more: steps for this row alone.
    """
    return struct(
        kernel = kernel,
        optional = optional,
        quick = quick,
        without = without,
        skips = skips,
        more = more,
    )

_NO_BBR_OF_OURS = {"tcp_bbr": "bpftune_bbr is not there, see expected/"}

# A namespace has no cookie that one could ask for.
_NO_COOKIE = ["ByCookieTest.*", "*EveryWayTest.*/Handle", "*EveryWayTest.*/SearchForCookie"]

# A namespace has no file handle (6.18), by which to see that one is dead.
_NO_HANDLES = [
    "ByCookieTest.FindingKeepsNothingAlive",
    "ByCookieTest.RemembersTheInodeNumberThatHandlesNeed",
    "*EveryWayTest.*/Handle",
]

ROWS = {
    "5_10": _row("5.10", quick = True, without = _NO_BBR_OF_OURS, skips = _NO_COOKIE),
    "6_1": _row("6.1", without = _NO_BBR_OF_OURS, skips = _NO_HANDLES),
    "6_12": _row("6.12", quick = True, skips = _NO_HANDLES, more = [_NETEM]),
    "6_12_rt": _row("6.12-rt", optional = True, skips = _NO_HANDLES),
    "6_16": _row("6.16", optional = True, without = _NO_BBR_OF_OURS, skips = _NO_HANDLES),
    "6_17": _row("6.17", optional = True, without = _NO_BBR_OF_OURS, skips = _NO_HANDLES),
    "6_18": _row("6.18", without = _NO_BBR_OF_OURS),
    "6_19": _row("6.19", optional = True, without = _NO_BBR_OF_OURS),
    "7_0": _row("7.0", optional = True, without = _NO_BBR_OF_OURS),
    "7_1": _row("7.1", optional = True, without = _NO_BBR_OF_OURS),
    "7_2": _row("7.2", optional = True, without = _NO_BBR_OF_OURS),
    "newest": _row("newest", quick = True, more = [_WALKS]),
    "arm64_5_10": _row("arm64-5.10", without = _NO_BBR_OF_OURS, skips = _NO_COOKIE),
    "arm64_6_1": _row("arm64-6.1", without = _NO_BBR_OF_OURS, skips = _NO_HANDLES),
    "arm64_newest": _row("arm64-newest"),
}
