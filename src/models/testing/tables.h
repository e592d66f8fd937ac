#pragma once

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/job.h"
#include "models/features/rows.h"
#include "models/random.h"
#include "table/builder.h"

// What tests of training share: tables made in memory and a job without a queue.
namespace aimass::testing {

/// A table of `rows` rows; `fill` appends one cell to each column of the builder.
inline RowTable MakeTable(Schema schema, std::size_t rows,
                          const std::function<void(BatchBuilder& builder, std::size_t row)>& fill) {
  RowTable table(schema);
  const auto shared = std::make_shared<const Schema>(std::move(schema));
  constexpr std::size_t kBatchRows = 700;  // so that tests cross batches
  for (std::size_t start = 0; start < rows; start += kBatchRows) {
    BatchBuilder builder(shared);
    for (std::size_t row = start; row < std::min(rows, start + kBatchRows); ++row)
      fill(builder, row);
    table.Append(std::move(builder.Finish().value()));
  }
  return table;
}

inline Schema SchemaOf(std::initializer_list<std::pair<const char*, TypeKind>> columns) {
  Schema schema;
  for (const auto& [name, kind] : columns)
    schema.columns.push_back({.name = name, .type = {.kind = kind}});
  return schema;
}

/// A telephone company's customers: tenure, charges and contract decide who leaves, with noise;
/// city has many values, most of which mean nothing; the note is text whose words matter a little.
inline RowTable Customers(std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  return MakeTable(
      SchemaOf({{"id", TypeKind::kText},
                {"tenure", TypeKind::kInt64},
                {"charges", TypeKind::kText},
                {"contract", TypeKind::kText},
                {"city", TypeKind::kText},
                {"since", TypeKind::kDate},
                {"note", TypeKind::kText},
                {"constant", TypeKind::kInt64},
                {"left", TypeKind::kText}}),
      rows, [&](BatchBuilder& builder, std::size_t row) {
        const auto tenure = static_cast<std::int64_t>(random.Below(72));
        const double charges = random.Uniform(20, 120);
        const std::size_t contract = random.Below(3);
        const std::size_t city = random.Below(200);
        const bool angry = random.Unit() < 0.2;
        const double margin = 0.02 * (charges - 70) - 0.05 * static_cast<double>(tenure - 30) -
                              1.0 * static_cast<double>(contract) + (city % 10 == 0 ? 1.5 : 0.0) +
                              (angry ? 1.5 : 0.0);
        const bool left = random.Unit() < 1.0 / (1.0 + std::exp(-margin));
        builder.AppendText(0, "C-" + std::to_string(100000 + row * 7 % 99991));
        builder.AppendInt64(1, tenure);
        if (row % 11 == 0) {
          builder.AppendText(2, " ");
        } else {
          builder.AppendText(2, fmt::format("￥{:.2f}", charges));
        }
        const char* const contracts[] = {"month", "one year", "two years"};
        builder.AppendText(3, contracts[contract]);
        builder.AppendText(4, "city " + std::to_string(city));
        builder.AppendUnixUs(5, 1'600'000'000'000'000 +
                                    static_cast<std::int64_t>(random.Below(900)) * 86'400'000'000);
        const char* const moods[] = {"the customer asked for the bill of last month number ",
                                     "客户非常生气，要求马上退订服务，单号 "};
        builder.AppendText(6, moods[angry ? 1 : 0] + std::to_string(random.Below(100000)));
        builder.AppendInt64(7, 5);
        builder.AppendText(8, left ? "Yes" : "No");
      });
}

/// A job that runs in the test's own thread.
class FakeJob final : public JobContext {
 public:
  FakeJob() {
    const auto folder = std::filesystem::temp_directory_path() /
                        fmt::format("aimass-train-{}-{}", getpid(), Counter()++);
    std::filesystem::create_directories(folder);
    spec_.id = "job";
    spec_.work_folder = folder.string();
  }
  ~FakeJob() override {
    std::error_code ignored;
    std::filesystem::remove_all(spec_.work_folder, ignored);
  }
  const JobSpec& spec() const override { return spec_; }
  void Report(const Progress& progress) override { reports.push_back(progress); }
  void Log(const Message& line) override { lines.push_back(Render(line, Language::kEnglish)); }
  const CancelToken& cancel() const override { return cancel_; }
  Status SaveCheckpoint(const Json& state) override {
    checkpoint = state;
    if (die_after_trials > 0 && static_cast<int>(state["trials"].size()) >= die_after_trials) {
      return Fail(ErrorCode::kUnavailable, "the test kills the job");
    }
    return {};
  }
  std::optional<Json> LoadCheckpoint() const override { return checkpoint; }

  std::vector<Progress> reports;
  std::vector<std::string> lines;
  std::optional<Json> checkpoint;
  int die_after_trials = 0;

 private:
  static int& Counter() {
    static int counter = 0;
    return counter;
  }
  JobSpec spec_;
  CancelToken cancel_;
};

}  // namespace aimass::testing
