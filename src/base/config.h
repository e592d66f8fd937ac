#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/settings.h"

namespace aimass {

/// The server's configuration: flags > environment AIMASS_* > aimass.yaml > defaults.
///
/// Every setting is declared once, in config.cc; the flags of `aimass serve`, the variables, the
/// file's keys and the output of `aimass config` are drawn from that table. "http.threads" is
/// --http-threads, AIMASS_HTTP_THREADS, and in the file `http: {threads: 4}` or `http.threads: 4`.
class Config {
 public:
  struct Value {
    const Field* field;
    std::string value;
    std::string source;  // "flag --listen", "AIMASS_LISTEN", "/etc/aimass.yaml", "default"
  };

  [[nodiscard]] static std::span<const Field> Fields();
  [[nodiscard]] static std::string FlagOf(std::string_view name);      // "--http-threads"
  [[nodiscard]] static std::string VariableOf(std::string_view name);  // "AIMASS_HTTP_THREADS"

  /// `flags`: by setting name. `file`: read if it exists; must exist when `file_required`.
  /// Errors   kInvalidArgument naming the source, the setting, expected and found; an unknown key
  /// of the file
  ///          with the nearest known one.
  [[nodiscard]] static Result<Config> Load(const std::map<std::string, std::string>& flags,
                                           const std::map<std::string, std::string>& environment,
                                           const std::string& file, bool file_required);
  /// The variables of this process.
  [[nodiscard]] static std::map<std::string, std::string> Environment();

  [[nodiscard]] const std::vector<Value>& values() const { return values_; }
  /// The names must be declared.
  [[nodiscard]] const std::string& Text(std::string_view name) const;
  [[nodiscard]] std::int64_t Integer(std::string_view name) const;
  [[nodiscard]] bool Bool(std::string_view name) const;

 private:
  std::vector<Value> values_;
};

/// "127.0.0.1:8080", "[::1]:0", "localhost:8080". Errors: kInvalidArgument.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};
[[nodiscard]] Result<ListenAddress> ParseListen(std::string_view text);

}  // namespace aimass
