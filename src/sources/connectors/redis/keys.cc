#include "sources/connectors/redis/keys.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "base/percent.h"
#include "sources/fields.h"

namespace aimass::connectors::redis {
namespace {

using aimass::redis::Connection;
using aimass::redis::Reply;

constexpr std::string_view kPage = "1000";  // elements of a key at a time
constexpr std::int64_t kPageSize = 1000;
constexpr std::int64_t kSampledKeys = 2000;
constexpr std::size_t kSampledBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxRowBytes = std::size_t{32} << 20;
constexpr std::size_t kMinWindow = 4;
constexpr std::size_t kMaxWindow = 256;                     // keys asked for ahead
constexpr std::size_t kWindowBytes = std::size_t{8} << 20;  // of their answers, about
constexpr std::size_t kFirstGuessBytes = std::size_t{1} << 20;
constexpr std::size_t kManyLargeKeys = 64;

// Asks for the first elements of a key. What is small comes whole, at one moment.
void SendFirst(Connection& connection, const Layout& layout, std::string_view key) {
  switch (layout.place.shape) {
    case Shape::kString:
      connection.Send({"GET", key});
      if (std::ranges::any_of(layout.columns,
                              [](const auto& column) { return column.role == Role::kExpires; }))
        connection.Send({"PEXPIRETIME", key});
      return;
    case Shape::kHash:
    case Shape::kFields:
      return connection.Send({"HSCAN", key, "0", "COUNT", kPage});
    case Shape::kList:
      return connection.Send({"LRANGE", key, "0", "999"});
    case Shape::kSet:
      return connection.Send({"SSCAN", key, "0", "COUNT", kPage});
    case Shape::kZset:
      return connection.Send({"ZSCAN", key, "0", "COUNT", kPage});
    case Shape::kStream:
      return;
  }
}

std::string_view ScanWord(Shape shape) {
  if (shape == Shape::kSet) return "SSCAN";
  return shape == Shape::kZset ? "ZSCAN" : "HSCAN";
}

std::string_view CountWord(Shape shape) {
  switch (shape) {
    case Shape::kList:
      return "LLEN";
    case Shape::kSet:
      return "SCARD";
    case Shape::kZset:
      return "ZCARD";
    default:
      return "HLEN";
  }
}

bool IsScanned(Shape shape) {
  return shape == Shape::kHash || shape == Shape::kFields || shape == Shape::kSet ||
         shape == Shape::kZset;
}

bool OfAnotherType(const Reply::Item& item) {
  return item.kind() == Reply::Kind::kError && item.text().starts_with("WRONGTYPE");
}

// The elements that an answer holds, one or two texts each: of HSCAN and its like behind a cursor.
struct Page {
  bool last = true;
  std::string_view cursor;
  Reply::Item elements;
};
Page PageOf(Shape shape, const Reply::Item& root) {
  if (!IsScanned(shape) || root.size() != 2) return {.last = true, .cursor = {}, .elements = root};
  const Reply::Item cursor = root.first();
  return {.last = cursor.text() == "0", .cursor = cursor.text(), .elements = cursor.next()};
}

// Whether keys of other types are rows that are rejected, or none.
bool OthersAreRejected(const Place& place) { return !place.typed || !place.Key().empty(); }

class KeyReader final : public BatchReader {
 public:
  KeyReader(Connection& connection, Layout layout, SourceRead request,
            std::function<Status()> listen)
      : connection_(connection),
        request_(std::move(request)),
        sink_(std::move(layout), request_),
        shape_(sink_.layout().place.shape),
        listen_(std::move(listen)) {}

  Status FindKeys() {
    RETURN_IF_ERROR(connection_.Settle(request_.cancel));
    return EachKey(connection_, sink_.layout().place, request_.cancel,
                   [&](std::string_view key) -> Result<bool> {
                     if (keys_.added() % kPageSize == 0) RETURN_IF_ERROR(listen_());
                     RETURN_IF_ERROR(keys_.Add(key));
                     // What is small in number is looked at, not collected: a few more than asked
                     // for, as some may have gone by then.
                     return request_.limit == 0 || keys_.added() < request_.limit + kPageSize;
                   });
  }

