#include "api/http/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/clock.h"
#include "base/message.h"
#include "base/version.h"

namespace aimass::http {

void Metrics::Observe(std::string_view method, std::string_view pattern, int status,
                      double seconds) {
  routes_.With([&](auto& routes) {
    Route& route = routes[fmt::format("method=\"{}\",route=\"{}\"", method, pattern)];
    ++route.by_status[status];
    const auto bound = std::ranges::lower_bound(kBounds, seconds);
    ++route.buckets[static_cast<std::size_t>(bound - kBounds.begin())];
    route.seconds += seconds;
  });
}

void Metrics::Add(std::string name, std::string type, std::string help, std::string labels,
                  std::function<double()> read) {
  values_.With([&](auto& values) {
    values.push_back(
        {std::move(name), std::move(type), std::move(help), std::move(labels), std::move(read)});
    // The series of one name must stand together.
    std::ranges::stable_sort(values, {}, &Value::name);
  });
}

std::string Metrics::Escape(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Metrics::Render() const {
  std::string out;
  auto to = std::back_inserter(out);
  routes_.With([&](const auto& routes) {
    out +=
        "# HELP aimass_http_requests_total Requests answered, by route and status.\n"
        "# TYPE aimass_http_requests_total counter\n";
    for (const auto& [labels, route] : routes) {
      for (const auto& [status, count] : route.by_status) {
        fmt::format_to(to, "aimass_http_requests_total{{{},status=\"{}\"}} {}\n", labels, status,
                       count);
      }
    }
    out +=
        "# HELP aimass_http_request_duration_seconds From the end of the head to the end of the "
        "answer.\n"
        "# TYPE aimass_http_request_duration_seconds histogram\n";
    for (const auto& [labels, route] : routes) {
      std::uint64_t so_far = 0;
      for (std::size_t i = 0; i < kBounds.size(); ++i) {
        so_far += route.buckets[i];
        fmt::format_to(to, "aimass_http_request_duration_seconds_bucket{{{},le=\"{}\"}} {}\n",
                       labels, kBounds[i], so_far);
      }
      so_far += route.buckets.back();
      fmt::format_to(to,
                     "aimass_http_request_duration_seconds_bucket{{{0},le=\"+Inf\"}} {1}\n"
                     "aimass_http_request_duration_seconds_sum{{{0}}} {2}\n"
                     "aimass_http_request_duration_seconds_count{{{0}}} {1}\n",
                     labels, so_far, route.seconds);
    }
  });
  values_.With([&](const auto& values) {
    std::string_view last;
    for (const Value& value : values) {
      if (value.name != last) {
        fmt::format_to(to, "# HELP {0} {1}\n# TYPE {0} {2}\n", value.name, value.help, value.type);
        last = value.name;
      }
      if (value.labels.empty()) {
        fmt::format_to(to, "{} {}\n", value.name, value.read());
      } else {
        fmt::format_to(to, "{}{{{}}} {}\n", value.name, value.labels, value.read());
      }
    }
  });
  return out;
}

void AddProcessMetrics(Metrics& metrics) {
  metrics.Add("aimass_build_info", "gauge", "Always 1; the labels say which build runs.",
              fmt::format("version=\"{}\",commit=\"{}\"", Version(), BuildCommit()),
              [] { return 1.0; });
  metrics.Add("process_resident_memory_bytes", "gauge", "Resident memory of the server.", "", [] {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    statm >> pages >> resident;
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
  });
  metrics.Add("process_cpu_seconds_total", "counter", "User and system time of the server.", "",
              [] {
                rusage usage{};
                getrusage(RUSAGE_SELF, &usage);
                const auto seconds = [](const timeval& t) {
                  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
                };
                return seconds(usage.ru_utime) + seconds(usage.ru_stime);
              });
  metrics.Add("process_open_fds", "gauge", "Open file descriptors of the server.", "", [] {
    std::error_code ignored;
    std::filesystem::directory_iterator folder("/proc/self/fd", ignored);
    return static_cast<double>(std::distance(folder, std::filesystem::directory_iterator()));
  });
  const double started_s = static_cast<double>(NowUnixMs()) / 1000.0;
  metrics.Add("process_start_time_seconds", "gauge", "When the server started, Unix time.", "",
              [started_s] { return started_s; });
}

}  // namespace aimass::http
