# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""C++ macros: fuzz tests, tests that need privileges."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

def cc_fuzz_test(name, srcs, deps = [], corpus = [], **kwargs):
    """A libFuzzer target that is also an ordinary regression test.

    NAME         cc_test: runs every corpus file once through the target, with
                 any compiler, no libFuzzer needed (part of bazel test //...).
    NAME_fuzzer  cc_binary, tagged manual: the real fuzzer, for --config=fuzz.

    Args:
      name: name of the regression test.
      srcs: sources defining LLVMFuzzerTestOneInput.
      deps: C++ dependencies.
      corpus: seed files.
      **kwargs: passed to the cc_test.
    """
    cc_library(
        name = name + "_target",
        srcs = srcs,
        testonly = True,
        alwayslink = True,
        deps = deps + ["//testing:fuzz"],
    )
    cc_test(
        name = name,
        size = "small",
        args = ["$(locations %s)" % c for c in corpus],
        data = corpus,
        deps = [
            ":" + name + "_target",
            "//testing:fuzz_replay_main",
        ],
        **kwargs
    )
    cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual", "fuzz"],
        deps = [":" + name + "_target"],
    )

def cc_privileged_test(name, tags = [], **kwargs):
    """A cc_test that loads BPF programs or makes network namespaces.

    no-sandbox     a user namespace (what linux-sandbox is) has no CAP_BPF over
                   the real kernel, and /sys is read-only there
    external       rerun every time: the kernel is not among the inputs
    exclusive      a tracing program sees the whole machine; runs alone after all others
    requires-root  to select: bazel test --test_tag_filters=-requires-root //...

    Args:
      name: test name.
      tags: more tags.
      **kwargs: passed to cc_test.
    """
    cc_test(
        name = name,
        tags = tags + [
            "exclusive",
            "external",
            "no-sandbox",
            "requires-root",
        ],
        **kwargs
    )
