// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// What a command has done, and not done: in its document, and in syslog, where others find it.

#include <string>

#include "tools/bpftunectl/commands.h"

namespace bpftune::ctl {

class Done {
 public:
  // `answer` must outlive this.
  explicit Done(Answer* answer) : answer_(answer) {
    answer_->document["done"] = Json::array();
    answer_->document["not_done"] = Json::array();
  }

  // `name`: a tunable or a tuner; empty: all.
  void Add(const std::string& action, const std::string& name, const std::string& netns,
           const std::string& text);
  void Fail(const std::string& name, const std::string& netns, const std::string& text);

 private:
  Answer* answer_;
};

}  // namespace bpftune::ctl
