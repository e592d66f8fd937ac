// hiredis 0.14 and OpenSSL 3.0.
#include "native/redis/redis.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "native/redis/failure.h"
#include "native/socket/socket.h"

namespace aimass::redis {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{16} << 10;  // what hiredis takes at a time
constexpr std::size_t kMaxReplyBytes = std::size_t{256} << 20;

// hiredis builds answers through these; the answer under construction is the reader's privdata.
Reply& Target(const redisReadTask* task) { return *static_cast<Reply*>(task->privdata); }
void* Made(const redisReadTask* task) { return task->privdata; }  // anything but nullptr

void* MakeString(const redisReadTask* task, char* text, std::size_t length) {
  Target(task).AddText(task->type == REDIS_REPLY_ERROR ? Reply::Kind::kError : Reply::Kind::kText,
                       {text, length});
  return Made(task);
}
void* MakeArray(const redisReadTask* task, int size) {
  Target(task).Add(Reply::Kind::kArray, size);
  return Made(task);
}
void* MakeInteger(const redisReadTask* task, long long value) {
  Target(task).Add(Reply::Kind::kInteger, value);
  return Made(task);
}
void* MakeNil(const redisReadTask* task) {
  Target(task).Add(Reply::Kind::kNil, 0);
  return Made(task);
}
void Forget(void* /*made*/) {}

redisReplyObjectFunctions kMakers = {MakeString, MakeArray, MakeInteger, MakeNil, Forget};

void AppendCommand(std::string& out, std::span<const std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* command = nullptr;
  const int length = redisFormatCommandArgv(&command, static_cast<int>(texts.size()), texts.data(),
                                            lengths.data());
  if (length > 0) out.append(command, static_cast<std::size_t>(length));
  redisFreeCommand(command);
}

}  // namespace

