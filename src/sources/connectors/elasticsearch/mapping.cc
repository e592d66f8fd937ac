#include "sources/connectors/elasticsearch/mapping.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "sources/connectors/elasticsearch/failure.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::string_view kDateFormat = "strict_date_optional_time||epoch_millis";
constexpr std::string_view kNanosFormat = "strict_date_optional_time_nanos||epoch_millis";
constexpr Type kText{.kind = TypeKind::kText};
constexpr Type kMoment{.kind = TypeKind::kTimestampTz};

struct Scalar {
  std::string_view name;
  Form form;
  Type type;
};
const std::array<Scalar, 22> kScalars = {{
    {"byte", Form::kWhole, {.kind = TypeKind::kInt8}},
    {"short", Form::kWhole, {.kind = TypeKind::kInt16}},
    {"integer", Form::kWhole, {.kind = TypeKind::kInt32}},
    {"long", Form::kWhole, {.kind = TypeKind::kInt64}},
    {"unsigned_long", Form::kUnsigned, {.kind = TypeKind::kDecimal, .precision = 20, .scale = 0}},
    {"double", Form::kNumber, {.kind = TypeKind::kFloat64}},
    {"float", Form::kNumber, {.kind = TypeKind::kFloat64}},
    {"half_float", Form::kNumber, {.kind = TypeKind::kFloat64}},
    {"scaled_float", Form::kNumber, {.kind = TypeKind::kFloat64}},
    {"boolean", Form::kBool, {.kind = TypeKind::kBool}},
    {"date", Form::kMoment, kMoment},
    {"date_nanos", Form::kMoment, kMoment},
    {"keyword", Form::kText, kText},
    {"constant_keyword", Form::kText, kText},
    {"counted_keyword", Form::kText, kText},
    {"wildcard", Form::kText, kText},
    {"text", Form::kText, kText},
    {"match_only_text", Form::kText, kText},
    {"search_as_you_type", Form::kText, kText},
    {"ip", Form::kText, kText},
    {"version", Form::kText, kText},
    {"binary", Form::kBinary, {.kind = TypeKind::kBinary}},
}};

bool IsFalse(const Json& definition, const char* name) {
  const auto found = definition.find(name);
  return found != definition.end() && (*found == false || *found == "false");
}

std::vector<std::string> TextsOf(const Json& definition, const char* name) {
  const auto found = definition.find(name);
  std::vector<std::string> texts;
  if (found == definition.end()) return texts;
  if (found->is_string()) return {found->get<std::string>()};
  for (const Json& one : *found) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  return texts;
}