  [[nodiscard]] const Schema& schema() const override { return sink_.schema(); }

  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    RETURN_IF_ERROR(request_.cancel.Check());
    RETURN_IF_ERROR(listen_());
    while (!sink_.full()) {
      ASSIGN_OR_RETURN(const bool more, Step());
      if (!more) break;
    }
    return sink_.TakeBatch();
  }

 private:
  // Takes one answer further; false at the end.
  Result<bool> Step() {
    if (open_) return Continue();
    RETURN_IF_ERROR(TopUp());
    if (!in_flight_.empty()) {
      const std::string key = std::move(in_flight_.front());
      in_flight_.pop_front();
      RETURN_IF_ERROR(TakeFirst(key));
      return true;
    }
    if (large_.empty()) return false;
    const std::string key = std::move(large_.front());
    large_.pop_front();
    RETURN_IF_ERROR(Open(key));
    return true;
  }

  // Keeps so many questions on their way that neither side waits for the other, and so few that
  // their answers take little memory on both.
  Status TopUp() {
    const std::size_t window =
        std::clamp(kWindowBytes / (usual_bytes_ + 1), kMinWindow, kMaxWindow);
    if (in_flight_.size() > window / 2) return {};
    while (in_flight_.size() < window && large_.size() < kManyLargeKeys) {
      ASSIGN_OR_RETURN(const bool found, keys_.Next());
      if (!found) break;
      in_flight_.emplace_back(keys_.id());
      SendFirst(connection_, sink_.layout(), keys_.id());
    }
    return connection_.Flush(request_.cancel);
  }

  Status TakeFirst(const std::string& key) {
    ASSIGN_OR_RETURN(const Reply* const reply, connection_.Receive(request_.cancel));
    usual_bytes_ = (usual_bytes_ * 7 + reply->bytes()) / 8;
    const Reply::Item root = reply->root();
    if (shape_ == Shape::kString) return TakeString(key, root);
    if (root.kind() == Reply::Kind::kError) return Refused(key, root);
    const Page page = PageOf(shape_, root);
    const bool whole =
        shape_ == Shape::kList ? static_cast<std::int64_t>(root.size()) < kPageSize : page.last;
    if (!whole) {
      large_.push_back(key);
      return {};
    }
    if (page.elements.size() == 0) return {};  // it has gone since SCAN
    if (shape_ == Shape::kHash) return HashRow(key, page.elements);
    return Elements(key, page.elements, 0);
  }

  Status TakeString(const std::string& key, const Reply::Item& root) {
    if (root.kind() == Reply::Kind::kError) {
      const Status refused = Refused(key, root);
      if (HasExpiry()) RETURN_IF_ERROR(connection_.Receive(request_.cancel));
      return refused;
    }
    const bool gone = root.kind() == Reply::Kind::kNil;
    const std::string value(root.text());
    sink_.Start();
    if (HasExpiry()) {
      ASSIGN_OR_RETURN(const Reply* const ends, connection_.Receive(request_.cancel));
      if (ends->root().kind() == Reply::Kind::kError)
        return connection_.FailureOf(ends->root().text());
      constexpr std::int64_t kLastMs = 253'402'300'799'999;  // of the year 9999
      const std::int64_t ms = ends->root().integer();
      if (ms >= 0 && ms <= kLastMs)
        sink_.Set(Role::kExpires, {.kind = Value::Kind::kTime, .integer = ms * 1000});
    }
    if (gone) return {};
    sink_.Set(Role::kKey, key);
    sink_.Set(Role::kValue, value);
    return sink_.Finish();
  }

  [[nodiscard]] bool HasExpiry() const {
    return std::ranges::any_of(sink_.layout().columns,
                               [](const auto& column) { return column.role == Role::kExpires; });
  }

  // What the server does not give: of a key that holds something else, a row that is none.
  Status Refused(const std::string& key, const Reply::Item& error) {
    if (!OfAnotherType(error)) return connection_.FailureOf(error.text());
    if (!OthersAreRejected(sink_.layout().place)) return {};
    sink_.Start();
    sink_.Set(Role::kKey, key);
    sink_.Spoil(Msg("the key holds something else than a {}", TypeWord(shape_)));
    return sink_.Finish();
  }

