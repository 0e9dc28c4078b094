// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Completion scripts, made from the tree of commands: so they know what --help knows. Pure.

#include <string>

namespace CLI {
class App;
}

namespace bpftune::ctl {

std::string CompletionFor(const std::string& shell, const CLI::App& app);

}  // namespace bpftune::ctl
