#include "base/zone.h"

#include <unicode/basictz.h>
#include <unicode/strenum.h>
#include <unicode/timezone.h>
#include <unicode/tztrans.h>

#include <vector>

#include "base/json.h"

namespace aimass {
namespace {

std::vector<std::string> KnownNames() {
  std::vector<std::string> names{"UTC"};
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::StringEnumeration> all(
      icu::TimeZone::createTimeZoneIDEnumeration(UCAL_ZONE_TYPE_ANY, nullptr, nullptr, status));
  if (U_FAILURE(status) != 0 || all == nullptr) return names;
  while (const char* name = all->next(nullptr, status)) {
    if (U_FAILURE(status) != 0) break;
    const std::string_view text(name);
    if (text.find('/') != std::string_view::npos && !text.starts_with("SystemV/"))
      names.emplace_back(text);
  }
  return names;
}

}  // namespace

struct Zone::Rules {
  std::string name;
  std::unique_ptr<icu::BasicTimeZone> zone;
};

Result<Zone> Zone::Find(std::string_view name) {
  const std::vector<std::string> names = KnownNames();
  for (const std::string& known : names) {
    if (known != name) continue;
    std::unique_ptr<icu::TimeZone> zone(
        icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(known)));
    auto* const basic = dynamic_cast<icu::BasicTimeZone*>(zone.get());
    if (basic == nullptr) break;
    static_cast<void>(zone.release());
    return Zone(std::make_shared<const Rules>(
        Rules{.name = known, .zone = std::unique_ptr<icu::BasicTimeZone>(basic)}));
  }
  auto failure = Fail(ErrorCode::kUnprocessable,
                      "a time zone is a name such as Asia/Shanghai or UTC, found '{}'", name);
  const std::vector<std::string_view> views(names.begin(), names.end());
  if (const std::string nearest = Nearest(name, views); !nearest.empty())
    return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
  return failure;
}

std::string Zone::OfMachine() {
  const std::unique_ptr<icu::TimeZone> zone(icu::TimeZone::detectHostTimeZone());
  if (zone == nullptr) return "UTC";
  icu::UnicodeString id;
  zone->getID(id);
  std::string name;
  id.toUTF8String(name);
  return Find(name) ? name : "UTC";
}

const std::string& Zone::name() const { return rules_->name; }

std::int64_t Zone::ToWall(std::int64_t utc_ms) const {
  UErrorCode status = U_ZERO_ERROR;
  std::int32_t raw = 0;
  std::int32_t saving = 0;
  rules_->zone->getOffset(static_cast<UDate>(utc_ms), 0, raw, saving, status);
  return utc_ms + raw + saving;
}

std::int64_t Zone::FromWall(std::int64_t wall_ms) const {
  UErrorCode status = U_ZERO_ERROR;
  std::int32_t raw = 0;
  std::int32_t saving = 0;
  rules_->zone->getOffsetFromLocal(static_cast<UDate>(wall_ms), UCAL_TZ_LOCAL_FORMER,
                                   UCAL_TZ_LOCAL_FORMER, raw, saving, status);
  const std::int64_t utc_ms = wall_ms - raw - saving;
  if (ToWall(utc_ms) == wall_ms) return utc_ms;
  // In a gap the offset from before it leads behind it: back to where the gap was.
  icu::TimeZoneTransition transition;
  const bool found = rules_->zone->getPreviousTransition(static_cast<UDate>(utc_ms), 1, transition);
  return found ? static_cast<std::int64_t>(transition.getTime()) : utc_ms;
}

}  // namespace aimass
