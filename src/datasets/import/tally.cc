#include "datasets/import/tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/excerpt.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxShownBytes = 60;

bool IsNear(std::int64_t misfits, std::int64_t values) {
  return misfits <= std::max(values / 100, std::min<std::int64_t>(3, values / 10));
}

}  // namespace

void TypeTally::Add(std::string_view value, std::int64_t line) {
  ++values_;
  if (contending_ == 0) return;
  const Candidates refused = contending_ & ~Passing(value, contending_);
  if (refused == 0) return;
  perfect_ &= ~refused;
  if (refusals_.empty()) refusals_.resize(64);
  for (Candidates left = refused; left != 0; left &= left - 1) {
    const auto candidate = static_cast<std::size_t>(std::countr_zero(left));
    Refusals& of = refusals_[candidate];
    if (of.first.size() < kShown)
      of.first.push_back({.line = line, .value = Excerpt(value, kMaxShownBytes)});
    if (++of.count > limit_) {
      contending_ &= ~(Candidates{1} << candidate);
      of.first.clear();
    }
  }
}

Candidates TypeTally::Best() const {
  Candidates best = 0;
  std::int64_t fewest = 0;
  for (Candidates left = contending_; left != 0; left &= left - 1) {
    const int candidate = std::countr_zero(left);
    const std::int64_t count = misfits(candidate);
    if (best == 0 || count < fewest) {
      best = 0;
      fewest = count;
    }
    if (count == fewest) best |= Candidates{1} << candidate;
  }
  return best;
}

Candidates TypeTally::Near() const {
  const Candidates best = Best();
  return best != 0 && IsNear(misfits(std::countr_zero(best)), values_) ? best : 0;
}

Candidates TypeTally::Mostly() const {
  const Candidates best = Best();
  if (best == 0) return 0;
  const std::int64_t refused = misfits(std::countr_zero(best));
  return refused <= values_ / 10 || IsNear(refused, values_) ? best : 0;
}

std::int64_t TypeTally::misfits(int candidate) const {
  return refusals_.empty() ? 0 : refusals_[static_cast<std::size_t>(candidate)].count;
}

const std::vector<Misfit>& TypeTally::first(int candidate) const {
  static const std::vector<Misfit> kNone;
  return refusals_.empty() ? kNone : refusals_[static_cast<std::size_t>(candidate)].first;
}

std::string Places(const std::vector<Misfit>& misfits) {
  std::string out;
  for (const Misfit& misfit : misfits) {
    out += fmt::format("{}{}: '{}'", out.empty() ? "" : ", ", misfit.line, misfit.value);
  }
  return out;
}

}  // namespace aimass
