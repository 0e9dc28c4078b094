# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""tuner(): one self-describing BPF object and the tests that every tuner has."""

load("//tools/build:bpf.bzl", "bpf_object")

# Reads a description as the daemon would.
_DESCRIPTION_CHECKER = "//controller:check_tuner"

def _object_test(name, object, checker, **kwargs):
    """A test that runs a checker with the object as its argument."""
    native.sh_test(
        name = name,
        size = "small",
        srcs = ["//tools/build:run_tool.sh"],
        args = ["$(location %s)" % target for target in [checker, object]],
        data = [checker, object],
        **kwargs
    )

def tuner(name, src = None, deps = [], description_checker = _DESCRIPTION_CHECKER, visibility = None):
    """NAME.bpf.o from NAME.bpf.c, and its tests.

    NAME                   the object; fails without a program or without a description
    NAME_description_test  the description is complete and the controller accepts it
    NAME_core_compat_test  the kernel types it names exist in the running kernel

    Args:
      name: the tuner's name, as its description says it.
      src: the source; NAME.bpf.c where not given.
      deps: bpf_library and cc_library targets, the policy's among them.
      description_checker: program that takes an object as its argument; None leaves the
        test out.
      visibility: of the object.
    """
    bpf_object(
        name = name,
        srcs = [src or name + ".bpf.c"],
        required_section = ".rodata.tuner",
        visibility = visibility,
        deps = deps,
    )
    if description_checker:
        _object_test(name + "_description_test", ":" + name, description_checker)
    _object_test(
        name + "_core_compat_test",
        ":" + name,
        "//testing/core_compat:check_object",
        tags = ["external"],  # the kernel is not among the inputs
    )
