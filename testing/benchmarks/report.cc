// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/benchmarks/report.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace bpftune::testing {
namespace {

constexpr size_t kMostValues = 32;  // more are not put out one by one

double LoadAverage() {
  double one_minute = 0;
  (void)!getloadavg(&one_minute, 1);  // 0 where the system does not say
  return one_minute;
}

std::string Kernel() {
  utsname name = {};
  uname(&name);
  return name.release;
}

std::string Short(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

}  // namespace

nlohmann::json Spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {{"min", values.front()}, {"median", values[values.size() / 2]}, {"max", values.back()}};
}

Report::Report(const std::string& benchmark)
    : json_({{"benchmark", benchmark},
             {"kernel", Kernel()},
             {"load_average_before", LoadAverage()},
             {"figures", nlohmann::json::object()}}) {}

void Report::Add(const Figure& figure, const std::vector<double>& values) {
  const nlohmann::json spread = Spread(values);
  const double median = spread["median"];
  nlohmann::json& out = json_["figures"][figure.key];
  out = {{"unit", figure.unit}};
  std::string shown = Short(median);
  if (values.size() == 1) {
    out["value"] = median;
  } else {
    out.update(spread);
    if (values.size() <= kMostValues) out["values"] = values;
    shown = Short(spread["min"]) + " / " + shown + " / " + Short(spread["max"]);
  }
  std::string line = "  " + Padded(figure.what, 56) + Padded(shown + " " + figure.unit, 28);
  if (figure.at_most) {
    const bool met = median <= *figure.at_most;
    met_ = met_ && met;
    out["at_most"] = *figure.at_most;
    out["met"] = met;
    line += "<= " + Padded(Short(*figure.at_most), 6) + (met ? "ok" : "NOT MET");
  }
  lines_.push_back(line);
}

void Report::Heading(const std::string& text) { lines_.push_back(text); }

void Report::Remark(const std::string& text) { remarks_.push_back(text); }

int Report::Finish() {
  json_["load_average_after"] = LoadAverage();
  json_["remarks"] = remarks_;
  json_["met"] = met_;
  for (const std::string& line : lines_) std::fprintf(stderr, "%s\n", line.c_str());
  for (const std::string& remark : remarks_) std::fprintf(stderr, "note: %s\n", remark.c_str());
  std::fprintf(stderr, "load average %.1f before, %.1f after; kernel %s\n",
               json_["load_average_before"].get<double>(),
               json_["load_average_after"].get<double>(), Kernel().c_str());
  std::printf("%s\n", json_.dump().c_str());
  return met_ ? kMet : kNotMet;
}

}  // namespace bpftune::testing
