#include "sources/connectors/elasticsearch/bulk.h"

#include <utility>

#include "base/wait.h"
#include "table/json_rows.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::size_t kBulkBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20;
constexpr int kAttempts = 6;
constexpr int kFirstPauseMs = 250;

// "failed to parse field [paid] of type [boolean]: Failed to parse value [x]"
std::string WordsOf(const Json& error) {
  const std::string words = TextAt(error, "reason");
  const std::string cause = TextAt(MemberOf(error, "caused_by"), "reason");
  return cause.empty() ? words : words + ": " + cause;
}

}  // namespace

Bulk::Bulk(Client& client, std::string index, Action action, CancelToken cancel)
    : client_(client), index_(std::move(index)), action_(action), cancel_(std::move(cancel)) {}

Status Bulk::Add(std::string_view id, std::string_view document) {
  lines_ += action_ == Action::kIndex ? R"({"index":{"_id":)" : R"({"create":{"_id":)";
  AppendJsonText(lines_, id);
  lines_ += "}}\n";
  lines_ += document;
  lines_ += '\n';
  return lines_.size() >= kBulkBytes ? Flush() : Status();
}

Status Bulk::Flush() {
  if (lines_.empty()) return {};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const bool taken, Send());
    if (taken) {
      lines_.clear();
      return {};
    }
    RETURN_IF_ERROR(Wait(kFirstPauseMs << attempt, cancel_));
  }
  return Fail(ErrorCode::kUnavailable, "the database is too busy to take rows");
}

// False where the server had no time for some: to send all of them again comes to the same.
Result<bool> Bulk::Send() {
  const std::string path =
      "/" + curl::EscapedPart(index_) + "/_bulk?filter_path=errors,items.*.error";
  ASSIGN_OR_RETURN(const std::string text,
                   client_.AskText("POST", path, lines_, index_, kMaxAnswerBytes, cancel_));
  ASSIGN_OR_RETURN(const Json answer, ParseJson(text));
  if (MemberOf(answer, "errors") == false) return true;
  bool taken = true;
  for (const Json& item : MemberOf(answer, "items")) {
    if (!item.is_object() || item.empty()) continue;
    const Json& error = MemberOf(item.front(), "error");
    const std::string type = TextAt(error, "type");
    if (type.empty()) continue;
    if (type == "version_conflict_engine_exception" && action_ == Action::kCreate) continue;
    if (type != "es_rejected_execution_exception") {
      return Fail(ErrorCode::kUnprocessable, "the database refuses a row: {}", WordsOf(error));
    }
    taken = false;
  }
  return taken;
}

}  // namespace aimass::connectors::elasticsearch
