#include "sources/connectors/mongodb/request.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/json.h"
#include "table/json_rows.h"

namespace aimass::connectors::mongodb {
namespace {

using OrderedJson = nlohmann::ordered_json;  // the order of fields counts: {"$sort": {"a": 1, …}}

constexpr int kFirstBatch = 100;  // documents; the reader knows better once it has seen some
constexpr std::string_view kFirstObjectId = "000000000000000000000000";

// Stages that may run, sorted; those that keep the documents of the collection first.
constexpr std::array<std::string_view, 8> kKeeping = {"$addFields", "$limit", "$match", "$project",
                                                      "$set",       "$skip",  "$sort",  "$unset"};
constexpr std::array<std::string_view, 17> kOthers = {
    "$bucket",      "$bucketAuto",      "$count",       "$densify",   "$facet",  "$fill",
    "$geoNear",     "$graphLookup",     "$group",       "$lookup",    "$redact", "$replaceRoot",
    "$replaceWith", "$setWindowFields", "$sortByCount", "$unionWith", "$unwind"};
// Wherever they stand: JavaScript, writing, and what is not the same when it is asked for again.
constexpr std::array<std::string_view, 8> kNever = {
    "$accumulator", "$function", "$merge", "$out", "$rand", "$sample", "$sampleRate", "$where"};

bool IsAmong(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

std::string Listed() {
  std::string list;
  for (const auto& words :
       {std::span<const std::string_view>(kKeeping), std::span<const std::string_view>(kOthers)}) {
    for (const std::string_view word : words) list += (list.empty() ? "" : " ") + std::string(word);
  }
  return list;
}

std::unexpected<Error> NoQuery(Message why) {
  return std::unexpected(
      Error{.code = ErrorCode::kUnprocessable,
            .message = std::move(why),
            .hint = Msg("a query is written {}",
                        R"({"aggregate": "orders", "pipeline": [{"$match": {"paid": true}}]})")});
}

// Looks for what may not run, however deep it stands.
Status CheckOperators(const OrderedJson& value) {
  if (!value.is_structured()) return {};
  for (const auto& [name, inner] : value.items()) {
    if (value.is_object() && IsAmong(name, kNever)) {
      return WithHint(
          Fail(ErrorCode::kUnprocessable, "'{}' may not run in a query", name),
          Msg("queries only read, run no JavaScript, and give the same rows when asked again"));
    }
    RETURN_IF_ERROR(CheckOperators(inner));
  }
  return {};
}

Status CheckStages(const OrderedJson& pipeline, bool* keeps_documents) {
  for (const OrderedJson& stage : pipeline) {
    if (!stage.is_object() || stage.size() != 1)
      return NoQuery(Msg("a stage of the pipeline is an object with one field"));
    const std::string& name = stage.begin().key();
    RETURN_IF_ERROR(CheckOperators(stage));
    if (IsAmong(name, kKeeping)) continue;
    *keeps_documents = false;
    if (!IsAmong(name, kOthers)) {
      return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' may not run in a query", name),
                      Msg("these stages may: {}", Listed()));
    }
    // Pipelines within: $lookup, $unionWith; each field of $facet.
    const OrderedJson& body = stage.begin().value();
    if (!body.is_object()) continue;
    for (const auto& [field, inner] : body.items()) {
      const bool within = name == "$facet" || field == "pipeline";
      if (within && inner.is_array()) RETURN_IF_ERROR(CheckStages(inner, keeps_documents));
    }
  }
  return {};
}

// A field by its name alone: not a path, no operator.
bool IsPlain(std::string_view field) {
  return !field.empty() && !field.starts_with('$') && !field.contains('.');
}

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonText(json, text);
  return json;
}

// Microseconds since 1970 as the milliseconds from which on all values are.
std::int64_t MillisecondsFrom(std::int64_t us) {
  constexpr std::int64_t kUsPerMs = 1000;
  return us / kUsPerMs + (us % kUsPerMs > 0 ? 1 : 0);
}

std::string Literal(const Type& type, std::int64_t value) {
  switch (type.kind) {
    case TypeKind::kDecimal:
      return fmt::format(R"({{"$numberDecimal": "{}"}})", value);
    case TypeKind::kTimestampTz:
      return fmt::format(R"({{"$date": {{"$numberLong": "{}"}}}})", MillisecondsFrom(value));
    default:
      return fmt::format(R"({{"$numberLong": "{}"}})", value);
  }
}

// The first ObjectId that was made at this time or later.
std::string ObjectIdAt(std::int64_t us) {
  constexpr std::int64_t kUsPerSecond = 1'000'000;
  const std::int64_t seconds = us / kUsPerSecond + (us % kUsPerSecond > 0 ? 1 : 0);
  return fmt::format("{:08x}{}", std::clamp<std::int64_t>(seconds, 0, 0xffffffff),
                     kFirstObjectId.substr(8));
}

std::string IdTimeFilter(const SourceRange& range) {
  const std::string first = range.from ? ObjectIdAt(*range.from) : std::string(kFirstObjectId);
  const std::string from = fmt::format(R"({{"_id": {{"$gte": {{"$oid": "{}"}}}}}})", first);
  // Servers compare an ObjectId with nothing else.
  return range.nulls ? R"({"$nor": [)" + from + "]}" : from;
}

}  // namespace

