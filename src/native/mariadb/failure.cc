#include <errmsg.h>
#include <mysqld_error.h>

#include "native/connection_failure.h"
#include "native/mariadb/state.h"

namespace aimass::mariadb {
namespace {

constexpr int kMySqlStatementTimeout = 3024;
constexpr int kMariaDbStatementTimeout = 1969;
constexpr int kTooManyUserConnections = 1226;

// "INSERT command denied to user …" names the privilege that is missing.
std::string PrivilegeOf(const std::string& words) {
  const std::size_t end = words.find(" command denied");
  return end == std::string::npos ? "SELECT" : words.substr(0, end);
}

}  // namespace

std::unexpected<Error> Failure(MYSQL* mysql, const std::string& user) {
  const auto number = static_cast<int>(mysql_errno(mysql));
  const std::string words = mysql_error(mysql);
  switch (number) {
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
      return BrokenConnection(words);
    case ER_CON_COUNT_ERROR:
    case ER_SERVER_SHUTDOWN:
    case kTooManyUserConnections:
      return Fail(ErrorCode::kUnavailable, "the database takes no further connection: {}", words);
    case ER_ACCESS_DENIED_ERROR:
      return WithHint(
          Fail(ErrorCode::kUnauthenticated, "the database does not let '{}' in: {}", user, words),
          Msg("check user and password, and from where the user may connect"));
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_PROCACCESS_DENIED_ERROR:
      return WithHint(Fail(ErrorCode::kPermissionDenied, "the database refuses it: {}", words),
                      Msg("let an administrator of the database run: GRANT {} ON … TO '{}'",
                          PrivilegeOf(words), user));
    case ER_BAD_DB_ERROR:
    case ER_NO_SUCH_TABLE:
      return Fail(ErrorCode::kNotFound, "the database has no such thing: {}", words);
    case ER_LOCK_WAIT_TIMEOUT:
    case kMySqlStatementTimeout:
    case kMariaDbStatementTimeout:
      return Fail(ErrorCode::kTimeout, "the database stopped the statement: {}", words);
    default:
      return Fail(ErrorCode::kUnprocessable, "the database says: {}", words);
  }
}

}  // namespace aimass::mariadb
