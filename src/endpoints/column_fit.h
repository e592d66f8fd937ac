#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "base/json.h"
#include "models/loaded_model.h"
#include "table/batch.h"

namespace aimass {

/// How a table's columns fit those that a model looks at: which it lacks, and which hold what the
/// model takes for empty, a text where it learned from numbers or times.
///
/// Threads  Look() any; the rest one at a time.
class ColumnFit {
 public:
  /// Errors   kUnprocessable where the table has none of the model's columns: it is the wrong one.
  [[nodiscard]] static Result<ColumnFit> Make(const LoadedModel& model, const Schema& rows);

  /// Looks for values that do not fit.
  void Look(const Batch& rows) const;
  /// What was found so far, by column: the first value that did not fit.
  [[nodiscard]] Json Misfits() const;
  /// What an earlier attempt had found.
  void Remember(const Json& misfits);
  /// Messages for people, as JSON (MessageFromJson).
  [[nodiscard]] Json Warnings() const;

 private:
  // A column of texts that the model wants to be numbers or times.
  struct Doubtful {
    std::string name;
    std::size_t position = 0;
    bool time = false;
    std::atomic<bool> found = false;  // nothing more is looked for
    Guarded<std::string> misfit;      // the first; empty: none yet
  };
  std::string missing_;
  std::vector<std::unique_ptr<Doubtful>> doubtful_;
};

}  // namespace aimass
