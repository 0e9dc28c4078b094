// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// check_tuner FILE.bpf.o...: reads descriptions as the daemon would, loads nothing, needs no
// privilege. Exit code 1, and the reason, if one is not right.

#include <cstdio>

#include "controller/bpf_handles.h"
#include "controller/description.h"
#include "controller/log.h"

int main(int argc, char** argv) {
  bpftune::CaptureLibbpfMessages();
  int result = argc > 1 ? 0 : 2;
  if (argc <= 1) std::fputs("usage: check_tuner FILE.bpf.o...\n", stderr);
  for (int i = 1; i < argc; ++i) {
    auto object = bpftune::OpenObject(argv[i]);
    auto description = object ? bpftune::ReadDescription(object->get())
                              : bpftune::Result<bpftune::Description>(object.error());
    if (!description) {
      std::fprintf(stderr, "%s: %s\n", argv[i], description.error().message().c_str());
      result = 1;
      continue;
    }
    std::printf("%s: tuner '%s': %s (%zu tunables, %zu scenarios, %zu hooks)\n", argv[i],
                description->name.c_str(), description->summary.c_str(),
                description->tunables.size(), description->scenarios.size(),
                description->hooks.size());
  }
  return result;
}
