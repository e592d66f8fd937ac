#include "sources/connectors/elasticsearch/reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/excerpt.h"
#include "sources/connectors/elasticsearch/pages.h"
#include "sources/connectors/elasticsearch/request.h"
#include "table/json_rows.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::size_t kSampled = 500;  // hits, from each end
constexpr std::size_t kSampledBytes = std::size_t{4} << 20;
constexpr std::size_t kRawBytes = std::size_t{64} << 10;  // of a document in a rejected row
constexpr double kLargestExact = 0x1p53;

class Reader final : public BatchReader {
 public:
  Reader(Client& client, const Server& server, std::shared_ptr<Moment> moment, Layout layout,
         const Json& filter, const std::string& table, SourceRead request)
      : moment_(std::move(moment)),
        layout_(std::move(layout)),
        request_(std::move(request)),
        schema_(layout_.MakeSchema()),
        pages_(client, server, *moment_,
               {.filter = filter,
                .wanted = WantedOf(layout_),
                .table = table,
                .cancel = request_.cancel},
               layout_) {}

  [[nodiscard]] const Schema& schema() const override { return *schema_; }

  // A page is a batch.
  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    BatchBuilder builder(schema_);
    const std::int64_t before = given_;
    while (!ended_ && given_ == before && !Enough()) {
      std::size_t most = request_.batch_rows;
      if (request_.limit > 0)
        most = std::min(most, static_cast<std::size_t>(request_.limit - given_));
      ASSIGN_OR_RETURN(const bool any, pages_.Next(most, [&] { return TakeRow(builder); }));
      ended_ = !any;
    }
    if (given_ == before) return std::optional<Batch>();
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

 private:
  [[nodiscard]] bool Enough() const { return request_.limit > 0 && given_ >= request_.limit; }

  Status TakeRow(BatchBuilder& builder) {
    if (Enough()) return {};
    ++number_;
    if (number_ % 256 == 0) RETURN_IF_ERROR(request_.cancel.Check());
    const Row& row = pages_.row();
    if (row.spoiled()) return Reject(row, *row.spoiled());
    for (std::size_t i = 0; i < row.values().size(); ++i) Append(builder, i, row.values()[i]);
    ++given_;
    return {};
  }

  Status Reject(const Row& row, const Message& reason) {
    if (!request_.reject) {
      return std::unexpected(
          Error{.code = ErrorCode::kUnprocessable, .message = reason, .hint = {}});
    }
    std::string raw = "{\"_id\":";
    AppendJsonText(raw, row.id());
    raw += ",\"_source\":";
    if (row.document().size() <= kRawBytes) {
      raw += row.document().empty() ? std::string_view("null") : row.document();
    } else {
      AppendJsonText(raw, Excerpt(row.document(), kRawBytes));
    }
    return request_.reject({.number = number_, .reason = reason, .raw = raw + "}"});
  }

  std::shared_ptr<Moment> moment_;
  Layout layout_;
  SourceRead request_;
  std::shared_ptr<const Schema> schema_;
  Pages pages_;
  std::int64_t number_ = 0;
  std::int64_t given_ = 0;
  bool ended_ = false;
};

// What the server added up; none where the sum may not be exact.
std::optional<std::string> ExactSum(const Json& stats) {
  const Json& count = MemberOf(stats, "count");
  const Json& least = MemberOf(stats, "min");
  const Json& most = MemberOf(stats, "max");
  const Json& sum = MemberOf(stats, "sum");
  if (!count.is_number() || !sum.is_number()) return std::nullopt;
  if (count == 0) return std::string();
  if (!least.is_number() || !most.is_number()) return std::nullopt;
  const double largest = std::max(std::abs(least.get<double>()), std::abs(most.get<double>()));
  if (count.get<double>() * largest > kLargestExact) return std::nullopt;
  return fmt::format("{}", static_cast<std::int64_t>(sum.get<double>()));
}

}  // namespace

std::unique_ptr<BatchReader> ReadDocuments(Client& client, const Server& server,
                                           std::shared_ptr<Moment> moment, Layout layout,
                                           const Json& filter, const std::string& table,
                                           const SourceRead& request) {
  return std::make_unique<Reader>(client, server, std::move(moment), std::move(layout), filter,
                                  table, request);
}

Result<std::set<std::string>> SampleLists(Client& client, const Server& server, Moment& moment,
                                          const std::string& table, const CancelToken& cancel) {
  std::set<std::string> lists;
  for (const bool backwards : {false, true}) {
    Pages pages(client, server, moment,
                {.filter = {{"match_all", Json::object()}},
                 .wanted = WantedOf(moment.layout()),
                 .backwards = backwards,
                 .table = table,
                 .cancel = cancel},
                moment.layout());
    std::size_t seen = 0;
    const auto count = [&seen] {
      ++seen;
      return Status();
    };
    for (bool more = true; more && seen < kSampled && pages.bytes() < kSampledBytes;) {
      ASSIGN_OR_RETURN(more, pages.Next(kSampled - seen, count));
    }
    lists.insert(pages.row().lists().begin(), pages.row().lists().end());
  }
  return lists;
}

Result<SourceTotals> TotalsOf(Client& client, Moment& moment, const Layout& layout,
                              const Json& filter, const std::string& table,
                              const SourceRead& request) {
  Json body = {{"size", 0}, {"track_total_hits", true}, {"query", filter}, {"pit", moment.Pit()}};
  SourceTotals totals;
  Json sums = Json::object();
  for (const LayoutColumn& column : layout.columns) {
    const bool summed = column.wanted && column.field.form == Form::kWhole && column.field.exact;
    if (!summed || request.limit > 0) continue;
    sums[std::to_string(totals.sums.size())] = {{"stats", {{"field", column.path}}}};
    totals.sums.push_back({.column = column.info.name, .value = {}});
  }
  if (!sums.empty()) body["aggs"] = std::move(sums);
  ASSIGN_OR_RETURN(const Json answer,
                   client.Ask("POST", "/_search?allow_partial_search_results=false", body, table,
                              request.cancel));
  RETURN_IF_ERROR(CheckWhole(answer));
  if (const Json& pit = MemberOf(answer, "pit_id"); pit.is_string())
    moment.Renamed(pit.get_ref<const std::string&>());
  const Json& total = MemberOf(MemberOf(answer, "hits"), "total");
  const Json& rows = MemberOf(total, "value");
  if (!rows.is_number_integer() || MemberOf(total, "relation") != "eq")
    return Fail(ErrorCode::kUnavailable, "the database counted nothing");
  totals.rows = rows.get<std::int64_t>();
  if (request.limit > 0) totals.rows = std::min(totals.rows, request.limit);
  std::vector<SourceTotals::Sum> exact;
  for (std::size_t i = 0; i < totals.sums.size(); ++i) {
    const Json& stats = MemberOf(MemberOf(answer, "aggregations"), std::to_string(i));
    if (auto sum = ExactSum(stats)) {
      exact.push_back({.column = totals.sums[i].column, .value = std::move(*sum)});
    }
  }
  totals.sums = std::move(exact);
  return totals;
}

}  // namespace aimass::connectors::elasticsearch