  Status HashRow(const std::string& key, const Reply::Item& elements) {
    fields_.clear();
    Reply::Item item = elements.first();
    for (std::size_t i = 0; i + 1 < elements.size(); i += 2) {
      const Reply::Item value = item.next();
      fields_.emplace_back(item.text(), value.text());
      item = value.next();
    }
    sink_.Start();
    sink_.Set(Role::kKey, key);
    sink_.SetFields(fields_);
    return sink_.Finish();
  }

  // The rows of a key's elements; `index` of a list's first.
  Status Elements(const std::string& key, const Reply::Item& elements, std::int64_t index) {
    const bool pairs = shape_ == Shape::kFields || shape_ == Shape::kZset;
    Reply::Item item = elements.first();
    for (std::size_t i = 0; i + (pairs ? 1 : 0) < elements.size(); i += pairs ? 2 : 1) {
      const std::string_view text = item.text();
      std::string_view second;
      item = item.next();
      if (pairs) {
        second = item.text();
        item = item.next();
      }
      RETURN_IF_ERROR(Element(key, text, second, index++));
    }
    return {};
  }

  Status Element(std::string_view key, std::string_view text, std::string_view second,
                 std::int64_t index) {
    sink_.Start();
    sink_.Set(Role::kKey, key);
    switch (shape_) {
      case Shape::kFields:
        sink_.Set(Role::kField, text);
        sink_.Set(Role::kValue, second);
        break;
      case Shape::kList:
        sink_.Set(Role::kIndex, {.kind = Value::Kind::kInt, .integer = index});
        sink_.Set(Role::kValue, text);
        break;
      case Shape::kZset: {
        double score = 0;
        const auto [end, error] =
            std::from_chars(second.data(), second.data() + second.size(), score);
        if (error != std::errc() || end != second.data() + second.size())
          sink_.Spoil(Msg("column '{}': '{}' is no {}", "score", second, "double"));
        sink_.Set(Role::kMember, text);
        sink_.Set(Role::kScore, {.kind = Value::Kind::kDouble, .number = score});
        break;
      }
      default:
        sink_.Set(Role::kMember, text);
    }
    return sink_.Finish();
  }

  // A key with more than one page of elements, on its own.
  Status Open(const std::string& key) {
    if (shape_ == Shape::kHash) return LargeHash(key);
    open_.emplace();
    open_->key = key;
    if (shape_ == Shape::kList) return {};
    return EachPage(key, [&](const Reply::Item& elements) -> Result<bool> {
      const bool pairs = shape_ != Shape::kSet;
      Reply::Item item = elements.first();
      for (std::size_t i = 0; i + (pairs ? 1 : 0) < elements.size(); i += pairs ? 2 : 1) {
        const std::string_view name = item.text();
        item = item.next();
        RETURN_IF_ERROR(open_->elements.Add(name, pairs ? item.text() : std::string_view()));
        if (pairs) item = item.next();
      }
      return true;
    });
  }

  // The cursor's pages, until the end or until `use` has enough.
  Status EachPage(const std::string& key,
                  const std::function<Result<bool>(const Reply::Item&)>& use) {
    for (std::string cursor = "0";;) {
      ASSIGN_OR_RETURN(
          const Reply* const reply,
          connection_.Ask({ScanWord(shape_), key, cursor, "COUNT", kPage}, request_.cancel));
      const Page page = PageOf(shape_, reply->root());
      const bool last = page.last;
      cursor = page.cursor;
      if (page.elements.size() > 0) {
        ASSIGN_OR_RETURN(const bool more, use(page.elements));
        if (!more) return {};
      }
      RETURN_IF_ERROR(listen_());
      if (last) return {};
    }
  }

