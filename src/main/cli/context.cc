#include "main/cli/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/words.h"

namespace aimass::cli {
namespace {

void Write(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace

Context::Context(Language language) : language_(language) {}
Context::~Context() { Disconnect(); }

Result<Client*> Context::Server() {
  if (!common.server.empty() && !common.data.empty()) {
    return WrongUsage(
        Fail(ErrorCode::kInvalidArgument,
             "--server and --data exclude each other: a server has its own data folder"));
  }
  if (connection_ == nullptr) {
    ASSIGN_OR_RETURN(connection_, Connection::Open(common, language_));
    // Who mistyped a path would take it for lost data.
    if (connection_->made_data() && !json())
      Note(Msg("Note: '{}' is a new data folder, with nothing in it yet", connection_->data()));
  }
  return &connection_->client();
}

void Context::Disconnect() {
  if (connection_ != nullptr) connection_->Close();
  connection_.reset();
}

std::unexpected<Error> Context::WrongUsage(std::unexpected<Error> error) {
  exit_code = 2;
  return error;
}

std::string Context::Translated(std::string_view word) const {
  return Text(Msg("{}", Word{Printable(word)}));
}

void Context::Print(const Json& json) {
  Write(stdout, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Context::Say(const Message& line) { Say(Text(line)); }

void Context::Say(std::string_view text) {
  if (!json()) Write(stdout, std::string(text) + "\n");
}

void Context::Say(const Table& table) {
  if (!json()) Write(stdout, table.ToText(TerminalWidth(STDOUT_FILENO)));
}

void Context::Note(const Message& line) { Write(stderr, Text(line) + "\n"); }

void Context::Warn(std::string_view text) {
  Write(stderr, Paint(Colour::kYellow, Text(Msg("Warning:")), STDERR_FILENO) + " " +
                    std::string(text) + "\n");
}

void Context::Print(const Error& error) {
  std::fflush(stdout);
  Write(stderr,
        Paint(Colour::kRed, Text(Msg("Error: ")), STDERR_FILENO) + Text(error.message) + "\n");
  if (!error.hint.empty()) {
    Write(stderr,
          Paint(Colour::kYellow, Text(Msg("Hint: ")), STDERR_FILENO) + Text(error.hint) + "\n");
  }
  if (json()) {
    Json body = {{"code", CodeName(error.code)}, {"detail", Text(error.message)}};
    if (!error.hint.empty()) body["hint"] = Text(error.hint);
    Print(Json{{"error", body}});
  }
}

Result<Json> ListAll(Client& server, const std::string& path, std::int64_t limit) {
  constexpr std::int64_t kPage = 200;
  Json all = {{"items", Json::array()}, {"next_cursor", nullptr}};
  std::string cursor;
  while (true) {
    const auto have = static_cast<std::int64_t>(all["items"].size());
    const std::int64_t page = limit > 0 ? std::min(kPage, limit - have) : kPage;
    std::string address =
        path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=" + std::to_string(page);
    if (!cursor.empty()) address += "&cursor=" + Encode(cursor);
    ASSIGN_OR_RETURN(const Json answer, server.Get(address));
    for (const Json& item : MemberOf(answer, "items")) all["items"].push_back(item);
    const Json& next = MemberOf(answer, "next_cursor");
    all["next_cursor"] = next;
    if (!next.is_string() || next.get<std::string>().empty()) break;
    cursor = next.get<std::string>();
    if (limit > 0 && static_cast<std::int64_t>(all["items"].size()) >= limit) break;
  }
  return all;
}

const Json& MemberOf(const Json& object, std::string_view key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string TextOf(const Json& object, std::string_view key) {
  return CellText(MemberOf(object, key));
}

std::string CellText(const Json& value) {
  if (value.is_null()) return "–";
  if (value.is_string()) return Printable(value.get<std::string>());
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_integer()) return fmt::format("{}", value.get<std::int64_t>());
  return Printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::int64_t IntegerOf(const Json& object, std::string_view key, std::int64_t fallback) {
  const Json& value = MemberOf(object, key);
  return value.is_number() ? value.get<std::int64_t>() : fallback;
}

}  // namespace aimass::cli
