#include "models/golden.h"

#include <bit>
#include <cmath>

#include "base/clock.h"
#include "base/file.h"
#include "models/random.h"
#include "models/tune/recipe.h"

namespace aimass {
namespace {

constexpr std::size_t kReal = 150;
constexpr std::size_t kChanged = 50;

Json JsonOfCell(const Cell& cell) {
  switch (cell.kind) {
    case CellKind::kBool:
      return cell.number != 0.0;
    case CellKind::kNumber:
      if (!std::isfinite(cell.number)) return nullptr;
      if (cell.number == std::trunc(cell.number) && std::fabs(cell.number) < 1e15) {
        return static_cast<std::int64_t>(cell.number);
      }
      return cell.number;
    case CellKind::kText:
      return std::string(cell.text);
    case CellKind::kTime:
      return ToRfc3339(cell.unix_us / 1000 - (cell.unix_us % 1000 < 0 ? 1 : 0));
    default:
      return nullptr;
  }
}

}  // namespace

GoldenRows MakeGoldenRows(const FeaturePipeline& pipeline, const RowTable& table,
                          std::span<const std::uint32_t> rows, std::uint64_t seed) {
  std::vector<std::optional<std::size_t>> columns;
  for (const std::string& name : pipeline.columns()) columns.push_back(table.schema().Find(name));
  Random random(seed, 0x676f6c64656eULL);
  GoldenRows golden;
  golden.rows = Json::array();
  for (std::size_t i = 0; i < kReal + kChanged; ++i) {
    const std::size_t at = i < kReal ? i * rows.size() / kReal : random.Below(rows.size());
    Json row = Json::array();
    for (const auto& column : columns) {
      Json cell = column ? JsonOfCell(table.At(rows[at], *column)) : Json(nullptr);
      if (i >= kReal) {
        const double what = random.Unit();
        if (what < 0.15) cell = nullptr;
        if (what > 0.85 && cell.is_string())
          cell = "never seen " + std::to_string(random.Below(1000));
        if (what > 0.85 && cell.is_number()) cell = cell.get<double>() * 3.0 + 1.0;
      }
      row.push_back(std::move(cell));
    }
    golden.rows.push_back(std::move(row));
  }
  golden.count = golden.rows.size();
  golden.features = EncodeJsonRows(pipeline, golden.rows);
  return golden;
}

std::vector<float> EncodeJsonRows(const FeaturePipeline& pipeline, const Json& rows) {
  const std::size_t width = pipeline.features().size();
  std::vector<float> out(rows.size() * width);
  std::vector<Cell> cells(pipeline.columns().size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t c = 0; c < cells.size(); ++c)
      cells[c] = c < rows[i].size() ? CellOfJson(rows[i][c]) : Cell::Null();
    pipeline.Encode(cells, std::span(out).subspan(i * width, width));
  }
  return out;
}

std::string HashOfFeatures(std::span<const float> features) {
  std::string bytes;
  bytes.reserve(features.size() * 4);
  for (const float value : features) {
    const std::uint32_t bits =
        std::isnan(value) ? 0x7fc00000U : std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<char>(bits >> shift & 0xff));
  }
  return Sha256(bytes);
}

Json GoldenJson(const FeaturePipeline& pipeline, const GoldenRows& golden,
                std::span<const double> margins) {
  const std::size_t outputs = golden.count == 0 ? 1 : margins.size() / golden.count;
  Json list = Json::array();
  for (std::size_t i = 0; i < golden.count; ++i) {
    list.push_back(
        std::vector<double>(margins.begin() + static_cast<std::ptrdiff_t>(i * outputs),
                            margins.begin() + static_cast<std::ptrdiff_t>((i + 1) * outputs)));
  }
  return {
      {"format", 1},
      {"columns", std::vector<std::string>(pipeline.columns().begin(), pipeline.columns().end())},
      {"rows", golden.rows},
      {"features_sha256", HashOfFeatures(golden.features)},
      {"margins", std::move(list)},
      {"tolerance", 1e-6}};
}

}  // namespace aimass
