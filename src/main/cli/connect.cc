#include "main/cli/connect.h"

#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>

#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/log.h"
#include "main/cli/context.h"
#include "main/serve.h"
#include "store/data_folder.h"

namespace aimass::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kFolderWaitMs = 15'000;

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> AdminKey(const std::string& data) {
  auto key = ReadFile(data + "/admin.key", 4096);
  if (!key) {
    return WithHint(std::unexpected(key.error()),
                    Msg("the server's owner can read it; or give a key with --key"));
  }
  while (!key->empty() && (key->back() == '\n' || key->back() == '\r')) key->pop_back();
  return key;
}

// A new data folder must be one before logs go into it: a folder with other things in it is
// refused.
Status MakeLayout(const std::string& data) {
  std::error_code error;
  if (fs::exists(data + "/aimass.json", error)) return {};
  const auto made = DataFolder::Open(data);
  if (!made && made.error().code != ErrorCode::kConflict) return std::unexpected(made.error());
  return {};
}

}  // namespace

std::string DataFolderOf(const std::string& given) {
  std::string folder = given;
  if (folder.empty()) folder = Variable("AIMASS_DATA");
  std::error_code error;
  if (folder.empty() && fs::is_directory("aimass-data", error)) folder = "aimass-data";
  if (folder.empty()) folder = "~/.aimass";
  if (folder.starts_with("~/")) folder = Variable("HOME") + folder.substr(1);
  const fs::path absolute = fs::absolute(folder, error);
  return error ? folder : absolute.lexically_normal().string();
}

std::string LiveServer(const std::string& data) {
  const auto text = ReadFile(data + "/server.json", 1 << 16);
  if (!text) return "";
  const auto state = ParseJson(*text);
  if (!state) return "";
  const auto pid = GetInteger(*state, "pid");
  const auto address = GetString(*state, "address");
  if (!pid || !address || *pid <= 0) return "";
  if (kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH) return "";
  Client probe({.url = *address});
  const auto reply = probe.SendRaw({.path = "/healthz", .timeout_ms = 5'000});
  return reply && reply->status == 200 ? *address : "";
}

Connection::Connection() = default;
Connection::~Connection() { Close(); }

void Connection::Close() {
  client_.reset();
  embedded_.reset();
}

Result<std::unique_ptr<Connection>> Connection::Open(const CommonOptions& common,
                                                     Language language) {
  std::unique_ptr<Connection> connection(new Connection());
  // --data asks for a folder; it wins over a server that only the environment names.
  std::string url = common.server;
  if (url.empty() && common.data.empty()) url = Variable("AIMASS_URL");
  std::string key = common.key.empty() ? Variable("AIMASS_KEY") : common.key;
  if (!url.empty()) {
    while (url.ends_with('/')) url.pop_back();
    if (url.find("://") == std::string::npos) url = "http://" + url;
    connection->client_ = std::make_unique<Client>(
        Client::Options{.url = std::move(url), .key = std::move(key), .language = language});
    return connection;
  }

  connection->data_ = DataFolderOf(common.data);
  connection->same_machine_ = true;
  std::string address = LiveServer(connection->data_);
  if (address.empty()) {
    const std::map<std::string, std::string> flags{
        {"data", connection->data_},
        {"listen", "127.0.0.1:0"},
        {"log.file", connection->data_ + "/logs/cli.log"},
    };
    ASSIGN_OR_RETURN(const Config config,
                     Config::Load(flags, Config::Environment(), DefaultConfigFile(), false));
    std::error_code error;
    connection->made_data_ = !fs::exists(connection->data_ + "/aimass.json", error);
    RETURN_IF_ERROR(MakeLayout(connection->data_));
    RETURN_IF_ERROR(MakeFolder(connection->data_ + "/logs"));
    RETURN_IF_ERROR(LogToFile(connection->data_ + "/logs/cli.log"));
    // Where another command was quicker, or a server is just starting, it is ours as well; where
    // one is ending, the folder becomes free.
    const std::int64_t deadline_ms = SteadyMs() + kFolderWaitMs;
    for (;;) {
      auto started = ServerInstance::Start(config, ServerInstance::Purpose::kCommand);
      if (started) {
        connection->embedded_ = std::move(*started);
        address = connection->embedded_->address();
        break;
      }
      address = LiveServer(connection->data_);
      if (!address.empty()) break;
      if (started.error().code != ErrorCode::kConflict || SteadyMs() > deadline_ms) {
        return std::unexpected(started.error());
      }
      if (Interrupted()) return Fail(ErrorCode::kCancelled, "stopped by Ctrl-C");
      SleepMs(100);
    }
  }
  if (key.empty()) {
    ASSIGN_OR_RETURN(key, AdminKey(connection->data_));
  }
  connection->client_ = std::make_unique<Client>(
      Client::Options{.url = std::move(address), .key = std::move(key), .language = language});
  return connection;
}

std::string DefaultConfigFile() {
  if (const std::string named = Variable("AIMASS_CONFIG"); !named.empty()) return named;
  std::error_code error;
  if (fs::exists("aimass.yaml", error)) return "aimass.yaml";
  return "/etc/aimass/aimass.yaml";
}

void SleepMs(std::int64_t ms) {
  timespec time{.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1'000'000};
  nanosleep(&time, nullptr);  // ends early on Ctrl-C, as wanted
}

}  // namespace aimass::cli