  Status LargeHash(const std::string& key) {
    std::map<std::string, std::string> all;  // HSCAN may name a field twice
    std::size_t bytes = 0;
    RETURN_IF_ERROR(EachPage(key, [&](const Reply::Item& elements) -> Result<bool> {
      Reply::Item item = elements.first();
      for (std::size_t i = 0; i + 1 < elements.size(); i += 2) {
        const Reply::Item value = item.next();
        bytes += item.text().size() + value.text().size();
        all[std::string(item.text())] = value.text();
        item = value.next();
      }
      return bytes <= kMaxRowBytes;
    }));
    if (all.empty()) return {};
    sink_.Start();
    sink_.Set(Role::kKey, key);
    if (bytes > kMaxRowBytes) {
      sink_.Spoil(
          Msg("the hash is larger than {} MiB: too large for a row; as '{}' each of its "
              "fields is one",
              kMaxRowBytes >> 20, NameOf(Shape::kFields, Escaped(key))));
      return sink_.Finish();
    }
    fields_.clear();
    for (const auto& [name, value] : all) fields_.emplace_back(name, value);
    sink_.SetFields(fields_);
    return sink_.Finish();
  }

  // The next rows of the key that is open.
  Result<bool> Continue() {
    if (shape_ == Shape::kList) {
      const std::string first = std::to_string(open_->index);
      const std::string last = std::to_string(open_->index + kPageSize - 1);
      ASSIGN_OR_RETURN(const Reply* const reply,
                       connection_.Ask({"LRANGE", open_->key, first, last}, request_.cancel));
      const auto size = static_cast<std::int64_t>(reply->root().size());
      if (size > 0) RETURN_IF_ERROR(Elements(open_->key, reply->root(), open_->index));
      open_->index += size;
      if (size < kPageSize) open_.reset();
      return true;
    }
    for (std::int64_t i = 0; i < kPageSize; ++i) {
      ASSIGN_OR_RETURN(const bool found, open_->elements.Next());
      if (!found) {
        open_.reset();
        return true;
      }
      RETURN_IF_ERROR(Element(open_->key, open_->elements.id(), open_->elements.more(), 0));
    }
    return true;
  }

  struct OpenKey {
    std::string key;
    std::int64_t index = 0;  // of a list's next element
    Spool elements;          // of the others
  };

  Connection& connection_;
  SourceRead request_;
  RowSink sink_;
  Shape shape_;
  std::function<Status()> listen_;
  Spool keys_;
  std::deque<std::string> in_flight_;  // asked for
  std::deque<std::string> large_;      // to be asked for on their own
  std::optional<OpenKey> open_;
  std::size_t usual_bytes_ = kFirstGuessBytes;  // of an answer
  Fields fields_;
};

void AddToSample(Sample& sample, Shape shape, const Reply::Item& root) {
  if (shape == Shape::kString) {
    if (!IsUtf8(root.text())) sample.binary_value = true;
    return;
  }
  const Page page = PageOf(shape, root);
  if (page.elements.size() == 0) return;
  const bool pairs = shape == Shape::kHash || shape == Shape::kFields || shape == Shape::kZset;
  Reply::Item item = page.elements.first();
  for (std::size_t i = 0; i + (pairs ? 1 : 0) < page.elements.size(); i += pairs ? 2 : 1) {
    const std::string_view name = item.text();
    item = item.next();
    const std::string_view value = pairs ? item.text() : name;
    if (pairs) item = item.next();
    if (shape == Shape::kHash) {
      sample.AddField(name, value);
      continue;
    }
    if (!IsUtf8(name)) sample.binary_name = true;
    if (!IsUtf8(value)) sample.binary_value = true;
  }
}

}  // namespace

