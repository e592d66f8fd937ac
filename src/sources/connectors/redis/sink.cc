#include "sources/connectors/redis/sink.h"

#include <algorithm>

#include "base/percent.h"
#include "sources/fields.h"
#include "table/json_rows.h"

namespace aimass::connectors::redis {
namespace {

constexpr std::size_t kMaxBatchBytes = std::size_t{32} << 20;
constexpr std::size_t kShownBytes = 100;
constexpr std::size_t kRawBytes = 1000;  // of a value in a rejected row
constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);

std::string Shown(std::string_view text) {
  std::string json;
  AppendJsonText(json, text.substr(0, kShownBytes));
  return json;
}

}  // namespace

RowSink::RowSink(Layout layout, const SourceRead& request)
    : layout_(std::move(layout)),
      request_(request),
      schema_(layout_.MakeSchema()),
      values_(layout_.columns.size()) {
  for (std::size_t i = 0; i < layout_.columns.size(); ++i) {
    const LayoutColumn& column = layout_.columns[i];
    if (column.role == Role::kNamedField) {
      fields_.emplace(column.field, i);
    } else {
      roles_[static_cast<std::size_t>(column.role)] = i;
    }
  }
}

void RowSink::Start() {
  std::ranges::fill(values_, Value{.kind = Value::Kind::kNull});
  spoiled_.reset();
  more_.clear();
}

void RowSink::Set(Role role, const Value& value) {
  if (const auto column = roles_[static_cast<std::size_t>(role)]) values_[*column] = value;
}

void RowSink::Spoil(Message reason) {
  if (!spoiled_) spoiled_ = std::move(reason);
}

std::optional<std::size_t> RowSink::ColumnOf(std::string_view field, std::size_t guess) const {
  if (guess < order_.size() && order_[guess] != kNoColumn &&
      layout_.columns[order_[guess]].field == field) {
    return order_[guess];
  }
  const auto found = fields_.find(field);
  return found == fields_.end() ? std::nullopt : std::optional(found->second);
}

void RowSink::SetFields(Fields& fields) {
  std::vector<std::size_t> order;
  order.reserve(fields.size());
  Fields others;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& [name, text] = fields[i];
    const auto column = ColumnOf(name, i);
    order.push_back(column.value_or(kNoColumn));
    if (!column) {
      others.push_back(fields[i]);
      continue;
    }
    if (values_[*column].kind != Value::Kind::kNull) {
      Spoil(Msg("the field {} comes twice", Shown(name)));
    } else {
      values_[*column] = {.kind = Value::Kind::kText, .text = text};
    }
  }
  order_ = std::move(order);
  if (others.empty() || !roles_[static_cast<std::size_t>(Role::kMore)]) return;
  // Sorted: the server gives fields in another order from time to time.
  std::ranges::sort(others);
  more_ = "{";
  for (std::size_t i = 0; i < others.size(); ++i) {
    const auto& [name, text] = others[i];
    if (i > 0 && others[i - 1].first == name) Spoil(Msg("the field {} comes twice", Shown(name)));
    if (!IsUtf8(name) || !IsUtf8(text)) Spoil(Msg("the field {} is no UTF-8 text", Shown(name)));
    if (i > 0) more_ += ',';
    AppendJsonText(more_, name);
    more_ += ':';
    AppendJsonText(more_, text);
  }
  more_ += '}';
  Set(Role::kMore, more_);
}

void RowSink::CheckTexts() {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].kind != Value::Kind::kText) continue;
    const ColumnInfo& column = layout_.columns[i].info;
    if (column.type.kind == TypeKind::kText && !IsUtf8(values_[i].text))
      Spoil(Msg("column '{}': {} is no UTF-8 text", column.name, Shown(values_[i].text)));
  }
}

std::string RowSink::RawRow() const {
  std::string out = "{";
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const Value& value = values_[i];
    if (value.kind == Value::Kind::kNull) continue;
    if (out.size() > 1) out += ',';
    AppendJsonText(out, layout_.columns[i].info.name);
    out += ':';
    if (value.kind == Value::Kind::kText) {
      AppendJsonText(out, value.text.substr(0, kRawBytes));
    } else if (value.kind == Value::Kind::kDouble) {
      out += fmt::format("\"{}\"", value.number);
    } else {
      out += std::to_string(value.integer);
    }
  }
  return out + "}";
}

Status RowSink::Finish() {
  if (done()) return {};
  ++number_;
  CheckTexts();
  if (spoiled_) {
    if (!request_.reject) {
      return std::unexpected(
          Error{.code = ErrorCode::kUnprocessable, .message = *spoiled_, .hint = {}});
    }
    return request_.reject({.number = number_, .reason = *spoiled_, .raw = RawRow()});
  }
  if (builder_ == nullptr) builder_ = std::make_unique<BatchBuilder>(schema_);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    Append(*builder_, i, values_[i]);
    bytes_ += values_[i].text.size();
  }
  ++rows_;
  ++given_;
  return {};
}

bool RowSink::full() const {
  return rows_ >= request_.batch_rows || bytes_ >= kMaxBatchBytes || done();
}

Result<std::optional<Batch>> RowSink::TakeBatch() {
  if (rows_ == 0) return std::optional<Batch>();
  ASSIGN_OR_RETURN(Batch batch, builder_->Finish());
  builder_.reset();
  rows_ = bytes_ = 0;
  return std::optional<Batch>(std::move(batch));
}

}  // namespace aimass::connectors::redis
