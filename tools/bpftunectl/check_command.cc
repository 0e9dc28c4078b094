// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl check, completion: what needs no daemon.

#include <CLI/CLI.hpp>

#include "controller/bpf_handles.h"
#include "controller/description.h"
#include "tools/bpftunectl/command_line.h"
#include "tools/bpftunectl/commands.h"
#include "tools/bpftunectl/completion.h"

namespace bpftune::ctl {
namespace {

Result<Description> Describe(const std::string& file) {
  const auto object = OpenObject(file);
  if (!object) return object.error();
  return ReadDescription(object->get());
}

template <typename Items, typename ToJson>
Json ListOf(const Items& items, ToJson to_json) {
  Json out = Json::array();
  for (const auto& item : items) out.push_back(to_json(item));
  return out;
}

}  // namespace

Answer CheckCommand(const CommandLine& line) {
  const auto tuner = Describe(line.name);
  if (!tuner) return Failure(kProblem, "'" + Harmless(line.name) + "': " + tuner.error().message());
  Answer out;
  Json& document = out.document;
  document["file"] = line.name;
  document["name"] = tuner->name;
  document["summary"] = tuner->summary;
  document["tunables"] = ListOf(tuner->tunables, [](const Tunable& one) {
    return Json{{"name", one.name},
                {"labels", one.labels},
                {"set", one.set},
                {"per_netns", one.per_netns},
                {"on_sockets", one.on_sockets},
                {"least", one.min},
                {"most", one.max}};
  });
  document["scenarios"] = ListOf(tuner->scenarios, [](const Scenario& one) {
    return Json{{"id", one.id}, {"name", one.name}, {"description", one.description}};
  });
  document["hooks"] = ListOf(tuner->hooks, [](const Hook& one) {
    return Json{{"name", one.name},
                {"programs", one.programs},
                {"required", one.required},
                {"loss", one.loss}};
  });
  document["strategies"] = ListOf(tuner->strategies, [](const Strategy& one) {
    return Json{{"name", one.name}, {"description", one.description}, {"seconds", one.seconds}};
  });
  document["modules"] = ListOf(tuner->modules, [](const Module& one) {
    return Json{{"name", one.name}, {"loss", one.loss}};
  });
  return out;
}

std::string CheckText(const Json& document, const Style& style) {
  std::string out = Coloured(document.at("name").get<std::string>(), Colour::kBold, style) + ": " +
                    document.at("summary").get<std::string>() +
                    "\nIts description is in order; whether its programs work on this kernel "
                    "bpftunectl doctor says.\n";
  Table tunables({"TUNABLE", "VALUES", "LEAST", "MOST", "SET"});
  for (const Json& one : document.at("tunables")) {
    const bool on_sockets = one.at("on_sockets").get<bool>();
    tunables.Add({one.at("name").get<std::string>(), one.at("labels").get<std::string>(),
                  on_sockets ? "-" : one.at("least").dump(),
                  on_sockets ? "-" : one.at("most").dump(), one.at("set").get<std::string>()});
  }
  if (!tunables.empty()) out += "\n" + tunables.Text(style);
  Table hooks({"HOOK", "PROGRAMS, THE PREFERRED ONE FIRST", "WITHOUT IT"});
  for (const Json& one : document.at("hooks")) {
    std::string programs;
    for (const Json& program : one.at("programs")) {
      programs += (programs.empty() ? "" : " ") + program.get<std::string>();
    }
    hooks.Add({one.at("name").get<std::string>(), programs, one.at("loss").get<std::string>()});
  }
  return hooks.empty() ? out : out + "\n" + hooks.Text(style);
}

Answer CompletionCommand(const CommandLine& line) {
  Answer out;
  std::string text;
  const bool tuners = line.name == "tuners";
  if (tuners || line.name == "tunables") {
    for (const Description& tuner : DescriptionsIn(line.tuners)) {
      if (tuners) text += tuner.name + "\n";
      for (const Tunable& one : tuner.tunables) {
        if (!tuners && !one.on_sockets) text += one.name + "\n";
      }
    }
  } else {
    CommandLine unused;
    text = CompletionFor(line.name, *MakeApp(&unused));
  }
  out.document["shell"] = line.name;
  out.document["text"] = text;
  return out;
}

std::string CompletionText(const Json& document, const Style&) {
  return document.at("text").get<std::string>();
}

}  // namespace bpftune::ctl
