# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# The BUILD file of @debian (repo.bzl). Static libraries: what we ship needs only libc.
# Our targets use these through the aliases in //third_party.

load("@rules_cc//cc:defs.bzl", "cc_import", "cc_library")

package(default_visibility = ["//visibility:public"])

exports_files(glob(["bin/*"]))

LIB = "root/usr/lib/{triple}/"

# Built for another architecture, the linker finds them by name among what its toolchain brings; as
# labels here they would be fetched by every query that walks through this file.
[cc_library(
    name = name + "_a",
    srcs = select({
        "@bpftune//tools/build/arm64:cross": [],
        "//conditions:default": [LIB + name + ".a"],
    }),
    linkopts = select({
        "@bpftune//tools/build/arm64:cross": ["-l:%s.a" % name],
        "//conditions:default": [],
    }),
    visibility = ["//visibility:private"],
) for name in [
    "libbpf",
    "libcap",
    "libelf",
    "libnl-3",
    "libnl-route-3",
    "libz",
]]

# Headers that BPF C sources include (bpf_helpers.h and friends).
filegroup(
    name = "bpf_hdrs",
    srcs = glob(["root/usr/include/bpf/*.h"]),
)

cc_library(
    name = "libz",
    hdrs = [
        "root/usr/include/zconf.h",
        "root/usr/include/zlib.h",
    ],
    includes = ["root/usr/include"],
    deps = [":libz_a"],
)

cc_library(
    name = "libelf",
    hdrs = glob(["root/usr/include/elfutils/*.h"]) + [
        "root/usr/include/gelf.h",
        "root/usr/include/libelf.h",
    ],
    includes = ["root/usr/include"],
    deps = [
        ":libelf_a",
        ":libz",
    ],
)

cc_library(
    name = "libbpf",
    hdrs = [":bpf_hdrs"],
    includes = ["root/usr/include"],
    deps = [
        ":libbpf_a",
        ":libelf",
        ":libz",
    ],
)

cc_library(
    name = "libcap",
    hdrs = ["root/usr/include/sys/capability.h"],
    includes = ["root/usr/include"],
    deps = [":libcap_a"],
)

cc_library(
    name = "libnl",
    hdrs = glob(["root/usr/include/libnl3/**/*.h"]),
    includes = ["root/usr/include/libnl3"],
    linkopts = ["-lm"],
    deps = [":libnl-3_a"],
)

cc_library(
    name = "libnl_route",
    deps = [
        ":libnl",
        ":libnl-route-3_a",
    ],
)

cc_library(
    name = "fmt",  # header-only form: Debian ships no libfmt.a
    hdrs = glob(["root/usr/include/fmt/*.h"]),
    defines = ["FMT_HEADER_ONLY=1"],
    includes = ["root/usr/include"],
)

cc_library(
    name = "nlohmann_json",
    hdrs = glob(["root/usr/include/nlohmann/**/*.hpp"]),
    includes = ["root/usr/include"],
)

cc_library(
    name = "cli11",
    hdrs = glob(["root/usr/include/CLI/**/*.hpp"]),
    includes = ["root/usr/include"],
)

# GoogleTest, compiled from Debian's source package with our own flags, so that
# sanitizer builds instrument it too.
GT = "root/usr/src/googletest/"

cc_library(
    name = "gtest",
    testonly = True,
    srcs = glob(
        [
            GT + "googletest/src/*.cc",
            GT + "googletest/src/*.h",
            GT + "googlemock/src/*.cc",
        ],
        exclude = [
            GT + "googletest/src/gtest-all.cc",
            GT + "googletest/src/gtest_main.cc",
            GT + "googlemock/src/gmock-all.cc",
            GT + "googlemock/src/gmock_main.cc",
        ],
    ),
    hdrs = glob([
        GT + "googletest/include/**/*.h",
        GT + "googlemock/include/**/*.h",
    ]),
    copts = ["-w"],
    includes = [
        GT + "googlemock",  # its own sources include "src/..."
        GT + "googlemock/include",
        GT + "googletest",
        GT + "googletest/include",
    ],
    linkopts = ["-pthread"],
)

cc_library(
    name = "gtest_main",
    testonly = True,
    srcs = [GT + "googlemock/src/gmock_main.cc"],
    deps = [":gtest"],
)

cc_import(
    name = "libbenchmark_so",
    shared_library = LIB + "libbenchmark.so.1debian",  # Debian ships no .a
    visibility = ["//visibility:private"],
)

cc_library(
    name = "benchmark",
    testonly = True,
    hdrs = glob(["root/usr/include/benchmark/*.h"]),
    includes = ["root/usr/include"],
    linkopts = ["-pthread"],
    deps = [":libbenchmark_so"],
)
