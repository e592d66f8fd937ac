#pragma once

#include <functional>
#include <memory>

#include "sources/connector.h"

namespace aimass {

/// A connection of which only the rows with some keys are to be seen. It asks for a few hundred at
/// a time, so that no statement grows with their number.
///
/// Errors   those of the connection, and of the keys.
/// Threads  one at a time.
class KeyedConnection final : public SourceConnection {
 public:
  /// The keys, each once, with just the columns of the table's primary key; asked for anew by each
  /// reading, from any thread.
  using Keys = std::function<Result<std::unique_ptr<BatchReader>>()>;

  /// `inner` must outlive it. `columns`: of the table, as Read() gives them.
  KeyedConnection(SourceConnection& inner, Keys keys, Schema columns);

  [[nodiscard]] Result<std::vector<Check>> Test() override { return inner_.Test(); }
  [[nodiscard]] Result<std::vector<SourceTable>> ListTables() override {
    return inner_.ListTables();
  }
  [[nodiscard]] Result<TableDescription> Describe(const std::string& table) override {
    return inner_.Describe(table);
  }
  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) override;
  /// Their number, without sums.
  [[nodiscard]] Result<SourceTotals> Totals(const SourceRead& request) override;
  [[nodiscard]] Result<bool> Freeze(const SourceConnection* beside) override {
    return inner_.Freeze(beside);
  }

 private:
  SourceConnection& inner_;
  Keys keys_;
  std::shared_ptr<const Schema> columns_;
};

}  // namespace aimass