// Whether a pattern with * is like the text.
bool IsLike(std::string_view text, std::string_view pattern) {
  std::size_t at = 0;
  std::size_t in_pattern = 0;
  std::size_t star = std::string_view::npos;  // the last one, and what it stands for so far
  std::size_t star_end = 0;
  while (at < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_end = at;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == text[at]) {
      ++in_pattern;
      ++at;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      at = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

// Whether a pattern means a field, or an object that it is in.
bool Means(std::string_view pattern, std::string_view path) {
  for (std::size_t end = path.find('.');; end = path.find('.', end + 1)) {
    if (IsLike(path.substr(0, end), pattern)) return true;
    if (end == std::string_view::npos) return false;
  }
}

MappedField JsonField(std::string native_type) {
  return {.form = Form::kJson,
          .type = kText,
          .native_type = std::move(native_type),
          .dates = {},
          .exact = false};
}

MappedField FieldOf(const std::string& type, const Json& definition) {
  const auto scalar = std::ranges::find(kScalars, type, &Scalar::name);
  if (scalar == kScalars.end()) return JsonField(type);
  MappedField field{.form = scalar->form, .type = scalar->type, .native_type = type, .dates = {}};
  field.exact = !definition.contains("null_value") && !IsFalse(definition, "doc_values");
  if (field.form == Form::kMoment) {
    field.nanos = type == "date_nanos";
    std::string format = TextAt(definition, "format");
    if (format.empty()) format = field.nanos ? kNanosFormat : kDateFormat;
    field.dates = DateFormsOf(format).value_or(std::vector<DateForm>());
    if (field.dates.empty()) field.native_type += " (" + format + ")";
  }
  return field;
}

// One index's mapping, member by member.
class Collector {
 public:
  void Add(const Json& definitions, const std::string& prefix) {
    if (!definitions.is_object()) return;
    for (const auto& [name, definition] : definitions.items()) {
      if (definition.is_object()) AddField(prefix + name, definition);
    }
  }

  MappedFields Take() {
    for (const std::string& target : copied_to_) {
      if (const auto found = fields_.by_path.find(target); found != fields_.by_path.end())
        found->second.exact = false;
    }
    return std::move(fields_);
  }

 private:
  void AddField(const std::string& path, const Json& definition) {
    for (std::string& target : TextsOf(definition, "copy_to")) copied_to_.insert(std::move(target));
    std::string type = TextAt(definition, "type");
    if (type.empty()) type = "object";
    // An alias, and what a script computes, stand in no document.
    if (type == "alias" || definition.contains("script")) return;
    if (type != "object" && type != "passthrough") {
      fields_.by_path.emplace(path, FieldOf(type, definition));
    } else if (IsFalse(definition, "enabled")) {
      fields_.by_path.emplace(path, JsonField(type));
    } else {
      fields_.objects.insert(path);
      Add(MemberOf(definition, "properties"), path + ".");
    }
  }

  MappedFields fields_;
  std::set<std::string> copied_to_;
};

// The same field of two indices.
void Unite(MappedField& field, const MappedField& other) {
  if (field.form == Form::kWhole && other.form == Form::kWhole) {
    const bool wider = other.type.kind > field.type.kind;  // the kinds are in order of their width
    if (wider) field.type = other.type;
    if (wider) field.native_type = other.native_type;
    field.exact = field.exact && other.exact;
    return;
  }
  if (field.native_type.find(other.native_type) == std::string::npos)
    field.native_type += " | " + other.native_type;
  if (field.form == other.form && field.nanos == other.nanos) {
    if (field.dates != other.dates) field.dates.clear();
    field.exact = field.exact && other.exact;
    return;
  }
  const bool json = field.form == Form::kJson || other.form == Form::kJson;
  field.form = json ? Form::kJson : Form::kText;
  field.type = kText;
  field.dates.clear();
  field.exact = false;
}

// A field or an object becomes JSON, with all that is in it.
void MakeJson(MappedFields& fields, const std::string& path, const std::string& mark) {
  const std::string inside = path + ".";
  const auto within = [&](const std::string& other) {
    return other == path || other.starts_with(inside);
  };
  const auto found = fields.by_path.find(path);
  std::string native = found == fields.by_path.end() ? "object" : found->second.native_type;
  std::erase_if(fields.by_path, [&](const auto& field) { return within(field.first); });
  std::erase_if(fields.objects, within);
  fields.by_path.emplace(path, JsonField(std::move(native) + mark));
}

// What is an object here and a value there.
void UniteObjects(MappedFields& fields) {
  std::vector<std::string> both;
  for (const std::string& path : fields.objects) {
    if (fields.by_path.contains(path)) both.push_back(path);
  }
  for (const std::string& path : both) MakeJson(fields, path, " | object");
}

}  // namespace

Result<MappedFields> FieldsOf(const Json& mappings) {
  MappedFields fields;
  for (const auto& [index, about] : mappings.items()) {
    const Json& mapping = MemberOf(about, "mappings");
    const Json& source = MemberOf(mapping, "_source");
    if (IsFalse(source, "enabled")) {
      return WithHint(
          Fail(ErrorCode::kUnprocessable, "the index '{}' keeps no documents, only their index",
               index),
          Msg("its mapping says _source: enabled false; index the documents anew without it"));
    }
    const std::vector<std::string> only = TextsOf(source, "includes");
    const std::vector<std::string> without = TextsOf(source, "excludes");
    Collector collector;
    collector.Add(MemberOf(mapping, "properties"), "");
    MappedFields own = collector.Take();
    fields.objects.merge(own.objects);
    for (auto& [path, field] : own.by_path) {
      const auto means = [&path](const std::string& pattern) { return Means(pattern, path); };
      // What an index does not keep of its documents is in no column.
      if ((!only.empty() && std::ranges::none_of(only, means)) ||
          std::ranges::any_of(without, means))
        continue;
      const auto [place, fresh] = fields.by_path.emplace(path, field);
      if (!fresh) Unite(place->second, field);
    }
  }
  UniteObjects(fields);
  return fields;
}

void MarkLists(MappedFields& fields, const std::set<std::string>& paths) {
  // An object comes before what is in it; of a list in a list only the outer one is a column.
  std::string outer;
  for (const std::string& path : paths) {
    if (!outer.empty() && path.starts_with(outer)) continue;
    if (fields.by_path.contains(path) || fields.objects.contains(path))
      MakeJson(fields, path, "[]");
    outer = path + ".";
  }
}

}  // namespace aimass::connectors::elasticsearch
