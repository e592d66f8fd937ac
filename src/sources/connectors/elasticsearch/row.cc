// simdjson 3.0.
#include "sources/connectors/elasticsearch/row.h"

#include <algorithm>
#include <utility>

#include "base/excerpt.h"
#include "table/json_rows.h"

namespace aimass::connectors::elasticsearch {
namespace {

using simdjson::error_code;
using simdjson::ondemand::array;
using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

constexpr std::size_t kShownBytes = 100;

}  // namespace

Row::Row(const Layout& layout) : layout_(layout) {
  for (const LayoutColumn& column : layout_.columns) {
    std::optional<std::size_t> at;
    if (column.wanted) {
      at = places_.size();
      places_.push_back({.column = &column, .at = *at});
    }
    if (column.field.form > Form::kId && column.field.form != Form::kMore)
      columns_.emplace(column.path, at);
    if (column.field.form == Form::kMore) more_wanted_ = column.wanted;
  }
  values_.resize(places_.size());
}

void Row::Start() {
  std::ranges::fill(values_, Value{.kind = Value::Kind::kNull});
  for (Place& place : places_) place.seen = place.converted = false;
  path_.clear();
  more_.clear();
  kept_.clear();
  spoiled_.reset();
  document_ = id_ = index_ = sort_ = {};
}

error_code Row::Read(object hit) {
  for (auto member : hit) {
    std::string_view name;
    if (const auto error = member.unescaped_key().get(name)) return error;
    value content;
    if (const auto error = member.value().get(content)) return error;
    if (name == "_id" || name == "_index") {
      std::string_view text;
      if (const auto error = content.get_string().get(text)) return error;
      (name == "_id" ? id_ : index_) = text;
      SetOwn(name == "_id" ? Form::kId : Form::kIndex, text);
    } else if (name == "_source") {
      object source;
      if (const auto error = content.get_object().get(source)) return error;
      if (const auto error = source.raw_json().get(document_)) return error;
      document_ = document_.substr(0, document_.find_last_of('}') + 1);
      bool any = false;
      if (const auto error = source.reset().get(any)) return error;
      if (const auto error = ReadMembers(source)) return error;
    } else if (name == "fields") {
      object fields;
      if (const auto error = content.get_object().get(fields)) return error;
      if (const auto error = ReadConverted(fields)) return error;
    } else if (name == "sort") {
      if (const auto error = RawJson(content).get(sort_)) return error;
    }
  }
  Finish();
  return simdjson::SUCCESS;
}

error_code Row::ReadMembers(object members) {
  const std::size_t base = path_.size();
  for (auto member : members) {
    std::string_view name;
    if (const auto error = member.unescaped_key().get(name)) return error;
    value content;
    if (const auto error = member.value().get(content)) return error;
    path_.resize(base);
    if (base > 0) path_ += '.';
    path_ += name;
    if (const auto error = ReadMember(content)) return error;
  }
  path_.resize(base);
  return simdjson::SUCCESS;
}

error_code Row::ReadMember(value content) {
  if (const auto found = columns_.find(std::string_view(path_)); found != columns_.end()) {
    if (!found->second) return simdjson::SUCCESS;
    return ReadValue(content, places_[*found->second]);
  }
  json_type type{};
  if (const auto error = content.type().get(type)) return error;
  if (type == json_type::null) return simdjson::SUCCESS;
  const bool known = layout_.objects.contains(path_);
  if (known && type == json_type::object) {
    object inner;
    if (const auto error = content.get_object().get(inner)) return error;
    return ReadMembers(inner);
  }
  if (known && type == json_type::array) {
    array list;
    if (const auto error = content.get_array().get(list)) return error;
    int count = 0;
    return ReadObjects(list, &count);
  }
  return AddMore(content);
}

// A list of objects is one object as long as it has no second.
error_code Row::ReadObjects(array list, int* count) {
  for (auto element : list) {
    value content;
    if (const auto error = std::move(element).get(content)) return error;
    json_type type{};
    if (const auto error = content.type().get(type)) return error;
    if (type == json_type::array) {
      array inner;
      if (const auto error = content.get_array().get(inner)) return error;
      if (const auto error = ReadObjects(inner, count)) return error;
    } else if (type == json_type::object) {
      if (++*count == 2) {
        lists_.insert(path_);
        Spoil(Msg("'{}' is a list of several objects", path_));
      }
      object inner;
      if (const auto error = content.get_object().get(inner)) return error;
      if (const auto error = ReadMembers(inner)) return error;
    }
  }
  return simdjson::SUCCESS;
}

error_code Row::ReadValue(value content, Place& place) {
  json_type type{};
  if (const auto error = content.type().get(type)) return error;
  if (type == json_type::null) return simdjson::SUCCESS;
  const LayoutColumn& column = *place.column;
  if (type == json_type::array && column.field.form != Form::kJson) {
    array list;
    if (const auto error = content.get_array().get(list)) return error;
    for (auto element : list) {
      value one;
      if (const auto error = std::move(element).get(one)) return error;
      if (const auto error = ReadValue(one, place)) return error;
    }
    return simdjson::SUCCESS;
  }
  if (place.seen) {
    lists_.insert(column.path);
    Spoil(Msg("column '{}' is a list of several values here", column.info.name));
    return simdjson::SUCCESS;
  }
  place.seen = true;
  if (column.field.form == Form::kJson) {
    std::string_view raw;
    if (const auto error = RawJson(content).get(raw)) return error;
    values_[place.at] = {.kind = Value::Kind::kText, .text = raw};
    return simdjson::SUCCESS;
  }
  // The server's own words for it are in "fields".
  if (column.field.form == Form::kMoment && column.field.dates.empty()) return simdjson::SUCCESS;
  if (const auto decoded = Decode(column.field, content, kept_)) {
    values_[place.at] = *decoded;
    return simdjson::SUCCESS;
  }
  std::string_view raw = "{…}";
  if (type != json_type::object) {
    if (const auto error = RawJson(content).get(raw)) return error;
  }
  Spoil(Msg("column '{}': '{}' is no {}", column.info.name, Excerpt(raw, kShownBytes),
            TypeName(column.info.type)));
  return simdjson::SUCCESS;
}

// {"at": ["2026-11-22T08:30:00.000Z"]}
error_code Row::ReadConverted(object fields) {
  for (auto member : fields) {
    std::string_view name;
    if (const auto error = member.unescaped_key().get(name)) return error;
    array texts;
    if (const auto error = member.value().get_array().get(texts)) return error;
    const auto found = columns_.find(name);
    if (found == columns_.end() || !found->second) continue;
    Place& place = places_[*found->second];
    for (auto element : texts) {
      std::string_view text;
      if (const auto error = element.get_string().get(text)) return error;
      if (place.converted) {
        lists_.insert(place.column->path);
        Spoil(Msg("column '{}' is a list of several values here", place.column->info.name));
        continue;
      }
      place.converted = true;
      if (const auto moment = DecodeMoment(place.column->field, text)) {
        values_[place.at] = *moment;
      } else {
        Spoil(Msg("column '{}': '{}' is no {}", place.column->info.name, text,
                  TypeName(place.column->info.type)));
      }
    }
  }
  return simdjson::SUCCESS;
}

error_code Row::AddMore(value content) {
  if (!more_wanted_) return simdjson::SUCCESS;
  std::string_view raw;
  if (const auto error = RawJson(content).get(raw)) return error;
  more_ += more_.empty() ? '{' : ',';
  AppendJsonText(more_, path_);
  more_ += ':';
  more_ += raw;
  return simdjson::SUCCESS;
}

void Row::Finish() {
  if (!more_.empty()) {
    more_ += '}';
    SetOwn(Form::kMore, more_);
  }
  for (const Place& place : places_) {
    if (place.seen && !place.converted && place.column->field.form == Form::kMoment &&
        place.column->field.dates.empty()) {
      Spoil(Msg("column '{}': the server cannot read its date", place.column->info.name));
    }
  }
}

void Row::SetOwn(Form form, std::string_view text) {
  for (const Place& place : places_) {
    if (place.column->field.form == form)
      values_[place.at] = {.kind = Value::Kind::kText, .text = text};
  }
}

void Row::Spoil(Message reason) {
  if (!spoiled_) spoiled_ = std::move(reason);
}

std::size_t Row::bytes() const {
  std::size_t bytes = 0;
  for (const Value& one : values_) bytes += one.text.size();
  return bytes;
}

}  // namespace aimass::connectors::elasticsearch
