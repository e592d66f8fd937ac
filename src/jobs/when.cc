#include "jobs/when.h"

#include "base/clock.h"

namespace aimass {
namespace {

constexpr std::string_view kEvery = "every ";
constexpr std::string_view kAfter = "after:";
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::int64_t kLeastMs = 1'000;
constexpr std::int64_t kGreatestMs = std::int64_t{366} * 86'400'000;

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

std::optional<std::int64_t> When::NextAfter(std::int64_t utc_ms, std::int64_t anchor_ms,
                                            const Zone& zone) const {
  if (cron) return cron->NextAfter(utc_ms, zone);
  if (interval_ms == 0) return std::nullopt;
  const std::int64_t since = utc_ms - anchor_ms;
  std::int64_t count = since / interval_ms;
  if (since % interval_ms < 0) --count;  // the clock was set back to before the beginning
  return anchor_ms + (count + 1) * interval_ms;
}

Result<When> ParseWhen(std::string_view text) {
  text = Trim(text);
  When when{.text = std::string(text), .cron = {}, .after = {}};
  if (text.starts_with(kAfter)) {
    when.after = Trim(text.substr(kAfter.size()));
    if (!when.after.empty()) return when;
    return Fail(ErrorCode::kUnprocessable,
                "schedule '{}': expected the name of a dataset, as in 'after:orders'", text);
  }
  if (text.starts_with(kEvery)) {
    const auto interval = ParseDurationMs(Trim(text.substr(kEvery.size())));
    if (interval && *interval >= kLeastMs && *interval <= kGreatestMs) {
      when.interval_ms = *interval;
      return when;
    }
    return Fail(ErrorCode::kUnprocessable,
                "schedule '{}': expected a time from 1s to 366d, as in 'every 15m'", text);
  }
  auto cron = Cron::Parse(text);
  if (!cron) {
    Error error = std::move(cron).error();
    if (text.find_first_of("*0123456789@") == std::string_view::npos) {
      return WithHint(Fail(ErrorCode::kUnprocessable,
                           "'{}' is no schedule: expected cron, 'every' and a time, or 'after:' "
                           "and a dataset",
                           text),
                      Msg("for example '*/5 * * * *', 'every 15m' or 'after:orders'"));
    }
    return std::unexpected(std::move(error));
  }
  when.cron = *cron;
  return when;
}

std::string_view CatchUpName(CatchUp policy) {
  switch (policy) {
    case CatchUp::kLatest:
      return "latest";
    case CatchUp::kAll:
      return "all";
    case CatchUp::kSkip:
      return "skip";
  }
  return "latest";
}

Result<CatchUp> CatchUpFromName(std::string_view name) {
  for (const CatchUp policy : {CatchUp::kLatest, CatchUp::kAll, CatchUp::kSkip}) {
    if (name == CatchUpName(policy)) return policy;
  }
  return Fail(ErrorCode::kUnprocessable, "'{}' must be one of {}, found '{}'", "catch_up",
              "latest all skip", name);
}

}  // namespace aimass
