// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/schema.h"

#include <algorithm>
#include <fstream>

namespace bpftune::ctl::testing {
namespace {

bool IsOfType(const Json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  return type == "null" && value.is_null();
}

// AT.NAME
std::string Below(const std::string& at, const std::string& name) {
  std::string out = at;
  out.append(".").append(name);
  return out;
}

class Checker {
 public:
  explicit Checker(const Json& root) : root_(root) {}

  std::string Check(const Json& schema, const Json& value, const std::string& at) const {
    for (const auto& [word, rule] : schema.items()) {
      std::string wrong = CheckWord(schema, word, rule, value, at);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

 private:
  std::string CheckWord(const Json& schema, const std::string& word, const Json& rule,
                        const Json& value, const std::string& at) const {
    if (word == "description" || word == "title" || word.starts_with('$')) {
      if (word == "$ref") return Check(Definition(rule.get<std::string>()), value, at);
      return "";
    }
    if (word == "then" || word == "else") return "";  // with "if"
    if (word == "if") {
      const char* branch = Check(rule, value, at).empty() ? "then" : "else";
      return schema.contains(branch) ? Check(schema.at(branch), value, at) : "";
    }
    if (word == "const") return value == rule ? "" : at + " is not " + rule.dump();
    if (word == "enum") {
      const bool is_one = std::find(rule.begin(), rule.end(), value) != rule.end();
      return is_one ? "" : at + " is " + value.dump() + ", not one of " + rule.dump();
    }
    if (word == "type") return CheckType(rule, value, at);
    if (word == "allOf") {
      for (const Json& one : rule) {
        if (std::string wrong = Check(one, value, at); !wrong.empty()) return wrong;
      }
      return "";
    }
    if (word == "anyOf") {
      std::string wrong;
      for (const Json& one : rule) {
        wrong = Check(one, value, at);
        if (wrong.empty()) return "";
      }
      return wrong;
    }
    if (word == "required") {
      for (const Json& name : rule) {
        if (value.is_object() && !value.contains(name.get<std::string>())) {
          return at + " has no " + name.dump();
        }
      }
      return "";
    }
    if (word == "properties") {
      for (const auto& [name, one] : rule.items()) {
        if (!value.is_object() || !value.contains(name)) continue;
        std::string wrong = Check(one, value.at(name), Below(at, name));
        if (!wrong.empty()) return wrong;
      }
      return "";
    }
    if (word == "additionalProperties") return CheckOthers(schema, rule, value, at);
    if (word == "items") {
      if (!value.is_array()) return "";
      for (size_t i = 0; i < value.size(); ++i) {
        std::string wrong = Check(rule, value[i], at + "[" + std::to_string(i) + "]");
        if (!wrong.empty()) return wrong;
      }
      return "";
    }
    return "the schema says '" + word + "', which is not checked";
  }

  static std::string CheckType(const Json& rule, const Json& value, const std::string& at) {
    const auto fits = [&](const Json& type) { return IsOfType(value, type.get<std::string>()); };
    const bool good = rule.is_array() ? std::any_of(rule.begin(), rule.end(), fits) : fits(rule);
    return good ? "" : at + " is " + value.dump() + ", no " + rule.dump();
  }

  std::string CheckOthers(const Json& schema, const Json& rule, const Json& value,
                          const std::string& at) const {
    if (!value.is_object()) return "";
    for (const auto& [name, one] : value.items()) {
      if (schema.contains("properties") && schema.at("properties").contains(name)) continue;
      if (rule.is_boolean()) return Below(at, name) + " is not in the schema";
      if (std::string wrong = Check(rule, one, Below(at, name)); !wrong.empty()) return wrong;
    }
    return "";
  }

  const Json& Definition(const std::string& reference) const {
    return root_.at("$defs").at(reference.substr(std::string("#/$defs/").size()));
  }

  const Json& root_;
};

}  // namespace

std::string WhyNot(const Json& schema, const Json& document) {
  return Checker(schema).Check(schema, document, "it");
}

Json Schema() {
  std::ifstream file("docs/bpftunectl-schema.json");
  return Json::parse(file);
}

}  // namespace bpftune::ctl::testing
