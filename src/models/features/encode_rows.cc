#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

#include "models/features/fitter.h"
#include "models/features/state.h"
#include "models/parallel.h"

namespace aimass {
namespace {

// Rows that are encoded together: their features stay in the cache from column to column.
constexpr std::size_t kBlockRows = 512;

struct BlockEncoder {
  std::span<const features::Encoder> encoders;
  std::size_t width;  // features
  const RowTable& table;
  std::vector<std::optional<std::size_t>> columns;  // of the table, by the pipeline's

  // out: [rows × features]
  void Encode(std::span<const std::uint32_t> rows, std::span<float> out) const {
    std::vector<const features::Encoder*> by_cells;
    std::vector<double> numbers(rows.size());
    for (const features::Encoder& encoder : encoders) {
      const auto& column = columns[encoder.column];
      if (!column || !std::holds_alternative<features::NumberEncoder>(encoder.fitted) ||
          !table.Numbers(rows, *column, numbers)) {
        by_cells.push_back(&encoder);
        continue;
      }
      for (std::size_t i = 0; i < rows.size(); ++i)
        out[i * width + encoder.first_feature] = features::ToFloat(numbers[i]);
    }
    if (by_cells.empty()) return;
    std::vector<bool> needed(columns.size());
    for (const features::Encoder* encoder : by_cells) {
      needed[encoder->column] = true;
      if (std::holds_alternative<features::DifferenceEncoder>(encoder->fitted))
        needed[encoder->other_column] = true;
    }
    std::vector<Cell> cells(columns.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t c = 0; c < columns.size(); ++c)
        cells[c] = needed[c] && columns[c] ? table.At(rows[i], *columns[c]) : Cell::Null();
      for (const features::Encoder* encoder : by_cells) {
        features::EncodeCells(
            *encoder, cells,
            out.subspan(i * width + encoder->first_feature, encoder->num_features));
      }
    }
  }
};

}  // namespace

void FeatureFitter::EncodeRows(const FeaturePipeline& pipeline, const RowTable& table,
                               std::span<const std::uint32_t> rows, int threads,
                               std::span<float> out) {
  const std::size_t width = pipeline.features().size();
  BlockEncoder encoder{
      .encoders = pipeline.state_->encoders, .width = width, .table = table, .columns = {}};
  for (const std::string& name : pipeline.columns())
    encoder.columns.push_back(table.schema().Find(name));
  ForEachInParallel((rows.size() + kBlockRows - 1) / kBlockRows, threads, [&](std::size_t block) {
    const std::size_t first = block * kBlockRows;
    const std::size_t count = std::min(kBlockRows, rows.size() - first);
    encoder.Encode(rows.subspan(first, count), out.subspan(first * width, count * width));
  });
}

}  // namespace aimass