struct Connection::State {
  explicit State(const Options& o, Socket s)
      : options(o), socket(std::move(s)), reader(redisReaderCreateWithFunctions(&kMakers)) {
    if (reader != nullptr) reader->privdata = &reply;
  }
  ~State() { redisReaderFree(reader); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // The next whole answer of what has arrived; nullptr where there is none.
  Result<const Reply*> Next() {
    if (complete) reply.Clear();
    complete = false;
    void* made = nullptr;
    if (redisReaderGetReply(reader, &made) != REDIS_OK) {
      socket.Close();
      return BrokenConnection(redisReaderGetError(reader));
    }
    if (made == nullptr) return nullptr;
    complete = true;
    unfinished_bytes = 0;
    return &reply;
  }

  Status Feed(std::size_t bytes) {
    unfinished_bytes += bytes;
    if (unfinished_bytes > kMaxReplyBytes) {
      socket.Close();
      return Fail(ErrorCode::kUnprocessable, "an answer of the database is larger than {} MiB",
                  kMaxReplyBytes >> 20);
    }
    if (redisReaderFeed(reader, piece.data(), bytes) == REDIS_OK) return {};
    socket.Close();
    return BrokenConnection(redisReaderGetError(reader));
  }

  Options options;
  Socket socket;
  redisReader* reader;
  Reply reply;
  bool complete = true;
  std::size_t unfinished_bytes = 0;
  std::string unsent;
  std::int64_t awaited = 0;  // answers
  std::array<char, kPieceBytes> piece{};
  std::string version = "0";
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::Open(const Options& options) {
  ASSIGN_OR_RETURN(Socket socket, Socket::Open({.host = options.host,
                                                .port = options.port,
                                                .tls = options.tls,
                                                .ca_file = options.ca_file,
                                                .connect_timeout_s = options.connect_timeout_s,
                                                .timeout_s = options.timeout_s}));
  socket.SetTimeout(std::min(options.connect_timeout_s, options.timeout_s));
  Connection made(std::make_unique<State>(options, std::move(socket)));
  if (made.state_->reader == nullptr)
    return Fail(ErrorCode::kResourceExhausted, "no memory for a connection");
  RETURN_IF_ERROR(made.Greet());
  if (options.database != 0)
    RETURN_IF_ERROR(made.Ask({"SELECT", std::to_string(options.database)}));
  made.state_->socket.SetTimeout(options.timeout_s);
  return made;
}

Status Connection::Greet() {
  Status greeted = SignIn();
  if (greeted) greeted = LearnServer();
  const bool cut = !greeted && greeted.error().code == ErrorCode::kUnavailable;
  if (cut && state_->options.tls == Tls::kOff && greeted.error().hint.empty())
    greeted.error().hint =
        Msg("if it is a port for encrypted connections, set tls to on or verify");
  return greeted;
}

Status Connection::SignIn() {
  const Options& options = state_->options;
  if (options.password.empty() && options.user.empty()) return {};
  if (options.user.empty()) {
    RETURN_IF_ERROR(Ask({"AUTH", options.password}));
  } else {
    RETURN_IF_ERROR(Ask({"AUTH", options.user, options.password}));
  }
  return {};
}

Status Connection::LearnServer() {
  std::string mode;
  if (const auto hello = Ask({"HELLO"})) {
    const Reply::Item all = (*hello)->root();
    Reply::Item name = all.first();
    for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
      const Reply::Item value = name.next();
      if (name.text() == "version") state_->version = value.text();
      if (name.text() == "mode") mode = value.text();
      name = value.next();
    }
  } else if (hello.error().code != ErrorCode::kUnprocessable) {
    return std::unexpected(hello.error());
  } else {  // before version 6
    ASSIGN_OR_RETURN(const Reply* const info, Ask({"INFO", "server"}));
    const std::string_view text = info->root().text();
    const auto line = [text](std::string_view key) {
      const std::size_t at = text.find(key);
      if (at == std::string_view::npos) return std::string_view();
      const std::string_view rest = text.substr(at + key.size());
      return rest.substr(0, rest.find('\r'));
    };
    state_->version = line("redis_version:");
    mode = line("redis_mode:");
  }
  if (mode == "cluster") return NodeOfACluster();
  return {};
}

void Connection::Send(std::span<const std::string_view> words) {
  AppendCommand(state_->unsent, words);
  ++state_->awaited;
}

Status Connection::Flush(const CancelToken& cancel) {
  const Status sent = state_->socket.Write(state_->unsent, cancel);
  state_->unsent.clear();
  return sent;
}

Result<const Reply*> Connection::Receive(const CancelToken& cancel) {
  for (;;) {
    ASSIGN_OR_RETURN(const Reply* const reply, state_->Next());
    if (reply != nullptr) {
      --state_->awaited;
      return reply;
    }
    ASSIGN_OR_RETURN(const std::size_t bytes, state_->socket.Read(state_->piece, cancel));
    RETURN_IF_ERROR(state_->Feed(bytes));
  }
}

Result<const Reply*> Connection::Arrived() {
  for (;;) {
    ASSIGN_OR_RETURN(const Reply* const reply, state_->Next());
    if (reply != nullptr) return reply;
    ASSIGN_OR_RETURN(const std::size_t bytes, state_->socket.ReadArrived(state_->piece));
    if (bytes == 0) return nullptr;
    RETURN_IF_ERROR(state_->Feed(bytes));
  }
}

Status Connection::Settle(const CancelToken& cancel) {
  RETURN_IF_ERROR(Flush(cancel));
  while (state_->awaited > 0) RETURN_IF_ERROR(Receive(cancel));
  return {};
}

Result<const Reply*> Connection::Ask(std::span<const std::string_view> words,
                                     const CancelToken& cancel) {
  RETURN_IF_ERROR(Settle(cancel));
  Send(words);
  RETURN_IF_ERROR(Flush(cancel));
  ASSIGN_OR_RETURN(const Reply* const reply, Receive(cancel));
  if (reply->root().kind() == Reply::Kind::kError) return FailureOf(reply->root().text());
  return reply;
}

std::unexpected<Error> Connection::FailureOf(std::string_view words) const {
  return redis::FailureOf(words, state_->options);
}

const std::string& Connection::server_version() const { return state_->version; }

bool Connection::AtLeast(int major, int minor) const {
  const std::string& text = state_->version;
  int has_major = 0;
  int has_minor = 0;
  const char* const end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, has_major);
  if (error == std::errc() && dot != end) std::from_chars(dot + 1, end, has_minor);
  return has_major > major || (has_major == major && has_minor >= minor);
}

bool Connection::encrypted() const { return state_->socket.encrypted(); }

}  // namespace aimass::redis
