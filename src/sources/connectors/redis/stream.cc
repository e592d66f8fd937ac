#include "sources/connectors/redis/stream.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <utility>

namespace aimass::connectors::redis {
namespace {

using aimass::redis::Connection;
using aimass::redis::Reply;

constexpr std::uint64_t kPerMs = 1'000'000;
constexpr std::size_t kPageBytes = std::size_t{4} << 20;  // of entries at a time, about
constexpr std::size_t kMaxPage = 1000;
constexpr std::size_t kFirstPage = 100;

void SendPage(Connection& connection, const std::string& key, EntryId from, EntryId last,
              std::size_t count) {
  connection.Send({"XRANGE", key, from.Text(), last.Text(), "COUNT", std::to_string(count)});
}

// An entry is its id and its fields, name and value by turns.
Fields FieldsOf(const Reply::Item& entry) {
  Fields fields;
  const Reply::Item list = entry.first().next();
  if (list.size() == 0) return fields;
  Reply::Item item = list.first();
  for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
    const Reply::Item value = item.next();
    fields.emplace_back(item.text(), value.text());
    if (i + 3 < list.size()) item = value.next();
  }
  return fields;
}

// Walks over the pages of a stream, one asked for ahead.
class Pages {
 public:
  // `limit`: entries that are wanted; 0: all.
  Pages(Connection& connection, std::string key, EntryId from, EntryId last, std::int64_t limit)
      : connection_(connection),
        key_(std::move(key)),
        from_(from),
        last_(last),
        few_(limit > 0),
        page_(few_ ? std::min(kFirstPage, static_cast<std::size_t>(limit)) : kFirstPage) {}

  // Hands each entry of the next page to `use`; false at the end.
  Result<bool> Next(const CancelToken& cancel,
                    const std::function<Status(EntryId, const Reply::Item&)>& use) {
    if (ended_) return false;
    if (!asked_) RETURN_IF_ERROR(Ask(cancel));
    asked_ = false;
    ASSIGN_OR_RETURN(const Reply* const reply, connection_.Receive(cancel));
    const Reply::Item root = reply->root();
    if (root.kind() == Reply::Kind::kError) return connection_.FailureOf(root.text());
    if (root.size() == 0) {
      ended_ = true;
      return false;
    }
    std::vector<std::pair<EntryId, Reply::Item>> entries;
    Reply::Item item = root.first();
    for (std::size_t i = 0; i < root.size(); ++i) {
      const auto id = item.size() == 2 ? ParseEntryId(item.first().text()) : std::nullopt;
      if (!id)
        return Fail(ErrorCode::kUnavailable, "what the database sent is no entry of a stream");
      entries.emplace_back(*id, item);
      if (i + 1 < root.size()) item = item.next();
    }
    ended_ = root.size() < page_ || entries.back().first >= last_;
    from_ = entries.back().first.Following();
    const std::size_t each = reply->bytes() / root.size() + 1;
    if (!few_) page_ = std::clamp(kPageBytes / each, std::size_t{1}, kMaxPage);
    // The server looks for the next page while this one is written down.
    if (!ended_ && !few_) RETURN_IF_ERROR(Ask(cancel));
    for (const auto& [id, entry] : entries) RETURN_IF_ERROR(use(id, entry));
    return true;
  }

 private:
  Status Ask(const CancelToken& cancel) {
    SendPage(connection_, key_, from_, last_, page_);
    asked_ = true;
    return connection_.Flush(cancel);
  }

  Connection& connection_;
  std::string key_;
  EntryId from_;
  EntryId last_;
  bool few_;
  std::size_t page_;
  bool asked_ = false;
  bool ended_ = false;
};

class StreamReader final : public BatchReader {
 public:
  StreamReader(Connection& connection, Layout layout, SourceRead request, EntryId from,
               EntryId last)
      : request_(std::move(request)),
        pages_(connection, layout.place.Key(), from, last, request_.limit),
        sink_(std::move(layout), request_) {}

  [[nodiscard]] const Schema& schema() const override { return sink_.schema(); }

  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    while (!sink_.full()) {
      RETURN_IF_ERROR(request_.cancel.Check());
      ASSIGN_OR_RETURN(const bool more,
                       pages_.Next(request_.cancel, [this](EntryId id, const Reply::Item& entry) {
                         return Take(id, entry);
                       }));
      if (!more) break;
    }
    return sink_.TakeBatch();
  }

