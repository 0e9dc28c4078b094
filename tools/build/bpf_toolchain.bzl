# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Toolchain type for BPF objects: clang, bpftool, readelf and libbpf's BPF-side headers."""

BpfToolchainInfo = provider(
    doc = "Tools and flags for BPF C.",
    fields = {
        "bpftool": "FilesToRunProvider of bpftool",
        "clang": "FilesToRunProvider of a clang with the bpf target",
        "copts": "list of flags for every BPF compilation",
        "hdrs": "depset of libbpf's headers for BPF programs",
        "include": "-isystem folder of hdrs",
        "readelf": "FilesToRunProvider of llvm-readelf",
    },
)

def _bpf_toolchain_impl(ctx):
    return [platform_common.ToolchainInfo(bpf = BpfToolchainInfo(
        bpftool = ctx.attr.bpftool[DefaultInfo].files_to_run,
        clang = ctx.attr.clang[DefaultInfo].files_to_run,
        copts = ctx.attr.copts,
        hdrs = depset(ctx.files.hdrs),
        include = ctx.attr.hdrs.label.workspace_root + "/" + ctx.attr.include,
        readelf = ctx.attr.readelf[DefaultInfo].files_to_run,
    ))]

_TOOL = {"mandatory": True, "executable": True, "allow_single_file": True, "cfg": "exec"}

bpf_toolchain = rule(
    implementation = _bpf_toolchain_impl,
    attrs = {
        "bpftool": attr.label(**_TOOL),
        "clang": attr.label(**_TOOL),
        "copts": attr.string_list(),
        "hdrs": attr.label(mandatory = True),
        "include": attr.string(default = "root/usr/include"),
        "readelf": attr.label(**_TOOL),
    },
)
