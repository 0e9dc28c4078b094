# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""tuner(): one self-describing BPF object and the tests that every tuner has."""

load("//tools/build:bpf.bzl", "bpf_object")

# The program that reads a description as the daemon would; None while it is not written.
_CHECKER = None

def tuner(name, src = None, deps = [], checker = _CHECKER, visibility = None):
    """NAME.bpf.o from NAME.bpf.c, and its test.

    NAME                   the object; fails without a program or without a description
    NAME_description_test  the description is complete and the controller accepts it

    Args:
      name: the tuner's name, as its description says it.
      src: the source; NAME.bpf.c where not given.
      deps: bpf_library and cc_library targets, the policy's among them.
      checker: program run with the object as its argument; None leaves the test out.
      visibility: of the object.
    """
    bpf_object(
        name = name,
        srcs = [src or name + ".bpf.c"],
        required_section = ".rodata.tuner",
        visibility = visibility,
        deps = deps,
    )
    if checker:
        native.sh_test(
            name = name + "_description_test",
            size = "small",
            srcs = ["//tools/build:run_tool.sh"],
            args = [
                "$(location %s)" % checker,
                "$(location :%s)" % name,
            ],
            data = [
                checker,
                ":" + name,
            ],
        )
