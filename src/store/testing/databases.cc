#include "store/testing/databases.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"

namespace aimass::testing {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void Stop(const std::string& what) { throw std::runtime_error(what); }

int FreePort() {
  const FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    Stop("no free port");
  }
  return ntohs(address.sin_port);
}

std::string Programs() {
  std::string found;
  std::error_code error;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", error)) {
    if (fs::exists(version.path() / "bin" / "initdb"))
      found = std::max(found, (version.path() / "bin").string());
  }
  if (found.empty()) Stop("PostgreSQL's server programs are missing; run scripts/install.sh test");
  return found;
}

// PostgreSQL refuses to run as root: then it runs as user postgres.
std::vector<std::string> AsPostgres(std::vector<std::string> command) {
  if (geteuid() != 0) return command;
  std::vector<std::string> prefixed{"/usr/sbin/runuser", "-u", "postgres", "--"};
  prefixed.insert(prefixed.end(), command.begin(), command.end());
  return prefixed;
}

pid_t Spawn(std::vector<std::string> command, const std::string& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, command[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) Stop("cannot start " + command[0]);
  return pid;
}

class PostgresServer {
 public:
  PostgresServer()
      : port_(FreePort()), data_(folder_.path() + "/data"), log_(folder_.path() + "/log") {
    if (geteuid() == 0) {
      const passwd* account = getpwnam("postgres");
      if (account == nullptr) Stop("there is no user postgres");
      if (chown(folder_.path().c_str(), account->pw_uid, account->pw_gid) != 0)
        Stop("chown failed");
    }
    const std::string programs = Programs();
    const pid_t made = Spawn(AsPostgres({programs + "/initdb", "-D", data_, "-U", "postgres", "-A",
                                         "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"}),
                             log_);
    int status = 0;
    waitpid(made, &status, 0);
    if (status != 0) Stop("initdb failed: " + ReadFile(log_).value_or(""));
    launcher_ = Spawn(AsPostgres({programs + "/postgres", "-D", data_, "-h", "127.0.0.1", "-p",
                                  std::to_string(port_), "-c", "unix_socket_directories=", "-c",
                                  "fsync=off", "-c", "max_connections=100"}),
                      log_);
    const std::int64_t deadline = SteadyMs() + 60'000;
    while (PQping(Url("postgres").c_str()) != PQPING_OK) {
      if (SteadyMs() > deadline) Stop("PostgreSQL did not start: " + ReadFile(log_).value_or(""));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  ~PostgresServer() {
    const auto text = ReadFile(data_ + "/postmaster.pid", 4096);
    if (text) kill(std::atoi(text->c_str()), SIGINT);
    int status = 0;
    waitpid(launcher_, &status, 0);
  }

  std::string Url(const std::string& database) const {
    return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/" + database;
  }
  static PostgresServer& Instance() {
    static PostgresServer server;  // one per test program: starting it takes a second
    return server;
  }

 private:
  TempFolder folder_;
  int port_;
  std::string data_;
  std::string log_;
  pid_t launcher_ = -1;
};

// The address of `database` on the server that this run uses.
std::string PostgresUrl(const std::string& database) {
  const char* given = std::getenv("AIMASS_TEST_POSTGRES");
  if (given == nullptr) return PostgresServer::Instance().Url(database);
  const std::string url = given;
  return url.substr(0, url.rfind('/') + 1) + database;
}

void RunOnPostgres(const std::string& sql) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(
      PQconnectdb(PostgresUrl("postgres").c_str()), &PQfinish);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), sql.c_str()),
                                                              &PQclear);
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) Stop(PQerrorMessage(connection.get()));
}

}  // namespace

TempFolder::TempFolder()
    : path_((fs::temp_directory_path() / ("aimass-test-" + NewId())).string()) {
  fs::create_directories(path_);
  fs::permissions(path_, fs::perms::owner_all);
}

TempFolder::~TempFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

TestDatabase::TestDatabase(Dialect dialect) {
  if (dialect == Dialect::kSqlite) {
    url_ = "sqlite://" + folder_.path() + "/metadata.db";
    return;
  }
  name_ = "t" + NewId();
  std::erase(name_, '-');
  RunOnPostgres("CREATE DATABASE " + name_);
  url_ = PostgresUrl(name_);
}

TestDatabase::~TestDatabase() {
  try {
    if (!name_.empty()) RunOnPostgres("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
}

std::unique_ptr<Database> TestDatabase::Open() const {
  auto database = Database::Open(url_);
  if (!database) Stop(database.error().ToString());
  return std::move(*database);
}

}  // namespace aimass::testing