std::string Query::Then(std::string_view stage) const {
  const std::string_view open = std::string_view(pipeline).substr(0, pipeline.size() - 1);
  return std::string(open) + (open == "[" ? "" : ",") + std::string(stage) + "]";
}

Result<Query> ParseQuery(std::string_view text) {
  if (const auto json = ParseJson(text); !json) return NoQuery(json.error().message);
  const OrderedJson command = OrderedJson::parse(text, nullptr, false);
  if (!command.is_object()) return NoQuery(Msg("a query is a JSON object"));
  for (const auto& [name, value] : command.items()) {
    if (name != "aggregate" && name != "pipeline")
      return NoQuery(Msg("a query has only 'aggregate' and 'pipeline', not '{}'", name));
  }
  const auto collection = command.find("aggregate");
  if (collection == command.end() || !collection->is_string() ||
      collection->get_ref<const std::string&>().empty())
    return NoQuery(Msg("'aggregate' must be the name of a collection"));
  const auto pipeline = command.find("pipeline");
  if (pipeline == command.end() || !pipeline->is_array())
    return NoQuery(Msg("'pipeline' must be an array of stages"));
  Query query{.collection = collection->get<std::string>(),
              .pipeline = pipeline->dump(),
              .keeps_documents = true};
  RETURN_IF_ERROR(CheckStages(*pipeline, &query.keeps_documents));
  return query;
}

Result<std::string> FilterOf(const std::optional<SourceRange>& range, const Layout& layout) {
  if (!range) return std::string("{}");
  const auto column = std::ranges::find(layout.columns, range->column,
                                        [](const LayoutColumn& one) { return one.info.name; });
  if (column != layout.columns.end() && column->role == Role::kIdTime) return IdTimeFilter(*range);
  if (column == layout.columns.end() || column->role == Role::kMore || !IsPlain(column->field)) {
    return WithHint(
        Fail(ErrorCode::kUnprocessable, "'{}' cannot be a cursor: the database cannot look for it",
             range->column),
        Msg("a cursor is a field of the documents whose name has no dot and no dollar sign"));
  }
  const std::string field = Quoted(column->field);
  if (range->nulls) return "{" + field + ": null}";
  if (!range->from) return "{" + field + R"(: {"$ne": null}})";
  return "{" + field + R"(: {"$gte": )" + Literal(range->type, *range->from) + "}}";
}

std::string FindOptions(const Layout& layout, std::int64_t limit) {
  std::string fields;
  bool id = false;
  bool all = false;
  for (const LayoutColumn& column : layout.columns) {
    if (column.role == Role::kIdTime || column.field == kId) {
      id = true;
    } else if (column.role == Role::kMore || !IsPlain(column.field)) {
      all = true;
    } else {
      fields += (fields.empty() ? "" : ", ") + Quoted(column.field) + ": 1";
    }
  }
  std::string options = fmt::format(R"({{"batchSize": {})", kFirstBatch);
  if (limit > 0) options += fmt::format(R"(, "limit": {{"$numberLong": "{}"}})", limit);
  if (!all) {
    fields += (fields.empty() ? "" : ", ") + fmt::format(R"("_id": {})", id ? 1 : 0);
    options += R"(, "projection": {)" + fields + "}";
  }
  return options + "}";
}

}  // namespace aimass::connectors::mongodb
