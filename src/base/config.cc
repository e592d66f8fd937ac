#include "base/config.h"

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/json.h"

namespace aimass {
namespace {

constexpr std::array kFields{
    Field{.name = "data", .label = {"Data folder", "数据文件夹"}, .default_value = "~/.aimass"},
    Field{.name = "listen",
          .label = {"Address and port", "监听地址和端口"},
          .default_value = "127.0.0.1:8080"},
    Field{.name = "store.url",
          .label = {"Metadata database; empty: SQLite in the data folder",
                    "元数据库；留空则为数据文件夹中的 SQLite"},
          .kind = FieldKind::kSecret},
    Field{.name = "time_zone",
          .label = {"Time zone of a workspace that is made, as Asia/Shanghai; empty: the machine's",
                    "新建工作区的时区，例如 Asia/Shanghai；留空则为本机时区"}},
    Field{.name = "log.level",
          .label = {"Least level that is logged", "记录的最低日志级别"},
          .kind = FieldKind::kChoice,
          .default_value = "info",
          .choices = "debug info warning error"},
    Field{.name = "log.file",
          .label = {"Log file; empty: standard error", "日志文件；留空则为标准错误输出"}},
    Field{.name = "http.threads",
          .label = {"I/O threads", "网络线程数"},
          .kind = FieldKind::kInteger,
          .default_value = "2",
          .min = 1,
          .max = 256},
    Field{.name = "http.max_connections",
          .label = {"Open connections at most", "最大连接数"},
          .kind = FieldKind::kInteger,
          .default_value = "4096",
          .min = 1,
          .max = 1e6},
    Field{.name = "http.idle_s",
          .label = {"Seconds a connection may be idle", "连接空闲上限（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "75",
          .min = 1,
          .max = 86400},
    Field{.name = "http.request_s",
          .label = {"Seconds for the head of a request, and for each KB of its body",
                    "接收请求头、以及请求体每 KB 的时限（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "10",
          .min = 1,
          .max = 3600},
    Field{.name = "http.drain_s",
          .label = {"Seconds for running requests at shutdown", "停机时等待请求完成的时限（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "10",
          .min = 0,
          .max = 3600},
    Field{.name = "http.cors_origins",
          .label = {"Web origins that may call, separated by spaces",
                    "允许跨域调用的来源，以空格分隔"}},
    Field{.name = "pools.io_threads",
          .label = {"Threads for files and metadata", "文件与元数据线程数"},
          .kind = FieldKind::kInteger,
          .default_value = "8",
          .min = 1,
          .max = 256},
    Field{.name = "pools.sql_threads",
          .label = {"Queries at once", "同时执行的查询数"},
          .kind = FieldKind::kInteger,
          .default_value = "4",
          .min = 1,
          .max = 256},
    Field{.name = "pools.sources_threads",
          .label = {"Questions to sources at once", "同时向数据源发出的询问数"},
          .kind = FieldKind::kInteger,
          .default_value = "4",
          .min = 1,
          .max = 256},
    Field{.name = "pools.infer_threads",
          .label = {"Threads for predictions of many rows", "批量预测线程数"},
          .kind = FieldKind::kInteger,
          .default_value = "2",
          .min = 1,
          .max = 256},
    Field{.name = "pools.max_queued",
          .label = {"Waiting requests per pool, then 429", "每个线程池的排队上限，超过返回 429"},
          .kind = FieldKind::kInteger,
          .default_value = "256",
          .min = 1,
          .max = 1e6},
    Field{.name = "sql.memory_mb",
          .label = {"Memory of one query, MB", "单个查询的内存上限（MB）"},
          .kind = FieldKind::kInteger,
          .default_value = "1024",
          .min = 32,
          .max = 1e7},
    Field{.name = "sql.time_s",
          .label = {"Seconds of one query", "单个查询的时限（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "60",
          .min = 1,
          .max = 86400},
    Field{.name = "jobs.max_running",
          .label = {"Jobs at once", "同时运行的任务数"},
          .kind = FieldKind::kInteger,
          .default_value = "2",
          .min = 1,
          .max = 1024},
    Field{.name = "import.private_addresses",
          .label = {"Who may import from addresses of this machine and of private networks",
                    "谁可以从本机和内网地址导入"},
          .kind = FieldKind::kChoice,
          .default_value = "admin",
          .choices = "admin everyone nobody"},
    Field{.name = "jobs.memory_mb",
          .label = {"Memory of one job, MB", "单个任务的内存上限（MB）"},
          .kind = FieldKind::kInteger,
          .default_value = "4096",
          .min = 128,
          .max = 1e7},
    Field{.name = "jobs.threads",
          .label = {"Threads of one job", "单个任务的线程数"},
          .kind = FieldKind::kInteger,
          .default_value = "2",
          .min = 1,
          .max = 1024},
};

const Field* FindField(std::string_view name) {
  for (const Field& field : kFields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

/// `http: {threads: 4}` → "http.threads" = "4". An alias may stand inside of what it names, and
/// what is deeper than any setting is none: so this ends.
Status Flatten(const YAML::Node& node, const std::string& prefix, const std::string& file,
               std::map<std::string, std::string>* out) {
  for (const auto& entry : node) {
    std::string name = prefix.empty() ? entry.first.as<std::string>()
                                      : prefix + "." + entry.first.as<std::string>();
    const bool section = entry.second.IsMap() && (prefix.empty() || entry.second.size() == 0);
    if (section) {
      RETURN_IF_ERROR(Flatten(entry.second, name, file, out));
    } else if (entry.second.IsMap()) {
      name += "." + entry.second.begin()->first.as<std::string>();
    } else if (entry.second.IsScalar()) {
      (*out)[name] = entry.second.as<std::string>();
    } else if (entry.second.IsSequence()) {
      std::string joined;
      for (const auto& item : entry.second)
        joined += (joined.empty() ? "" : " ") + item.as<std::string>();
      (*out)[name] = joined;
    } else {
      (*out)[name] = "";
    }
    if (section || FindField(name) != nullptr) continue;
    std::vector<std::string_view> known;
    for (const Field& field : kFields) known.push_back(field.name);
    auto error = Fail(ErrorCode::kInvalidArgument, "{}: there is no setting '{}'", file, name);
    const std::string nearest = Nearest(name, known);
    if (nearest.empty())
      return WithHint(std::move(error), Msg("`aimass config` lists all settings"));
    return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
  }
  return {};
}

Result<std::map<std::string, std::string>> ReadYaml(const std::string& file) {
  std::map<std::string, std::string> values;
  try {
    const YAML::Node root = YAML::LoadFile(file);
    if (root.IsNull()) return values;
    if (!root.IsMap())
      return Fail(ErrorCode::kInvalidArgument, "{}: must hold `name: value` lines", file);
    RETURN_IF_ERROR(Flatten(root, "", file, &values));
  } catch (const YAML::Exception& error) {
    return Fail(ErrorCode::kInvalidArgument, "{}: line {}: {}", file, error.mark.line + 1,
                error.msg);
  }
  return values;
}

}  // namespace

std::span<const Field> Config::Fields() { return kFields; }

std::string Config::FlagOf(std::string_view name) {
  std::string flag = "--" + std::string(name);
  std::ranges::replace_if(flag, [](char c) { return c == '.' || c == '_'; }, '-');
  return flag;
}

std::string Config::VariableOf(std::string_view name) {
  std::string variable = "AIMASS_" + std::string(name);
  for (char& c : variable)
    c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

Result<Config> Config::Load(const std::map<std::string, std::string>& flags,
                            const std::map<std::string, std::string>& environment,
                            const std::string& file, bool file_required) {
  std::map<std::string, std::string> in_file;
  std::error_code ignored;
  if (!file.empty() && (file_required || std::filesystem::exists(file, ignored))) {
    if (!std::filesystem::exists(file, ignored)) {
      return Fail(ErrorCode::kNotFound, "there is no configuration file '{}'", file);
    }
    ASSIGN_OR_RETURN(in_file, ReadYaml(file));
  }
  Config config;
  for (const Field& field : kFields) {
    Value value{.field = &field, .value = std::string(field.default_value), .source = "default"};
    const std::string name(field.name);
    const std::string variable = VariableOf(name);
    if (const auto found = in_file.find(name); found != in_file.end()) {
      value.value = found->second;
      value.source = file;
    }
    if (const auto found = environment.find(variable); found != environment.end()) {
      value.value = found->second;
      value.source = variable;
    }
    if (const auto found = flags.find(name); found != flags.end()) {
      value.value = found->second;
      value.source = FlagOf(name);
    }
    const Settings one{{name, value.value}};
    if (auto checked = CheckSettings(value.source, std::span(&field, 1), one); !checked) {
      return std::unexpected(checked.error());
    }
    if (name == "data" && value.value.starts_with("~/")) {
      const auto home = environment.find("HOME");
      if (home != environment.end()) value.value = home->second + value.value.substr(1);
    }
    config.values_.push_back(std::move(value));
  }
  return config;
}

std::map<std::string, std::string> Config::Environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

const std::string& Config::Text(std::string_view name) const {
  static const std::string kNone;
  for (const Value& value : values_) {
    if (value.field->name == name) return value.value;
  }
  return kNone;
}

std::int64_t Config::Integer(std::string_view name) const {
  const std::string& text = Text(name);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return static_cast<std::int64_t>(value);
}

bool Config::Bool(std::string_view name) const { return Text(name) == "true"; }

Result<ListenAddress> ParseListen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  ListenAddress address;
  std::uint32_t port = 0;
  const std::string_view digits = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  address.host = colon == std::string_view::npos ? "" : std::string(text.substr(0, colon));
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      port > 65535 || address.host.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "the address to listen on must be HOST:PORT, got '{}'",
                text);
  }
  address.port = static_cast<std::uint16_t>(port);
  return address;
}

}  // namespace aimass
