#include "main/cli/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "base/file.h"

namespace aimass::cli {
namespace {

Status WriteAll(int descriptor, std::string_view piece, const std::string& name) {
  while (!piece.empty()) {
    const ssize_t put = write(descriptor, piece.data(), piece.size());
    if (put < 0 && errno == EINTR && !Interrupted()) continue;
    if (put < 0) return std::unexpected(SystemError(errno, "write", name));
    piece.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace

Status ShowDone(Context& context, const Json& answer, const Message& line) {
  if (context.json()) {
    context.Print(answer.empty() ? Json{{"done", true}} : answer);
  } else {
    context.Say(line);
  }
  return {};
}

void SayRows(Context& context, const Json& answer) {
  std::vector<Table::Column> columns;
  for (const Json& column : MemberOf(answer, "columns")) {
    const std::string type = TextOf(column, "type");
    const bool number =
        type.find("int") != std::string::npos || type.find("double") != std::string::npos ||
        type.find("float") != std::string::npos || type.find("decimal") != std::string::npos;
    columns.push_back(
        {TextOf(column, "name"), number ? Table::Align::kRight : Table::Align::kLeft});
  }
  Table table(columns);
  for (const Json& row : MemberOf(answer, "rows")) {
    std::vector<std::string> cells;
    for (const Json& cell : row) cells.push_back(cell.is_null() ? "" : CellText(cell));
    table.Add(std::move(cells));
  }
  context.Say(table);
  if (const Json& truncated = MemberOf(answer, "truncated");
      truncated.is_boolean() && truncated.get<bool>()) {
    context.Note(Msg("There are more rows; --limit N shows more of them."));
  }
}

Status Confirm(Context& context, bool yes, const Message& question) {
  if (yes) return {};
  if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) {
    // A script that deletes says so: nobody is asked there.
    return context.WrongUsage(WithHint(
        Fail(ErrorCode::kInvalidArgument, "{} There is no terminal to ask on; nothing was changed",
             context.Text(question)),
        Msg("add --yes")));
  }
  std::cerr << context.Text(question) << ' ' << context.Text(Msg("[y/N]")) << ' ' << std::flush;
  std::string answer;
  if (std::getline(std::cin, answer) &&
      (answer == "y" || answer == "Y" || answer == "yes" || answer == "是")) {
    return {};
  }
  return Fail(ErrorCode::kCancelled, "nothing was changed");
}

Result<std::string> ReadText(const std::string& place) {
  std::string text;
  if (place == "-") {
    std::array<char, 1 << 16> block;
    while (true) {
      const ssize_t got = read(STDIN_FILENO, block.data(), block.size());
      if (got < 0 && errno == EINTR && !Interrupted()) continue;
      if (got < 0) return std::unexpected(SystemError(errno, "read", "standard input"));
      if (got == 0) break;
      text.append(block.data(), static_cast<std::size_t>(got));
    }
  } else {
    ASSIGN_OR_RETURN(text, ReadFile(place));
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

Result<std::string> FormatOfFile(std::string_view name) {
  std::string ending = std::filesystem::path(name).extension().string();
  if (!ending.empty()) ending.erase(0, 1);
  const std::string given = ending;
  std::ranges::transform(ending, ending.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (ending == "parquet" || ending == "pq") return "parquet";
  if (ending == "arrow" || ending == "arrows" || ending == "ipc") return "arrow";
  if (ending == "ndjson" || ending == "jsonl") return "ndjson";
  if (ending == "json") return "json";
  if (ending == "csv" || ending.empty()) return "csv";
  return WithHint(
      Fail(ErrorCode::kInvalidArgument,
           "'{}' ends in '{}', which names no format that can be written", name, "." + given),
      Msg("use .csv, .parquet, .ndjson, .json or .arrow, or say --format"));
}

Status CheckTarget(const std::string& out) {
  if (out == "-") return {};
  struct stat state{};
  if (stat(out.c_str(), &state) == 0 && !S_ISREG(state.st_mode)) {
    if (!S_ISDIR(state.st_mode)) return {};
    return Fail(ErrorCode::kInvalidArgument, "'{}' is a folder; expected a file to write", out);
  }
  return NewFile(out).Write("");
}

NewFile::~NewFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!finished_ && !temporary_.empty()) unlink(temporary_.c_str());
}

Status NewFile::Write(std::string_view piece) {
  if (descriptor_ < 0) {
    temporary_ = path_ + ".part-" + std::to_string(getpid());
    descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) {
      temporary_.clear();
      return std::unexpected(SystemError(errno, "create", path_));
    }
  }
  return WriteAll(descriptor_, piece, path_);
}

Status NewFile::Finish() {
  RETURN_IF_ERROR(Write(""));
  if (fsync(descriptor_) != 0) return std::unexpected(SystemError(errno, "write", path_));
  if (rename(temporary_.c_str(), path_.c_str()) != 0)
    return std::unexpected(SystemError(errno, "create", path_));
  finished_ = true;
  return {};
}

Result<std::int64_t> Fetch(Context& context, const std::string& path, const std::string& out) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  struct stat state{};
  RETURN_IF_ERROR(CheckTarget(out));
  // A device or a pipe (/dev/null, a named pipe) is written into, never replaced.
  const bool direct = out != "-" && stat(out.c_str(), &state) == 0 && !S_ISREG(state.st_mode);
  NewFile file(out);
  FileDescriptor stream;
  if (direct) stream = FileDescriptor(open(out.c_str(), O_WRONLY | O_CLOEXEC));
  ProgressLine line(context.language());
  std::int64_t bytes = 0;
  Client::Request request{.method = "GET", .path = path};
  request.sink = [&](std::string_view piece) -> Status {
    bytes += static_cast<std::int64_t>(piece.size());
    if (out == "-") return WriteAll(STDOUT_FILENO, piece, "standard output");
    if (direct) return WriteAll(stream.get(), piece, out);
    if (!context.json() || TerminalWidth(STDERR_FILENO)) {
      line.Update({.fraction = -1.0, .step = context.Text(Msg("{} written", Bytes(bytes)))});
    }
    return file.Write(piece);
  };
  RETURN_IF_ERROR(server->Send(request));
  line.Clear();
  if (out != "-" && !direct) RETURN_IF_ERROR(file.Finish());
  return bytes;
}

Status DownloadTo(Context& context, const std::string& path, const std::string& out) {
  ASSIGN_OR_RETURN(const std::int64_t bytes, Fetch(context, path, out));
  if (out == "-") return {};
  return ShowDone(context, Json{{"file", out}, {"bytes", bytes}},
                  Msg("Wrote {} ({})", out, Bytes(bytes)));
}

}  // namespace aimass::cli
