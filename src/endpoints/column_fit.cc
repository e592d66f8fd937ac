#include "endpoints/column_fit.h"

#include <cmath>

#include "base/excerpt.h"
#include "models/features/encoder.h"

namespace aimass {
namespace {

constexpr std::size_t kShownBytes = 40;

bool Fits(std::string_view value, bool time) {
  const Cell cell = Cell::Text(value);
  return time ? features::TimeOfCell(cell).has_value() : !std::isnan(features::NumberOfCell(cell));
}

bool IsBlank(std::string_view value) {
  return value.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

Result<ColumnFit> ColumnFit::Make(const LoadedModel& model, const Schema& rows) {
  ColumnFit fit;
  std::size_t found = 0;
  for (std::size_t i = 0; i < model.columns().size(); ++i) {
    const std::string& name = model.columns()[i];
    const auto position = rows.Find(name);
    if (!position) {
      fit.missing_ += (fit.missing_.empty() ? "" : ", ") + name;
      continue;
    }
    ++found;
    const std::optional<Type>& wanted = model.column_types()[i];
    if (!wanted || rows.columns[*position].type.kind != TypeKind::kText) continue;
    if (!IsNumeric(*wanted) && !IsTemporal(*wanted)) continue;
    fit.doubtful_.push_back(std::make_unique<Doubtful>());
    fit.doubtful_.back()->name = name;
    fit.doubtful_.back()->position = *position;
    fit.doubtful_.back()->time = IsTemporal(*wanted);
  }
  if (found == 0) {
    return Fail(ErrorCode::kUnprocessable, "the input has none of the model's columns: {}",
                fit.missing_);
  }
  return fit;
}

void ColumnFit::Look(const Batch& rows) const {
  for (const auto& column : doubtful_) {
    if (column->found.load(std::memory_order_relaxed)) continue;
    const ColumnView values = rows.column(column->position);
    for (std::size_t row = 0; row < rows.num_rows(); ++row) {
      if (values.IsNull(row)) continue;
      const std::string_view value = values.Bytes(row);
      if (IsBlank(value) || Fits(value, column->time)) continue;
      if (!column->found.exchange(true))
        column->misfit.With([&](std::string& first) { first = Excerpt(value, kShownBytes); });
      break;
    }
  }
}

Json ColumnFit::Misfits() const {
  Json misfits = Json::object();
  for (const auto& column : doubtful_) {
    column->misfit.With([&](const std::string& first) {
      if (!first.empty()) misfits[column->name] = first;
    });
  }
  return misfits;
}

void ColumnFit::Remember(const Json& misfits) {
  for (const auto& column : doubtful_) {
    const auto known = misfits.find(column->name);
    if (known == misfits.end() || !known->is_string()) continue;
    column->misfit.With([&](std::string& first) { first = known->get<std::string>(); });
    column->found = true;
  }
}

Json ColumnFit::Warnings() const {
  Json warnings = Json::array();
  if (!missing_.empty())
    warnings.push_back(ToJson(Msg("missing columns count as empty: {}", missing_)));
  for (const auto& column : doubtful_) {
    const std::string first = column->misfit.With([](const std::string& found) { return found; });
    if (first.empty()) continue;
    warnings.push_back(ToJson(
        column->time
            ? Msg("column '{}' has values that are no times, such as '{}': they count as empty",
                  column->name, first)
            : Msg("column '{}' has values that are no numbers, such as '{}': they count as empty",
                  column->name, first)));
  }
  return warnings;
}

}  // namespace aimass