 private:
  Status Take(EntryId id, const Reply::Item& entry) {
    constexpr std::uint64_t kUsPerMs = 1000;
    Fields fields = FieldsOf(entry);
    sink_.Start();
    sink_.Set(Role::kId, entry.first().text());
    if (const auto position = id.Position()) {
      sink_.Set(Role::kPosition, {.kind = Value::Kind::kInt, .integer = *position});
      sink_.Set(Role::kAt, {.kind = Value::Kind::kTime,
                            .integer = static_cast<std::int64_t>(id.ms * kUsPerMs)});
    } else {
      sink_.Spoil(Msg("the id {} is no time of 1970 to 2262 with a number under a million",
                      entry.first().text()));
    }
    sink_.SetFields(fields);
    return sink_.Finish();
  }

  SourceRead request_;
  Pages pages_;
  RowSink sink_;
};

}  // namespace

std::string EntryId::Text() const { return fmt::format("{}-{}", ms, number); }

EntryId EntryId::Following() const {
  if (number == std::numeric_limits<std::uint64_t>::max()) return {.ms = ms + 1, .number = 0};
  return {.ms = ms, .number = number + 1};
}

std::optional<std::int64_t> EntryId::Position() const {
  constexpr std::uint64_t kMaxMs =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / kPerMs - 1;
  if (number >= kPerMs || ms > kMaxMs) return std::nullopt;
  return static_cast<std::int64_t>(ms * kPerMs + number);
}

EntryId EntryId::AtPosition(std::int64_t position) {
  const auto whole = static_cast<std::uint64_t>(std::max<std::int64_t>(position, 0));
  return {.ms = whole / kPerMs, .number = whole % kPerMs};
}

std::optional<EntryId> ParseEntryId(std::string_view text) {
  EntryId id;
  const char* const end = text.data() + text.size();
  const auto [dash, error] = std::from_chars(text.data(), end, id.ms);
  if (error != std::errc() || dash == end || *dash != '-') return std::nullopt;
  const auto [rest, wrong] = std::from_chars(dash + 1, end, id.number);
  if (wrong != std::errc() || rest != end) return std::nullopt;
  return id;
}

Result<StreamState> StateOf(Connection& connection, const std::string& key,
                            const CancelToken& cancel) {
  auto answer = connection.Ask({"XINFO", "STREAM", key}, cancel);
  if (!answer) {
    const auto& said = answer.error().message.arguments;
    if (!said.empty() && said.front().contains("no such key"))
      return Fail(ErrorCode::kNotFound, "there is no stream '{}'", key);
    return std::unexpected(std::move(answer).error());
  }
  StreamState state;
  const Reply::Item all = (*answer)->root();
  if (all.size() == 0) return Fail(ErrorCode::kNotFound, "there is no stream '{}'", key);
  Reply::Item name = all.first();
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    const Reply::Item value = name.next();
    if (name.text() == "length") state.length = value.integer();
    if (name.text() == "entries-added") state.ever = value.integer();
    if (name.text() == "last-generated-id")
      state.last = ParseEntryId(value.text()).value_or(EntryId{});
    if (name.text() == "first-entry" && value.size() == 2)
      state.first = ParseEntryId(value.first().text());
    if (i + 3 < all.size()) name = value.next();
  }
  return state;
}

Result<Sample> SampleStream(Connection& connection, const std::string& key) {
  Sample sample;
  const std::string count = std::to_string(kFirstPage * 2);
  for (const bool newest : {false, true}) {
    ASSIGN_OR_RETURN(const Reply* const reply,
                     newest ? connection.Ask({"XREVRANGE", key, "+", "-", "COUNT", count})
                            : connection.Ask({"XRANGE", key, "-", "+", "COUNT", count}));
    const Reply::Item root = reply->root();
    if (root.size() == 0) break;
    Reply::Item entry = root.first();
    for (std::size_t i = 0; i < root.size(); ++i) {
      for (const auto& [name, value] : FieldsOf(entry)) sample.AddField(name, value);
      if (i + 1 < root.size()) entry = entry.next();
    }
  }
  return sample;
}

Result<std::unique_ptr<BatchReader>> ReadStream(Connection& connection, Layout layout,
                                                const SourceRead& request, EntryId from,
                                                EntryId last) {
  RETURN_IF_ERROR(connection.Settle(request.cancel));
  return std::make_unique<StreamReader>(connection, std::move(layout), request, from, last);
}

Result<std::int64_t> CountEntries(Connection& connection, const std::string& key, EntryId from,
                                  EntryId last, const CancelToken& cancel) {
  RETURN_IF_ERROR(connection.Settle(cancel));
  std::int64_t entries = 0;
  Pages pages(connection, key, from, last, 0);
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, pages.Next(cancel, [&](EntryId, const Reply::Item&) {
      ++entries;
      return Status{};
    }));
    if (!more) return entries;
  }
}

}  // namespace aimass::connectors::redis
