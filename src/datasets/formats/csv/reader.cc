// Rows of a CSV file as batches: all columns once, watched; some columns again.
#include "datasets/formats/csv/reader.h"

#include <algorithm>
#include <utility>

#include "table/builder.h"

namespace aimass::formats::csv {
namespace {

constexpr std::size_t kBatchCells = 1'000'000;
constexpr std::size_t kBatchBytes = std::size_t{48} << 20;

// Appends `text` as `conversion` says; false where it does not fit (a null stands in its place).
bool Append(BatchBuilder& builder, std::size_t column, std::string_view text,
            const Conversion& conversion) {
  if (conversion.candidate < 0) {
    builder.AppendText(column, text);
    return true;
  }
  const Converted value = Convert(text, conversion.candidate);
  if (!value.ok) {
    builder.AppendNull(column);
    return false;
  }
  switch (conversion.type.kind) {
    case TypeKind::kBool:
      builder.AppendBool(column, value.integer != 0);
      break;
    case TypeKind::kInt64:
      builder.AppendInt64(column, value.integer);
      break;
    case TypeKind::kFloat64:
      builder.AppendDouble(column, value.number);
      break;
    default:
      builder.AppendUnixUs(column, value.integer);
      break;
  }
  return true;
}

std::shared_ptr<const Schema> SchemaOf(const Source& source, const std::vector<std::size_t>& which,
                                       const std::vector<Conversion>& conversions) {
  Schema schema;
  for (std::size_t i = 0; i < which.size(); ++i) {
    schema.columns.push_back({.name = source.names[which[i]], .type = conversions[i].type});
  }
  return std::make_shared<const Schema>(std::move(schema));
}

// The next batch of the columns `which`; `load(builder, i, text)` takes each cell, false stops.
template <typename Load>
Result<std::optional<Batch>> NextBatch(const Source& source, Walk& walk,
                                       const std::vector<std::size_t>& which,
                                       const std::shared_ptr<const Schema>& schema, Load&& load) {
  RETURN_IF_ERROR(source.request.cancel.Check());
  BatchBuilder builder(schema);
  const std::size_t columns = which.size();
  const std::size_t limit =
      std::clamp<std::size_t>(kBatchCells / std::max<std::size_t>(columns, 1), 256, 65'536);
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::string buffer;
  for (; rows < limit && bytes < kBatchBytes; ++rows) {
    ASSIGN_OR_RETURN(const bool more, walk.Next());
    if (!more) break;
    const auto& fields = walk.record().fields;
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string_view text = Value(fields[which[i]], source.dialect.quote, &buffer);
      bytes += text.size();
      if (!load(builder, i, text)) {
        return Fail(ErrorCode::kInternal, "'{}' in line {} does not fit the type of its column",
                    text.substr(0, 100), walk.line());
      }
    }
  }
  if (rows == 0) return std::optional<Batch>();
  ASSIGN_OR_RETURN(Batch batch, builder.Finish());
  return std::optional<Batch>(std::move(batch));
}

// Some columns again, by conversions that are known to fit.
class ColumnsReader final : public BatchReader {
 public:
  ColumnsReader(std::shared_ptr<const Source> source, std::vector<std::size_t> columns,
                std::vector<Conversion> conversions)
      : source_(std::move(source)),
        walk_(*source_, source_->names.size(), false),
        columns_(std::move(columns)),
        conversions_(std::move(conversions)),
        schema_(SchemaOf(*source_, columns_, conversions_)) {}
  const Schema& schema() const override { return *schema_; }

  Result<std::optional<Batch>> Next() override {
    return NextBatch(*source_, walk_, columns_, schema_,
                     [this](BatchBuilder& builder, std::size_t i, std::string_view text) {
                       if (!source_->IsNull(text, conversions_[i].candidate >= 0))
                         return Append(builder, i, text, conversions_[i]);
                       builder.AppendNull(i);
                       return true;
                     });
  }

 private:
  std::shared_ptr<const Source> source_;
  Walk walk_;
  std::vector<std::size_t> columns_;
  std::vector<Conversion> conversions_;
  std::shared_ptr<const Schema> schema_;
};

class CsvReader final : public FormatReader {
 public:
  CsvReader(std::shared_ptr<const Source> source, std::vector<Column> columns,
            std::vector<Message> warnings)
      : source_(std::move(source)),
        walk_(*source_, source_->names.size(), true),
        columns_(std::move(columns)),
        warnings_(std::move(warnings)) {
    std::vector<Conversion> conversions;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      all_.push_back(i);
      conversions.push_back(columns_[i].conversion);
    }
    schema_ = SchemaOf(*source_, all_, conversions);
  }

  const Schema& schema() const override { return *schema_; }

  Result<std::optional<Batch>> Next() override {
    ASSIGN_OR_RETURN(auto batch,
                     NextBatch(*source_, walk_, all_, schema_,
                               [this](BatchBuilder& builder, std::size_t i, std::string_view text) {
                                 Load(builder, i, text);
                                 return true;
                               }));
    if (batch) rows_ += static_cast<std::int64_t>(batch->num_rows());
    return batch;
  }

