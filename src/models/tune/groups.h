#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/features/rows.h"
#include "models/tune/target.h"

namespace aimass {

/// Rows that belong together: every split keeps them on one side, so that no row is measured by a
/// model that has seen its twin.
struct RowGroups {
  std::string by = "none";        // "none", "rows" (the same values), "column"
  std::string column;             // where by is "column"
  std::vector<std::uint32_t> of;  // [rows of the table]: group number; empty where by is "none"
  std::size_t duplicates = 0;     // rows with a target that equal an earlier one in every feature
};

struct GroupOptions {
  std::string target;
  std::vector<std::string> drop;  // columns that are no features
  std::string column;             // rows with the same value here go together; empty: none is named
};

/// With `column`: its values are the groups, a missing one is a group of its own. Without: rows
/// whose features are the same are one group; columns that only number the rows do not count. In a
/// table of few different rows (more than 20 each on average) the same values are different cases
/// rather than copies, and the rows stay single; so they do where fewer than one in a hundred
/// repeats another, which is chance and moves no measure, so that versions that look at different
/// columns are still measured on the same rows. Errors   kUnprocessable for a column that is not
/// there or has one value only.
[[nodiscard]] Result<RowGroups> GroupRows(const RowTable& table, const TargetColumn& target,
                                          const GroupOptions& options);

/// Positions 0 … rows-1 of a list of rows, chained into units that go together.
class Units {
 public:
  Units(const RowGroups& groups, std::span<const std::uint32_t> rows);

  /// The first position of each unit, ascending.
  [[nodiscard]] const std::vector<std::uint32_t>& heads() const { return heads_; }
  [[nodiscard]] std::size_t Size(std::uint32_t head) const {
    return size_.empty() ? 1 : size_[head];
  }
  template <typename F>
  void ForEach(std::uint32_t head, F&& use) const {
    for (std::uint32_t at = head; at != kEnd; at = next_.empty() ? kEnd : next_[at]) use(at);
  }

 private:
  static constexpr std::uint32_t kEnd = 0xffffffffU;
  std::vector<std::uint32_t> heads_;
  std::vector<std::uint32_t> next_, size_;  // by position; empty where each is a unit of its own
};

}  // namespace aimass
