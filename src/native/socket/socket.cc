// OpenSSL 3.0.
#include "native/socket/socket.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "native/connection_failure.h"

namespace aimass {
namespace {

using Clock = std::chrono::steady_clock;
using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;
using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;

using Tls = SocketOptions::Tls;

constexpr int kLookMs = 250;  // how often a wait looks whether it was cancelled

std::string SystemWords(int number) { return std::strerror(number); }

std::string TlsWords() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const words = code == 0 ? nullptr : ERR_reason_error_string(code);
  return words == nullptr ? "the server ended the handshake" : words;
}

bool IsAddress(const std::string& host) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const bool is = getaddrinfo(host.c_str(), nullptr, &hints, &found) == 0;
  if (found != nullptr) freeaddrinfo(found);
  return is;
}

}  // namespace

struct Socket::State {
  explicit State(const SocketOptions& o) : options(o) {}
  ~State() { Close(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void Close() {
    ssl.reset();
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }

  // Waits for the socket; false once `deadline` has passed.
  Result<bool> Await(short events, Clock::time_point deadline, const CancelToken& cancel) const {
    for (;;) {
      RETURN_IF_ERROR(cancel.Check());
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return false;
      pollfd one{.fd = fd, .events = events, .revents = 0};
      if (poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left, kLookMs))) > 0) return true;
    }
  }

  // What a step of reading or writing wants next.
  struct Step {
    std::size_t bytes = 0;
    short wants = 0;    // POLLIN or POLLOUT: nothing was done, wait for this
    std::string broke;  // or why there is no more
  };

  [[nodiscard]] Step TlsStep(int done) const {
    if (done > 0) return {.bytes = static_cast<std::size_t>(done), .wants = 0, .broke = {}};
    const int error = SSL_get_error(ssl.get(), done);
    if (error == SSL_ERROR_WANT_READ) return {.bytes = 0, .wants = POLLIN, .broke = {}};
    if (error == SSL_ERROR_WANT_WRITE) return {.bytes = 0, .wants = POLLOUT, .broke = {}};
    if (error == SSL_ERROR_SYSCALL && errno != 0)
      return {.bytes = 0, .wants = 0, .broke = SystemWords(errno)};
    return {.bytes = 0,
            .wants = 0,
            .broke = error == SSL_ERROR_SSL ? TlsWords() : "the server closed it"};
  }

  [[nodiscard]] static Step PlainStep(ssize_t done, short wants) {
    if (done > 0) return {.bytes = static_cast<std::size_t>(done), .wants = 0, .broke = {}};
    if (done == 0) return {.bytes = 0, .wants = 0, .broke = "the server closed it"};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
      return {.bytes = 0, .wants = wants, .broke = {}};
    return {.bytes = 0, .wants = 0, .broke = SystemWords(errno)};
  }

  [[nodiscard]] Step ReadStep(std::span<char> into) const {
    errno = 0;
    if (ssl == nullptr) return PlainStep(::recv(fd, into.data(), into.size(), 0), POLLIN);
    ERR_clear_error();
    return TlsStep(SSL_read(ssl.get(), into.data(), static_cast<int>(into.size())));
  }

  [[nodiscard]] Step WriteStep(std::string_view bytes) const {
    errno = 0;
    if (ssl == nullptr)
      return PlainStep(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), POLLOUT);
    ERR_clear_error();
    return TlsStep(SSL_write(ssl.get(), bytes.data(), static_cast<int>(bytes.size())));
  }

  [[nodiscard]] Status Alive() const {
    if (fd >= 0) return {};
    return BrokenConnection("closed");
  }

  std::unexpected<Error> Broke(std::string_view words) {
    Close();
    return BrokenConnection(words);
  }

  // Repeats a step until it has done something.
  template <typename Try>
  Result<std::size_t> Until(Try step, const CancelToken& cancel) {
    RETURN_IF_ERROR(Alive());
    const auto deadline = Clock::now() + std::chrono::seconds(options.timeout_s);
    for (;;) {
      const Step done = step();
      if (done.bytes > 0) return done.bytes;
      if (!done.broke.empty()) return Broke(done.broke);
      const auto ready = Await(done.wants, deadline, cancel);
      if (ready && *ready) continue;
      Close();
      if (!ready) return std::unexpected(ready.error());
      return Fail(ErrorCode::kTimeout, "the database did not answer within {} s",
                  options.timeout_s);
    }
  }

  Status Connect(Clock::time_point deadline, const CancelToken& cancel);
  Status StartTls(Clock::time_point deadline, const CancelToken& cancel);

  SocketOptions options;
  int fd = -1;
  SslContext context{nullptr, &SSL_CTX_free};
  Ssl ssl{nullptr, &SSL_free};
};

