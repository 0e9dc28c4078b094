// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/openmetrics.h"

#include <map>
#include <regex>
#include <set>

namespace bpftune::ctl::testing {
namespace {

constexpr char kEnd[] = "# EOF\n";
// Quotes, backslashes and ends of lines are escaped, and nothing else.
#define ESCAPED R"((?:[^"\\\n]|\\["\\n])*)"
const std::regex kAbout("# (TYPE|HELP|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (" ESCAPED ")");
const std::regex kSample(R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+))");
const std::regex kLabel("([a-zA-Z_][a-zA-Z0-9_]*)=\"(" ESCAPED ")\"(,(?!$)|$)");
const std::regex kNumber(R"([-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?)");

class Checker {
 public:
  std::string Check(const std::string& line) {
    std::smatch parts;
    if (std::regex_match(line, parts, kAbout)) return CheckAbout(parts[1], parts[2], parts[3]);
    if (std::regex_match(line, parts, kSample)) return CheckSample(parts[1], parts[2], parts[3]);
    return "is neither about a family nor a sample";
  }

 private:
  std::string CheckAbout(const std::string& what, const std::string& family,
                         const std::string& text) {
    if (family != family_) {
      if (!families_.insert(family).second) return "goes back to an earlier family";
      family_ = family;
      about_.clear();
      samples_.clear();
    }
    if (!samples_.empty()) return "comes after samples of its family";
    if (!about_.emplace(what, text).second) return "is said twice";
    if (what == "TYPE" && text != "gauge" && text != "counter") return "is a type of no use here";
    if (what == "UNIT" && !family.ends_with("_" + text)) return "is no unit the family ends in";
    return "";
  }

  std::string CheckSample(const std::string& name, const std::string& labels,
                          const std::string& value) {
    const bool is_counter = about_["TYPE"] == "counter";
    if (family_.empty() || about_["TYPE"].empty()) return "is a sample of no type";
    if (name != family_ + (is_counter ? "_total" : "")) return "is no sample of this family";
    std::map<std::string, std::string> said;
    std::smatch label;
    for (std::string rest = labels; !rest.empty(); rest = label.suffix()) {
      if (!std::regex_search(rest, label, kLabel, std::regex_constants::match_continuous)) {
        return "has a label that is none";
      }
      if (!said.emplace(label[1], label[2]).second) return "has a label twice";
    }
    if (!samples_.insert(said).second) return "is there twice";
    if (!std::regex_match(value, kNumber)) return "has a value that is no number";
    return is_counter && value.starts_with('-') ? "is a counter below zero" : "";
  }

  std::set<std::string> families_;
  std::string family_;                                    // the one that is read
  std::map<std::string, std::string> about_;              // what was said of it
  std::set<std::map<std::string, std::string>> samples_;  // its samples, by their labels
};

}  // namespace

std::string WhyNotOpenMetrics(const std::string& text) {
  if (!text.ends_with(kEnd)) return "it does not end in # EOF";
  Checker checker;
  const size_t length = text.size() - std::string(kEnd).size();
  for (size_t at = 0; at < length;) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    if (const std::string wrong = checker.Check(line); !wrong.empty()) {
      return std::string("'").append(line).append("' ").append(wrong);
    }
    at = end + 1;
  }
  return "";
}

}  // namespace bpftune::ctl::testing
