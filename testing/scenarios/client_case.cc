// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/scenarios/client_case.h"

#include <unistd.h>

#include <chrono>

namespace bpftune::testing {
namespace {

constexpr std::chrono::seconds kLongest{60};

}  // namespace

Status Installed(const Client& client) {
  if (access(client.path, X_OK) == 0) return Ok();
  return Error::FromErrno("running '" + std::string(client.path) + "', of Debian's package '" +
                          client.package + "'");
}

Result<Daemon> StartClient(const Client& client, const std::vector<std::string>& arguments,
                           const std::optional<Host>& inside) {
  if (auto installed = Installed(client); !installed) return installed.error();
  return Daemon::Start(client.path, arguments, {.inside = inside});
}

Result<std::string> RunClient(const Client& client, const std::vector<std::string>& arguments,
                              const std::optional<Host>& inside) {
  auto running = StartClient(client, arguments, inside);
  if (!running) return running.error();
  auto exit = running->WaitForExit(kLongest);
  if (!exit) return exit.error();
  std::string printed;
  for (const std::string& line : exit->lines) printed.append(line).append("\n");
  if (exit->code == 0) return printed;
  return Error("'" + std::string(client.path) + "' has failed: " + printed);
}

}  // namespace bpftune::testing