Status Socket::State::Connect(Clock::time_point deadline, const CancelToken& cancel) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(options.port);
  if (const int error = getaddrinfo(options.host.c_str(), port.c_str(), &hints, &list); error != 0)
    return Unreachable(options.host, options.port, gai_strerror(error));
  const Addresses addresses(list, &freeaddrinfo);
  std::string words = "no address";
  for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
    Close();
    fd = ::socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      words = SystemWords(errno);
      continue;
    }
    if (::connect(fd, one->ai_addr, one->ai_addrlen) != 0 && errno != EINPROGRESS) {
      words = SystemWords(errno);
      continue;
    }
    ASSIGN_OR_RETURN(const bool ready, Await(POLLOUT, deadline, cancel));
    int error = ETIMEDOUT;
    socklen_t size = sizeof(error);
    if (ready) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      return {};
    }
    words = SystemWords(error);
  }
  Close();
  return Unreachable(options.host, options.port, words);
}

Status Socket::State::StartTls(Clock::time_point deadline, const CancelToken& cancel) {
  ERR_clear_error();
  context.reset(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return Unencrypted(options.host, options.port, TlsWords());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (options.tls == Tls::kVerify) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const int loaded =
        options.ca_file.empty()
            ? SSL_CTX_set_default_verify_paths(context.get())
            : SSL_CTX_load_verify_locations(context.get(), options.ca_file.c_str(), nullptr);
    if (loaded != 1) return Unencrypted(options.host, options.port, TlsWords());
  }
  ssl.reset(SSL_new(context.get()));
  if (ssl == nullptr) return Unencrypted(options.host, options.port, TlsWords());
  const bool address = IsAddress(options.host);
  if (!address) SSL_set_tlsext_host_name(ssl.get(), options.host.c_str());
  if (options.tls == Tls::kVerify) {
    const int named =
        address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), options.host.c_str())
                : SSL_set1_host(ssl.get(), options.host.c_str());
    if (named != 1) return Unencrypted(options.host, options.port, TlsWords());
  }
  SSL_set_fd(ssl.get(), fd);
  for (;;) {
    errno = 0;
    const Step step = TlsStep(SSL_connect(ssl.get()));
    if (step.bytes > 0) return {};
    if (!step.broke.empty()) {
      const long verified = SSL_get_verify_result(ssl.get());
      return Unencrypted(options.host, options.port,
                         options.tls == Tls::kVerify && verified != X509_V_OK
                             ? std::string(X509_verify_cert_error_string(verified))
                             : step.broke);
    }
    ASSIGN_OR_RETURN(const bool ready, Await(step.wants, deadline, cancel));
    if (!ready) return Unencrypted(options.host, options.port, SystemWords(ETIMEDOUT));
  }
}

Socket::Socket(std::unique_ptr<State> state) : state_(std::move(state)) {}
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

Result<Socket> Socket::Open(const SocketOptions& options, const CancelToken& cancel) {
  Socket made(std::make_unique<State>(options));
  const auto deadline = Clock::now() + std::chrono::seconds(options.connect_timeout_s);
  RETURN_IF_ERROR(made.state_->Connect(deadline, cancel));
  if (options.tls != Tls::kOff) RETURN_IF_ERROR(made.state_->StartTls(deadline, cancel));
  return made;
}

Status Socket::Write(std::string_view bytes, const CancelToken& cancel) {
  while (!bytes.empty()) {
    ASSIGN_OR_RETURN(const std::size_t written,
                     state_->Until([&] { return state_->WriteStep(bytes); }, cancel));
    bytes.remove_prefix(written);
  }
  return {};
}

Result<std::size_t> Socket::Read(std::span<char> into, const CancelToken& cancel) {
  return state_->Until([&] { return state_->ReadStep(into); }, cancel);
}

Result<std::size_t> Socket::ReadArrived(std::span<char> into) {
  RETURN_IF_ERROR(state_->Alive());
  const State::Step step = state_->ReadStep(into);
  if (!step.broke.empty()) return state_->Broke(step.broke);
  return step.bytes;
}

void Socket::Close() { state_->Close(); }
void Socket::SetTimeout(int timeout_s) { state_->options.timeout_s = timeout_s; }
bool Socket::encrypted() const { return state_->ssl != nullptr; }
int Socket::descriptor() const { return state_->fd; }
bool Socket::has_decrypted() const {
  return state_->ssl != nullptr && SSL_has_pending(state_->ssl.get()) == 1;
}

}  // namespace aimass
