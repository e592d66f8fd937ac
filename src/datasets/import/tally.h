#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/import/infer.h"

namespace aimass {

/// A value that a type refuses, and where it stands.
struct Misfit {
  std::int64_t line = 0;
  std::string value;  // its beginning
};

/// How many values of a column each candidate refuses, and the first of them.
///
/// A candidate that refuses more than `limit` values is given up, so that a column of text costs
/// little.
class TypeTally {
 public:
  TypeTally(Candidates possible, std::int64_t limit)
      : contending_(possible), perfect_(possible), limit_(limit) {}

  /// A value that is more than nothing.
  void Add(std::string_view value, std::int64_t line);

  [[nodiscard]] std::int64_t values() const { return values_; }
  [[nodiscard]] Candidates perfect() const { return perfect_; }  // those that refused none
  /// The candidates that refuse fewest values, all equally many, where these are few: one in a
  /// hundred, or of a small table up to three, one in ten. None where no candidate comes so near.
  [[nodiscard]] Candidates Near() const;
  /// As Near(), of one in ten: too many to set aside unasked, too few to say nothing of.
  [[nodiscard]] Candidates Mostly() const;
  /// As Near(), however many they refuse; for a type that was asked for.
  [[nodiscard]] Candidates Best() const;
  [[nodiscard]] std::int64_t misfits(int candidate) const;
  [[nodiscard]] const std::vector<Misfit>& first(int candidate) const;

 private:
  static constexpr std::size_t kShown = 3;
  struct Refusals {
    std::int64_t count = 0;
    std::vector<Misfit> first;
  };
  Candidates contending_;
  Candidates perfect_;
  std::int64_t limit_;
  std::int64_t values_ = 0;
  std::vector<Refusals> refusals_;  // by candidate; empty until the first refusal
};

/// "7: 'x', 9: 'y'": line and value of the first few; no words, so it fits every language.
[[nodiscard]] std::string Places(const std::vector<Misfit>& misfits);

}  // namespace aimass
