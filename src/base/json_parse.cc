// The way into JSON: nlohmann's reader, with our own words where it refuses, and without a key that
// stands twice (of which every reader takes another one).
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/words.h"

namespace aimass {
namespace {

constexpr std::size_t kShownBytes = 40;

// Counts nesting before the parser does, so that hostile depth cannot exhaust the stack.
bool DeeperThan(std::string_view text, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

bool Continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// What the reader wanted, by the words in which it refuses (of nlohmann 3, pinned; json_test.cc
// holds each of them).
std::string_view ExpectedBy(std::string_view refusal) {
  constexpr std::pair<std::string_view, std::string_view> kWants[]{
      {"ill-formed UTF-8", "valid UTF-8"},
      {"missing closing quote", "a closing double quote"},
      {"control character",
       "no line break or control character within a text; write it as an escape such as \\n"},
      {"forbidden character after backslash", "an escape such as \\n or \\u4e2d"},
      {"'\\u' must be followed", "an escape such as \\n or \\u4e2d"},
      {"surrogate", "an escape such as \\n or \\u4e2d"},
      {"number overflow", "a number of at most 1.8e308"},
      {"invalid number", "a number such as -12.5 or 1e6"},
      {"object separator", "':' behind the name"},
      {"object key", "a name in double quotes"},
      {"parsing object", "',' or '}'"},
      {"parsing array", "',' or ']'"},
      {"; expected end of input", "the end of the text"},
  };
  for (const auto& [words, want] : kWants) {
    if (refusal.find(words) != std::string_view::npos) return want;
  }
  return "a value: an object, a list, a text in double quotes, a number, true, false or null";
}

bool PartOfWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-' || c == '+' || static_cast<unsigned char>(c) >= 0x80;
}

// Where to point when the reader stopped at `last`: at the beginning of what it read there.
std::size_t PointAt(std::string_view text, std::size_t last, std::string_view expected) {
  if (last >= text.size()) return text.size();
  if (expected == "valid UTF-8" || expected.starts_with("no line break")) return last;
  if (expected.starts_with("an escape")) return std::min(last, text.rfind('\\', last));
  std::size_t open = std::string_view::npos;  // of the text in quotes that holds `last`
  for (std::size_t i = 0; i <= last; ++i) {
    if (text[i] == '\\' && open != std::string_view::npos) {
      ++i;
    } else if (text[i] == '"' && (open == std::string_view::npos || i < last)) {
      open = open == std::string_view::npos ? i : std::string_view::npos;
    }
  }
  if (open != std::string_view::npos) return open;
  while (PartOfWord(text[last]) && last > 0 && PartOfWord(text[last - 1])) --last;
  return last;
}

// The word, number, text or sign that begins at `at`.
Word FoundAt(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {"the end of the text"};
  std::size_t end = at + 1;
  if (text[at] == '"') {
    while (end < text.size() && text[end] != '"' && text[end] != '\n') ++end;
    if (end < text.size() && text[end] == '"') ++end;
  } else if (PartOfWord(text[at]) || text[at] == '\\') {
    while (end < text.size() && PartOfWord(text[end])) ++end;
  }
  const bool cut = end - at > kShownBytes;
  end = std::min(end, at + kShownBytes);
  while (cut && end > at + 1 && Continues(text[end])) --end;
  const std::string shown(text.substr(at, end - at));
  const Json json = shown;
  const auto dumped = [&json](Json::error_handler_t handler) {
    return json.dump(-1, ' ', false, handler);
  };
  // Bytes that are no UTF-8, and what would steer a terminal, are shown by their number.
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x20 ||
      dumped(Json::error_handler_t::ignore) != dumped(Json::error_handler_t::replace)) {
    return {fmt::format("0x{:02X}", byte)};
  }
  return {shown + (cut ? "…" : "")};
}

class Reader final : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool refused() const { return error_.has_value(); }
  [[nodiscard]] Result<Json> Take() {
    if (error_) return std::unexpected(std::move(*error_));
    return std::move(root_);
  }

  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override { return Put(value); }
  bool number_float(number_float_t value, const string_t&) override { return Put(value); }
  bool string(string_t& value) override { return Put(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not in JSON

  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    const auto [place, fresh] = open_.back()->get_ref<Json::object_t&>().emplace(name, nullptr);
    member_ = &place->second;
    if (fresh) return true;
    error_ =
        WithHint(Fail(ErrorCode::kInvalidArgument, "the JSON names '{}' twice in one object", name),
                 Msg("leave one of them out"))
            .error();
    return false;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& refusal) override {
    const std::string_view expected = ExpectedBy(refusal.what());
    // `position` counts the bytes read, the end as one more.
    Refuse(PointAt(text_, position == 0 ? 0 : position - 1, expected), expected);
    return false;
  }

  void Refuse(std::size_t at, std::string_view expected) {
    const std::string_view before = text_.substr(0, at);
    const auto line = 1 + std::ranges::count(before, '\n');
    const std::string_view in_line = before.substr(before.rfind('\n') + 1);
    const auto column = 1 + std::ranges::count_if(in_line, [](char c) { return !Continues(c); });
    error_ = Fail(ErrorCode::kInvalidArgument,
                  "not valid JSON in line {}, column {}: expected {}, found {}", line, column,
                  Word{std::string(expected)}, FoundAt(text_, at))
                 .error();
  }

 private:
  // The value's place: the document, the member just named, or the end of the open list.
  Json* Place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_object()) {
      *member_ = std::move(value);
      return member_;
    }
    return &open_.back()->get_ref<Json::array_t&>().emplace_back(std::move(value));
  }
  bool Put(Json value) {
    Place(std::move(value));
    return true;
  }
  // A list grows only while its last entry is closed, so these pointers stay valid.
  bool Open(Json value) {
    open_.push_back(Place(std::move(value)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  Json root_;
  std::vector<Json*> open_;
  Json* member_ = nullptr;
  std::optional<Error> error_;
};

}  // namespace

Result<Json> ParseJson(std::string_view text, int max_depth) {
  if (DeeperThan(text, max_depth)) {
    return Fail(ErrorCode::kInvalidArgument, "the JSON is nested deeper than {} levels", max_depth);
  }
  Reader reader(text);
  try {
    Json::sax_parse(text, &reader);
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kInternal, "the JSON could not be read: {}", error.what());
  }
  // Its reader takes a NUL for the end of the text; no other reader does.
  if (const std::size_t at = text.find('\0'); at != std::string_view::npos && !reader.refused()) {
    reader.Refuse(at, "the end of the text");
  }
  return reader.Take();
}

}  // namespace aimass
