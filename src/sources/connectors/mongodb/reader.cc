#include "sources/connectors/mongodb/reader.h"

#include <algorithm>
#include <utility>

#include "base/excerpt.h"
#include "native/mongodb/bson.h"
#include "sources/connectors/mongodb/decode.h"
#include "sources/connectors/mongodb/json.h"
#include "table/json_rows.h"

namespace aimass::connectors::mongodb {
namespace {

using aimass::mongodb::BsonReader;
using aimass::mongodb::BsonType;
using aimass::mongodb::Element;

constexpr std::size_t kMaxBatchBytes = std::size_t{32} << 20;
constexpr std::size_t kAnswerBytes = std::size_t{4} << 20;  // of the server at a time, about
constexpr std::size_t kMaxAnswer = 10'000;                  // documents
constexpr std::int64_t kFitEvery = 64;                      // documents
constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);
constexpr std::size_t kUnasked = kNoColumn - 1;  // it has one, which is not among these
constexpr std::size_t kLargeDocument = std::size_t{1} << 20;
constexpr std::size_t kMaxPlaces = 1000;
constexpr std::size_t kShownBytes = 100;
constexpr std::int64_t kUsPerSecond = 1'000'000;

std::string Shown(std::string_view text) {
  std::string json;
  AppendJsonText(json, Excerpt(text, kShownBytes));
  return json;
}

}  // namespace

DocumentReader::DocumentReader(aimass::mongodb::Cursor cursor, Layout layout, SourceRead request,
                               std::function<Status()> listen)
    : cursor_(std::move(cursor)),
      layout_(std::move(layout)),
      request_(std::move(request)),
      listen_(std::move(listen)),
      schema_(layout_.MakeSchema()),
      values_(layout_.columns.size()),
      given_(layout_.columns.size()),
      made_(layout_.columns.size()) {
  for (std::size_t i = 0; i < layout_.columns.size(); ++i) {
    const LayoutColumn& column = layout_.columns[i];
    if (column.role == Role::kField) fields_.emplace(column.field, i);
    if (column.role == Role::kIdTime) id_time_ = i;
    if (column.role == Role::kMore) more_ = i;
  }
  for (const std::string& field : layout_.unasked) fields_.emplace(field, kUnasked);
}

Result<std::optional<Batch>> DocumentReader::Next() {
  RETURN_IF_ERROR(listen_());
  builder_ = std::make_unique<BatchBuilder>(schema_);
  rows_ = bytes_ = 0;
  while (rows_ < request_.batch_rows && bytes_ < kMaxBatchBytes) {
    RETURN_IF_ERROR(request_.cancel.Check());
    ASSIGN_OR_RETURN(const auto document, cursor_.Next());
    if (!document) break;
    FitBatch(document->size());
    RETURN_IF_ERROR(Take(*document));
  }
  if (rows_ == 0) return std::optional<Batch>();
  ASSIGN_OR_RETURN(Batch batch, builder_->Finish());
  return std::optional<Batch>(std::move(batch));
}

// So that an answer of the server takes little memory, and few are needed.
void DocumentReader::FitBatch(std::size_t document_bytes) {
  usual_bytes_ = usual_bytes_ == 0 ? document_bytes : (usual_bytes_ * 15 + document_bytes) / 16;
  if (number_ % kFitEvery != 0) return;
  const std::size_t documents = kAnswerBytes / std::max(usual_bytes_, std::size_t{1});
  cursor_.SetBatch(static_cast<std::uint32_t>(std::clamp(documents, std::size_t{1}, kMaxAnswer)));
}

std::size_t DocumentReader::ColumnOf(std::string_view field, std::size_t place) {
  if (place < order_.size() && order_[place] < layout_.columns.size() &&
      layout_.columns[order_[place]].field == field) {
    return order_[place];
  }
  const auto found = fields_.find(field);
  const std::size_t column = found == fields_.end() ? kNoColumn : found->second;
  if (place < kMaxPlaces) {
    if (order_.size() <= place) order_.resize(place + 1, kNoColumn);
    order_[place] = column;
  }
  return column;
}

Status DocumentReader::Take(std::string_view document) {
  std::ranges::fill(values_, Value{.kind = Value::Kind::kNull});
  given_.assign(given_.size(), false);
  others_.clear();
  names_.clear();
  spoiled_.reset();
  std::size_t place = 0;
  BsonReader reader(document);
  while (reader.Next()) TakeElement(reader.element(), place++);
  if (reader.damaged()) return NoBson();
  RETURN_IF_ERROR(Finish(document));
  if (document.size() > kLargeDocument) {  // what it took is not kept for the next
    for (std::string& text : made_) text = std::string();
    others_ = std::string();
  }
  return {};
}

void DocumentReader::TakeElement(const Element& element, std::size_t place) {
  if (id_time_ && element.type == BsonType::kObjectId && element.name == kId) {
    values_[*id_time_] = {
        .kind = Value::Kind::kTime,
        .integer = aimass::mongodb::ObjectIdSeconds(element.bytes) * kUsPerSecond};
  }
  const std::size_t column = ColumnOf(element.name, place);
  if (column == kUnasked) return;
  if (column == kNoColumn) {
    if (more_) AddMore(element);
    return;
  }
  if (given_[column]) return Spoil(Msg("the field {} comes twice", Shown(element.name)));
  given_[column] = true;
  auto value = Decode(element, layout_.columns[column].info, made_[column]);
  if (!value) return Spoil(std::move(value.error()));
  values_[column] = *value;
}

void DocumentReader::AddMore(const Element& element) {
  const Element name{.name = {}, .type = BsonType::kString, .bytes = element.name};
  others_ += others_.empty() ? '{' : ',';
  Flaw flaw = AppendJson(others_, name);
  others_ += ':';
  if (flaw == Flaw::kNone) flaw = AppendJson(others_, element);
  if (flaw == Flaw::kTooDeep)
    return Spoil(Msg("column '{}': more than {} levels are nested in each other",
                     Excerpt(element.name, kShownBytes), kMaxDepth));
  if (flaw != Flaw::kNone) return Spoil(Msg("the field {} is no UTF-8 text", Shown(element.name)));
  names_.push_back(element.name);
}

void DocumentReader::Spoil(Message reason) {
  if (!spoiled_) spoiled_ = std::move(reason);
}

Status DocumentReader::Finish(std::string_view document) {
  ++number_;
  if (!names_.empty()) {
    std::ranges::sort(names_);
    if (const auto twice = std::ranges::adjacent_find(names_); twice != names_.end())
      Spoil(Msg("the field {} comes twice", Shown(*twice)));
    others_ += '}';
    values_[*more_] = {.kind = Value::Kind::kText, .text = others_};
  }
  if (spoiled_) {
    if (!request_.reject) {
      return std::unexpected(
          Error{.code = ErrorCode::kUnprocessable, .message = *spoiled_, .hint = {}});
    }
    return request_.reject(
        {.number = number_, .reason = *spoiled_, .raw = ShownDocument(document)});
  }
  for (std::size_t i = 0; i < values_.size(); ++i) {
    Append(*builder_, i, values_[i]);
    bytes_ += values_[i].text.size();
  }
  ++rows_;
  return {};
}

}  // namespace aimass::connectors::mongodb
