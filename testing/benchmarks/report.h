// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What a benchmark has found: a table for people on standard error, JSON for programs on standard
// output. A figure may have a target; then its row ends in "ok" or "NOT MET".
//
//   Report report("footprint");
//   report.Add({.key = "threads", .what = "threads", .unit = "", .at_most = 1}, {1});
//   return report.Finish();

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace bpftune::testing {

// {"min": .., "median": .., "max": ..}. Precondition: there are values.
nlohmann::json Spread(std::vector<double> values);

struct Figure {
  std::string key;   // in the JSON
  std::string what;  // in the table
  std::string unit = "";
  std::optional<double> at_most = {};  // held against the median
};

class Report {
 public:
  // Exit codes of a benchmark.
  static constexpr int kMet = 0;
  static constexpr int kCouldNotMeasure = 1;
  static constexpr int kNotMet = 2;

  explicit Report(const std::string& benchmark);

  // Several values of the same thing are shown as min / median / max.
  void Add(const Figure& figure, const std::vector<double>& values);
  void Heading(const std::string& text);
  // Goes under the table and into the JSON: what a reader must know to judge the figures.
  void Remark(const std::string& text);

  // Prints all of it. Returns kMet or kNotMet.
  int Finish();

 private:
  nlohmann::json json_;
  std::vector<std::string> lines_;
  std::vector<std::string> remarks_;
  bool met_ = true;
};

}  // namespace bpftune::testing
