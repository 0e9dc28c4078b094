# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Tests that run in a virtual machine with a kernel of their own."""

load("//tools/build/arm64:transition.bzl", "arm64_build")

# What the link emulator and the network namespaces of our harness need.
_MODULES = ["tun", "veth", "sch_netem", "sch_fq", "tcp_bbr"]

# no-sandbox        QEMU's kernel is in a cache in the home folder
# requires-network  it is fetched there when it is not
# external          rerun every time: the kernel is not among the inputs
# cpu:1             emulation takes a whole CPU
# requires-vm       to select: bazel test --test_tag_filters=-requires-vm //...
_VM_TAGS = [
    "cpu:1",
    "external",
    "no-sandbox",
    "requires-network",
    "requires-vm",
]

# tools/test leaves them out unless it is called with --matrix.
_MATRIX_ONLY = ["matrix"]

# Nor in a build of everything: only tools/test --matrix has the compiler. It names :arm64.
_ARM64_TAGS = _MATRIX_ONLY + ["manual"]

def _is_arm64(kernel):
    return kernel.startswith("arm64-")

def _built_for(kernel, targets):
    """These targets as that kernel's architecture needs them: labels of this package or others."""
    if not _is_arm64(kernel):
        return targets
    labels = []
    for target in targets:
        name = "arm64_" + target.lstrip("/:").replace("/", "_").replace(":", "_")
        if not native.existing_rule(name):
            arm64_build(
                name = name,
                testonly = True,
                tags = ["manual"],
                target = target,
            )
        labels.append(":" + name)
    return labels

def vm_test(
        name,
        kernel,
        test,
        data = [],
        modules = [],
        programs = [],
        tuners = [],
        memory = "1G",
        cmdline = "",
        virtual_time = True,
        env = {},
        tags = [],
        timeout = "eternal",
        **kwargs):
    """Runs a test binary in a virtual machine, with the same files and folder as Bazel gives it.

    The guest promises privileges: BPFTUNE_REQUIRE_PRIVILEGED=1, a test that cannot run fails.
    A kernel that cannot be fetched, does not boot, or complains is a failure and says so.

    exclusive: in real time tests have deadlines; not needed in virtual time.

    Args:
      name: test name.
      kernel: as tools/vm --list has it, of this machine's architecture.
      test: label of the test binary (a cc_test, or a cc_binary with testonly).
      data: files it needs besides those of its own.
      modules: kernel modules beyond the usual ones.
      programs: paths of programs of this machine that it runs.
      tuners: the tuners that its daemons load, beside netns and sysctl; none named: all. An emulated
        machine takes half a minute to verify them all, at each start.
      memory: the guest's.
      cmdline: more arguments for the kernel.
      virtual_time: the guest's clock counts its own instructions and skips its idle time: ten
        minutes of waiting take seconds, and the host's load does not matter. Else real time.
      env: more environment variables for it.
      tags: more tags.
      timeout: Bazel's; a minute of it is kept for fetching the kernel. Emulation on a busy machine takes
        its time; only what hangs comes near it.
      **kwargs: passed to sh_test.
    """
    native.sh_test(
        name = name,
        srcs = ["//testing/matrix:run_in_vm.sh"],
        args = [
            kernel,
            ",".join(_MODULES + modules),
            "virtual" if virtual_time else "real",
            memory,
            "cmdline=" + cmdline,
            ",".join(programs) or "none",
            ",".join(tuners) or "all",
            "$(rootpath %s)" % test,
        ] + ["%s=%s" % (key, env[key]) for key in sorted(env)],
        data = data + [
            test,
            "//tools/vm_lib",
        ],
        tags = tags + ([] if virtual_time else ["exclusive"]) + _VM_TAGS,
        timeout = timeout,
        **kwargs
    )

def vm_tests(name, kernels, matrix_kernels = [], tags = [], **kwargs):
    """vm_test NAME_KERNEL on each of these kernels.

    Args:
      name: without the kernel.
      kernels: as vm_test has them.
      matrix_kernels: likewise, in the whole matrix only.
      tags: more tags.
      **kwargs: passed to vm_test.
    """
    for kernel in kernels + matrix_kernels:
        vm_test(
            name = name + "_" + kernel.replace(".", "_"),
            kernel = kernel,
            tags = tags + ([] if kernel in kernels else _MATRIX_ONLY),
            **kwargs
        )

def _plan_impl(ctx):
    plan = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(plan, ctx.attr.content)
    return [DefaultInfo(files = depset([plan]), runfiles = ctx.runfiles([plan]))]

_plan = rule(
    implementation = _plan_impl,
    attrs = {"content": attr.string(mandatory = True)},
    doc = "What row_lib reads of a row of rows.bzl.",
)

def matrix_row(name, row, steps, modules = [], programs = [], vm_options = [], timeout = "eternal"):
    """row_NAME: one boot of a kernel, every step in it. Each step is a case of the test.

    Args:
      name: the row's; without row_.
      row: of ROWS in rows.bzl.
      steps: STEPS of rows.bzl.
      modules: kernel modules beyond the usual ones.
      programs: paths of programs of this machine that the steps run.
      vm_options: more arguments for tools/vm.
      timeout: Bazel's.
    """
    steps = [step for step in steps if step.name not in row.without] + row.more
    plan = struct(
        name = "row_" + name,
        kernel = row.kernel,
        optional = row.optional,
        skips = row.skips,
        memory = "1G",
        modules = _MODULES + modules,
        programs = programs,
        vm_options = vm_options,
        steps = [struct(
            name = step.name,
            command = step.command,
            tuners = step.tuners,
            limit = step.limit,
            is_test = step.is_test,
        ) for step in steps],
    )
    _plan(
        name = "row_%s_plan" % name,
        content = json.encode(plan),
        tags = ["manual"],
    )
    native.sh_test(
        name = "row_" + name,
        srcs = ["//testing/matrix/row_lib:run_row.sh"],
        args = ["$(rootpath :row_%s_plan)" % name],
        data = [
            ":row_%s_plan" % name,
            ":expectations",
            "//testing/matrix/row_lib",
            "//tools/vm_lib",
        ] + _built_for(
            row.kernel,
            {test: None for test in ["//testing/scenarios:daemon"] +
                                    [step.test for step in steps if step.test]}.keys(),
        ),
        tags = _VM_TAGS + ([] if row.quick else _MATRIX_ONLY) +
               (_ARM64_TAGS if _is_arm64(row.kernel) else []),
        timeout = timeout,
    )
