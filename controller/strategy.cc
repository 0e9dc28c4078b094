// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/strategy.h"

#include <bpf/bpf.h>

#include "controller/event_sources.h"

namespace bpftune {
namespace {

std::string ScoreText(const std::optional<int64_t>& score) {
  return score ? std::to_string(*score) : "none";
}

}  // namespace

std::optional<size_t> ChooseStrategy(const std::vector<StrategyRecord>& records, size_t now) {
  std::optional<size_t> best;
  for (size_t row = 0; row < records.size(); ++row) {
    if (!records[row].works) continue;
    if (!records[row].tried) return row;
    // An empty optional is less than any score.
    if (!best || records[row].score > records[*best].score ||
        (row == now && records[row].score == records[*best].score)) {
      best = row;
    }
  }
  return best;
}

void StrategyClock::Start(Tuner* tuner, const SharedMaps* maps, LogSink* log, uint64_t now_ns) {
  tuner_ = tuner;
  maps_ = maps;
  log_ = log;
  records_.resize(tuner->description().strategies.size());
  for (size_t row = 0; row < records_.size(); ++row) {
    const std::string why_not = tuner->WhyNot(row);
    if (!why_not.empty()) LeaveOut(row, why_not);
  }
  (void)FollowBest(now_ns);
}

bool StrategyClock::Check(uint64_t now_ns) {
  if (!due_ns_ || *due_ns_ > now_ns) return false;
  ReadScores();
  if (records_[now_].judged == judged_before_) return false;
  records_[now_].tried = true;
  const size_t before = now_;
  if (!FollowBest(now_ns) || now_ == before) return false;
  log_->Notice("tuner '" + tuner_->description().name + "' changes its strategy from '" +
               strategy(before).name + "' to '" + strategy(now_).name + "' (" +
               strategy(now_).description + "): " + WhyChosenOver(before));
  return true;
}

// The best of those that work. False: none does, and nothing is due any more.
bool StrategyClock::FollowBest(uint64_t now_ns) {
  std::optional<size_t> best;
  do {
    best = ChooseStrategy(records_, now_);
  } while (best && !Follow(*best, now_ns));
  if (!best) due_ns_.reset();
  return best.has_value();
}

void StrategyClock::ReadScores() {
  for (uint32_t row = 0; row < records_.size(); ++row) {
    const uint32_t key = tuner_->id() * TUNER_MAX_STRATEGIES + row;
    score found = {};
    if (bpf_map_lookup_elem(maps_->fd(MAP_SCORES), &key, &found) != 0 || found.judged == 0) {
      continue;
    }
    records_[row].score = found.value;
    records_[row].judged = found.judged;
  }
}

// False: it does not work any more, and is left out.
bool StrategyClock::Follow(size_t row, uint64_t now_ns) {
  const auto used = tuner_->Use(row);
  if (!used) {
    LeaveOut(row, used.error().message());
    return false;
  }
  now_ = row;
  judged_before_ = records_[row].judged;
  due_ns_ = now_ns + strategy(row).seconds * kNsPerSecond;
  const uint32_t key = tuner_->id();
  const active_strategy active = {
      .row = static_cast<uint32_t>(row), .reserved = 0, .since_ns = now_ns};
  // An array: cannot fail.
  (void)bpf_map_update_elem(maps_->fd(MAP_ACTIVE), &key, &active, BPF_ANY);
  return true;
}

void StrategyClock::LeaveOut(size_t row, const std::string& why) {
  records_[row].works = false;
  log_->Warning("tuner '" + tuner_->description().name + "': strategy '" + strategy(row).name +
                "' is left out: " + why + ", continuing without it");
}

std::string StrategyClock::WhyChosenOver(size_t before) const {
  if (!records_[now_].tried) return "it has not been tried yet";
  return "its score is the highest, " + ScoreText(records_[now_].score) + " against " +
         ScoreText(records_[before].score);
}

}  // namespace bpftune
