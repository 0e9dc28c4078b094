# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""@debian_arm64: the static libraries of @debian, as built for another architecture.

Nothing but the compiler for that architecture names this repository, so it is made, and its
packages fetched, only where somebody builds for it. The headers are @debian's.
"""

def _foreign_libraries_impl(rctx):
    tool = rctx.path(Label("//:WORKSPACE")).dirname.get_child("tools").get_child("foreign_packages")
    result = rctx.execute([tool, rctx.attr.architecture] + rctx.attr.packages)
    if result.return_code != 0:
        fail(result.stderr)
    folders = [line for line in result.stdout.split("\n") if line]
    for library in rctx.attr.libraries:
        found = [
            path
            for path in [
                rctx.path("/".join([folder, usr, rctx.attr.triple, library]))
                for folder in folders
                for usr in ["lib", "usr/lib"]
            ]
            if path.exists
        ]
        if not found:
            fail("none of %s has %s" % (", ".join(rctx.attr.packages), library))
        rctx.symlink(found[0], "lib/" + library)
    rctx.file("BUILD.bazel", """\
filegroup(
    name = "libraries",
    srcs = glob(["lib/*.a"]),
    visibility = ["//visibility:public"],
)
""", executable = False)

foreign_libraries = repository_rule(
    implementation = _foreign_libraries_impl,
    local = True,  # looked at again whenever the Bazel server starts
    environ = ["BPFTUNE_VM_CACHE"],
    attrs = {
        "architecture": attr.string(mandatory = True),
        "libraries": attr.string_list(mandatory = True),
        "packages": attr.string_list(mandatory = True),
        "triple": attr.string(mandatory = True),
    },
)
