# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Tests that run in a virtual machine with a kernel of their own."""

# What the link emulator and the network namespaces of our harness need.
_MODULES = ["tun", "veth", "sch_netem", "sch_fq", "tcp_bbr"]

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

    no-sandbox        QEMU's kernel is in a cache in the home folder
    requires-network  it is fetched there when it is not
    external          rerun every time: the kernel is not among the inputs
    cpu:1             emulation takes a whole CPU
    exclusive         in real time tests have deadlines; not needed in virtual time
    requires-vm       to select: bazel test --test_tag_filters=-requires-vm //...

    Args:
      name: test name.
      kernel: as tools/vm has it: 5.10, 6.1, 6.12, 6.18 or newest.
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
        tags = tags + ([] if virtual_time else ["exclusive"]) + [
            "cpu:1",
            "external",
            "no-sandbox",
            "requires-network",
            "requires-vm",
        ],
        timeout = timeout,
        **kwargs
    )

def vm_tests(name, kernels, **kwargs):
    """vm_test NAME_KERNEL on each of these kernels.

    Args:
      name: without the kernel.
      kernels: as vm_test has them.
      **kwargs: passed to vm_test.
    """
    for kernel in kernels:
        vm_test(
            name = name + "_" + kernel.replace(".", "_"),
            kernel = kernel,
            **kwargs
        )
