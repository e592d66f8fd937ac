#pragma once

#include <mysql.h>

#include <string>

#include "native/mariadb/mariadb.h"

namespace aimass::mariadb {

/// What the files of this folder share of a connection; for no other folder.
struct Connection::State {
  State() : mysql(mysql_init(nullptr)) {}
  ~State() {
    if (mysql != nullptr) mysql_close(mysql);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  MYSQL* mysql;
  std::string user;
};

/// The library's last error as one of ours; `user`: who has signed in.
[[nodiscard]] std::unexpected<Error> Failure(MYSQL* mysql, const std::string& user);

}  // namespace aimass::mariadb