Status EachKey(Connection& connection, const Place& place, const CancelToken& cancel,
               const std::function<Result<bool>(std::string_view)>& use) {
  if (const std::string key = place.Key(); !key.empty()) {
    ASSIGN_OR_RETURN(const Reply* const there, connection.Ask({"EXISTS", key}, cancel));
    if (there->root().integer() == 0) return {};
    ASSIGN_OR_RETURN([[maybe_unused]] const bool more, use(key));
    return {};
  }
  for (std::string cursor = "0";;) {
    std::vector<std::string_view> words = {"SCAN", cursor, "MATCH", place.pattern, "COUNT", kPage};
    if (place.typed && connection.AtLeast(6, 0)) {
      words.emplace_back("TYPE");
      words.emplace_back(TypeWord(place.shape));
    }
    ASSIGN_OR_RETURN(const Reply* const reply, connection.Ask(words, cancel));
    if (reply->root().size() != 2)
      return Fail(ErrorCode::kUnavailable, "what the database sent is no answer to SCAN");
    const Reply::Item next = reply->root().first();
    const Reply::Item keys = next.next();
    if (keys.size() > 0) {
      Reply::Item key = keys.first();
      for (std::size_t i = 0; i < keys.size(); ++i) {
        ASSIGN_OR_RETURN(const bool more, use(key.text()));
        if (!more) return {};
        if (i + 1 < keys.size()) key = key.next();
      }
    }
    cursor = next.text();
    if (cursor == "0") return {};
  }
}

Result<Sample> SampleKeys(Connection& connection, const Place& place) {
  Spool keys;
  RETURN_IF_ERROR(EachKey(connection, place, {}, [&](std::string_view key) -> Result<bool> {
    RETURN_IF_ERROR(keys.Add(key));
    return keys.added() < kSampledKeys;
  }));
  Sample sample;
  const Layout layout = LayoutOf(place, sample, false);
  std::size_t bytes = 0;
  for (bool more = true; more && bytes < kSampledBytes;) {
    std::size_t sent = 0;
    for (; sent < kMinWindow * 4; ++sent) {
      ASSIGN_OR_RETURN(more, keys.Next());
      if (!more) break;
      SendFirst(connection, layout, keys.id());
    }
    RETURN_IF_ERROR(connection.Flush({}));
    for (; sent > 0; --sent) {
      ASSIGN_OR_RETURN(const Reply* const reply, connection.Receive({}));
      bytes += reply->bytes();
      if (OfAnotherType(reply->root())) continue;
      if (reply->root().kind() == Reply::Kind::kError)
        return connection.FailureOf(reply->root().text());
      ++sample.keys;
      AddToSample(sample, place.shape, reply->root());
    }
  }
  return sample;
}

Result<std::int64_t> CountRows(Connection& connection, const Place& place,
                               const CancelToken& cancel) {
  RETURN_IF_ERROR(connection.Settle(cancel));
  Spool keys;
  RETURN_IF_ERROR(EachKey(connection, place, cancel, [&](std::string_view key) -> Result<bool> {
    RETURN_IF_ERROR(keys.Add(key));
    return true;
  }));
  const bool one_each = place.shape == Shape::kString || place.shape == Shape::kHash;
  // Where SCAN did not ask for the type, keys of others are among them.
  const bool by_type = one_each && (OthersAreRejected(place) || connection.AtLeast(6, 0));
  std::int64_t rows = 0;
  for (bool more = true; more;) {
    std::size_t sent = 0;
    for (; sent < kMaxWindow; ++sent) {
      ASSIGN_OR_RETURN(more, keys.Next());
      if (!more) break;
      if (by_type) {
        ++rows;
      } else if (one_each) {
        connection.Send({"TYPE", keys.id()});
      } else {
        connection.Send({CountWord(place.shape), keys.id()});
      }
    }
    if (by_type) continue;
    RETURN_IF_ERROR(connection.Flush(cancel));
    for (; sent > 0; --sent) {
      ASSIGN_OR_RETURN(const Reply* const reply, connection.Receive(cancel));
      const Reply::Item root = reply->root();
      if (OfAnotherType(root)) {
        rows += OthersAreRejected(place) ? 1 : 0;
      } else if (root.kind() == Reply::Kind::kError) {
        return connection.FailureOf(root.text());
      } else {
        rows += one_each ? (root.text() == TypeWord(place.shape) ? 1 : 0) : root.integer();
      }
    }
  }
  return rows;
}

Result<std::unique_ptr<BatchReader>> ReadKeys(Connection& connection, Layout layout,
                                              const SourceRead& request,
                                              std::function<Status()> listen) {
  auto reader =
      std::make_unique<KeyReader>(connection, std::move(layout), request, std::move(listen));
  RETURN_IF_ERROR(reader->FindKeys());
  return reader;
}

}  // namespace aimass::connectors::redis
