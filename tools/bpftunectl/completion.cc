// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

namespace bpftune::ctl {
namespace {

struct Word {
  std::string text;
  std::string description;
};

std::vector<Word> CommandsOf(const CLI::App& app) {
  std::vector<Word> out;
  for (const CLI::App* command : app.get_subcommands({})) {
    out.push_back({command->get_name(), command->get_description()});
  }
  return out;
}

// "--name" and "-n", each.
std::vector<Word> OptionsOf(const CLI::App& app) {
  std::vector<Word> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      out.push_back({"--" + name, option->get_description()});
    }
    for (const std::string& name : option->get_snames()) {
      out.push_back({"-" + name, option->get_description()});
    }
  }
  return out;
}

// What its operand is; empty: it has none.
std::string OperandOf(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) return option->get_name(true);
  }
  return "";
}

// The words that a shell offers for it: a command that prints them, or a list.
std::string WordsFor(const std::string& operand) {
  if (operand == "TUNABLE") return "$(bpftunectl completion tunables 2>/dev/null)";
  if (operand == "TUNER") return "$(bpftunectl completion tuners 2>/dev/null)";
  return operand == "SHELL" ? "bash zsh fish" : "";
}

std::string Joined(const std::vector<Word>& words) {
  std::string out;
  for (const Word& word : words) out.append(out.empty() ? "" : " ").append(word.text);
  return out;
}

// For single quotes of a shell.
std::string Quoted(std::string text) {
  for (size_t at = 0; (at = text.find('\'', at)) != text.npos; at += 4)
    text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

std::string Bash(const CLI::App& app) {
  std::string operands;
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string operand = OperandOf(*command);
    if (operand == "FILE") {
      operands += "  " + command->get_name() + ") COMPREPLY=($(compgen -f -- \"$word\"));;\n";
    } else if (!operand.empty()) {
      operands += "  " + command->get_name() + ") COMPREPLY=($(compgen -W \"" + WordsFor(operand) +
                  "\" -- \"$word\"));;\n";
    }
  }
  return "# bash completion for bpftunectl; made by 'bpftunectl completion bash'\n"
         "_bpftunectl() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} command= i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ' " +
         Joined(CommandsOf(app)) +
         " ' in\n"
         "    *\" ${COMP_WORDS[i]} \"*) command=${COMP_WORDS[i]}; break ;;\n"
         "    esac\n"
         "  done\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         Joined(OptionsOf(app)) +
         "' -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case $command in\n"
         "  '') COMPREPLY=($(compgen -W '" +
         Joined(CommandsOf(app)) + "' -- \"$word\"));;\n" + operands +
         "  esac\n"
         "}\n"
         "complete -F _bpftunectl bpftunectl\n";
}

std::string Zsh(const CLI::App& app) {
  // _describe takes "word:what it is".
  const auto described = [](const std::vector<Word>& words) {
    std::string out;
    for (const Word& word : words) {
      std::string what = word.description;
      std::ranges::replace(what, ':', ';');
      out += "    " + Quoted(word.text + ":" + what) + "\n";
    }
    return out;
  };
  std::string operands;
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string operand = OperandOf(*command);
    if (operand == "FILE") {
      operands += "  " + command->get_name() + ") _files ;;\n";
    } else if (!operand.empty()) {
      operands += "  " + command->get_name() + ") compadd -- " +
                  (WordsFor(operand).starts_with('$') ? "${(f)\"" + WordsFor(operand) + "\"}"
                                                      : WordsFor(operand)) +
                  " ;;\n";
    }
  }
  return "#compdef bpftunectl\n"
         "# made by 'bpftunectl completion zsh'\n"
         "_bpftunectl() {\n"
         "  local -a commands options\n"
         "  local word command=\n"
         "  commands=(\n" +
         described(CommandsOf(app)) +
         "  )\n"
         "  options=(\n" +
         described(OptionsOf(app)) +
         "  )\n"
         "  for word in ${words[2,CURRENT-1]}; do\n"
         "    if [[ -n ${(M)commands:#$word:*} ]]; then command=$word; break; fi\n"
         "  done\n"
         "  if [[ $words[CURRENT] == -* ]]; then _describe option options; return; fi\n"
         "  case $command in\n"
         "  '') _describe command commands ;;\n" +
         operands +
         "  esac\n"
         "}\n"
         "_bpftunectl \"$@\"\n";
}

std::string Fish(const CLI::App& app) {
  std::string out =
      "# fish completion for bpftunectl; made by 'bpftunectl completion fish'\n"
      "complete -c bpftunectl -f\n";
  const std::string none = "-n 'not __fish_seen_subcommand_from " + Joined(CommandsOf(app)) + "'";
  for (const Word& word : CommandsOf(app)) {
    out += "complete -c bpftunectl " + none + " -a " + word.text + " -d " +
           Quoted(word.description) + "\n";
  }
  for (const CLI::Option* option : app.get_options()) {
    out += "complete -c bpftunectl";
    for (const std::string& name : option->get_snames()) out += " -s " + name;
    for (const std::string& name : option->get_lnames()) out += " -l " + name;
    out += " -d " + Quoted(option->get_description()) + "\n";
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string operand = OperandOf(*command);
    if (operand.empty()) continue;
    std::string words = WordsFor(operand);
    if (words.starts_with('$')) words.erase(0, 1);
    out += "complete -c bpftunectl -n '__fish_seen_subcommand_from " + command->get_name() + "' " +
           (operand == "FILE" ? std::string("-F") : "-a " + Quoted(words)) + "\n";
  }
  return out;
}

}  // namespace

std::string CompletionFor(const std::string& shell, const CLI::App& app) {
  return shell == "bash" ? Bash(app) : shell == "zsh" ? Zsh(app) : Fish(app);
}

}  // namespace bpftune::ctl