  Result<Schema> Verify() override {
    final_.clear();
    ASSIGN_OR_RETURN(const std::vector<TypeTally> tallies, AskAgain());
    Schema schema;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Column& column = columns_[i];
      bool ambiguous = false;
      Conversion conversion = column.conversion;
      if (AsksAgain(i)) {
        ASSIGN_OR_RETURN(conversion, TypeOfAll(*source_, i, column, tallies[i], warnings_));
      } else if (!column.settled && (column.alive != 0 || column.conversion.candidate >= 0)) {
        conversion =
            Choose(column.alive | CandidateBit(column.conversion), column.real, &ambiguous);
        if (ambiguous) RETURN_IF_ERROR(NoteAmbiguous(*source_, i, warnings_));
        if (auto note = HowStored(conversion, source_->names[i])) warnings_.push_back(*note);
      }
      schema.columns.push_back({.name = source_->names[i], .type = conversion.type});
      final_.push_back(conversion);
    }
    return schema;
  }

  Result<std::unique_ptr<BatchReader>> ReadColumns(const std::vector<std::size_t>& columns,
                                                   const Schema& /*schema*/) override {
    std::vector<Conversion> conversions;
    for (const std::size_t column : columns) conversions.push_back(final_.at(column));
    return std::make_unique<ColumnsReader>(source_, columns, std::move(conversions));
  }

  Json Checkpoint() const override {
    Json columns = Json::array();
    for (const Column& column : columns_) {
      columns.push_back(
          Json::array({column.alive, column.failed, column.real, column.failed_line}));
    }
    const Position& at = walk_.position();
    return Json{{"file", at.file},
                {"offset", at.offset},
                {"line", at.line},
                {"rows", rows_},
                {"columns", std::move(columns)}};
  }

  Status Restore(const Json& checkpoint) override {
    try {
      const Json& columns = checkpoint.at("columns");
      if (columns.size() != columns_.size()) {
        return Fail(ErrorCode::kUnprocessable, "the file changed since the import began");
      }
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        columns_[i].alive = columns[i].at(0).get<Candidates>();
        columns_[i].failed = columns[i].at(1).get<bool>();
        columns_[i].real = columns[i].at(2).get<std::int64_t>();
        columns_[i].failed_line = columns[i].at(3).get<std::int64_t>();
      }
      rows_ = checkpoint.at("rows").get<std::int64_t>();
      const Position position{.file = checkpoint.at("file").get<std::size_t>(),
                              .offset = checkpoint.at("offset").get<std::size_t>(),
                              .line = checkpoint.at("line").get<std::int64_t>()};
      if (position.file >= source_->request.files.size() ||
          static_cast<std::int64_t>(position.offset) > source_->bytes[position.file]) {
        return Fail(ErrorCode::kUnprocessable, "the file changed since the import began");
      }
      return walk_.Seek(position);
    } catch (const Json::exception& error) {
      return Fail(ErrorCode::kInternal, "a checkpoint of the import cannot be read: {}",
                  error.what());
    }
  }

  double fraction() const override {
    std::int64_t done = static_cast<std::int64_t>(walk_.position().offset);
    for (std::size_t i = 0; i < walk_.position().file; ++i) done += source_->bytes[i];
    return source_->total_bytes == 0
               ? 1.0
               : static_cast<double>(done) / static_cast<double>(source_->total_bytes);
  }
  std::vector<Message> warnings() const override { return warnings_; }

 private:
  // Whether every row is asked what column `i` is: its proposal failed, or a few values of the
  // sample stood against one, or nothing was found for a type that was given.
  bool AsksAgain(std::size_t i) const {
    const Column& column = columns_[i];
    if (column.settled) return false;
    return column.failed || column.suspect ||
           (column.conversion.candidate < 0 && IsGiven(*source_, i) &&
            PossibleFor(*source_, i) != 0);
  }

  void Load(BatchBuilder& builder, std::size_t i, std::string_view text) {
    Column& column = columns_[i];
    const bool typed = column.conversion.candidate >= 0;
    if (source_->IsNull(text, typed)) {
      builder.AppendNull(i);
      return;
    }
    if (!Append(builder, i, text, column.conversion)) {
      Failed(column, text);
    } else if ((column.alive != 0 || column.real == 0) && !column.failed && !DefaultNull(text)) {
      ++column.real;
      column.alive = Passing(text, column.alive);
      if (column.watch) Failed(column, text);
    }
  }

  void Failed(Column& column, std::string_view text) {
    if (column.failed) return;
    column.failed = true;
    column.failed_line = walk_.line();
    column.failed_value = text.substr(0, 100);
  }

  // What the columns that ask again can be, over every row.
  Result<std::vector<TypeTally>> AskAgain() {
    std::vector<std::size_t> again;
    std::vector<TypeTally> tallies;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      // Whoever gave a type wants to see what is against it, however much that is.
      const std::int64_t limit =
          IsGiven(*source_, i) ? rows_ : std::max<std::int64_t>(rows_ / 8, 3);
      tallies.emplace_back(AsksAgain(i) ? PossibleFor(*source_, i) : 0, limit);
      if (AsksAgain(i)) again.push_back(i);
    }
    if (again.empty()) return tallies;
    Walk walk(*source_, source_->names.size(), false);
    RETURN_IF_ERROR(TallyRows(*source_, walk, 0, again, tallies));
    return tallies;
  }

  std::shared_ptr<const Source> source_;
  Walk walk_;
  std::vector<Column> columns_;
  std::vector<std::size_t> all_;
  std::vector<Conversion> final_;
  std::vector<Message> warnings_;
  std::shared_ptr<const Schema> schema_;
  std::int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<FormatReader> NewReader(std::shared_ptr<const Source> source,
                                        std::vector<Column> columns,
                                        std::vector<Message> warnings) {
  return std::make_unique<CsvReader>(std::move(source), std::move(columns), std::move(warnings));
}

}  // namespace aimass::formats::csv
