#pragma once

// Internal to the server: server.cc and the connection*.cc.

#include <memory>
#include <string>
#include <utility>

#include "api/http/compress.h"
#include "api/http/dispatch.h"
#include "api/http/io_thread.h"
#include "api/http/parser.h"

namespace aimass::http {

/// One client: reads requests one after the other (pipelined ones wait in the buffer), answers them
/// in order. Lives on one I/O thread, from Run() until the client or a limit ends it.
class Connection {
 public:
  Connection(boost::asio::ip::tcp::socket socket, Shared& shared, IoThread& home);
  ~Connection();

  static Detached Run(std::unique_ptr<Connection> self);

  /// The sweep of the I/O thread: ends what waits for longer than it may.
  void CheckDeadline(std::int64_t now_ms);
  /// The same sweep: tells the handler whose client has left.
  void CheckClient() const;
  [[nodiscard]] bool waits_for_request() const { return idle_; }
  /// Ends the connection: whatever it waits for on the socket fails.
  void Cancel();

 private:
  struct Exchange;

  Task<bool> Serve();
  Task<bool> ServeOne();
  Task<bool> ReadHead(RequestParser& parser);
  Task<std::optional<HttpError>> ReadBody(RequestParser& parser, Exchange& exchange);
  Task<std::optional<HttpError>> Sink(Exchange& exchange, std::string& decoded, bool last);
  Task<Response> Answer(RequestParser& parser, Exchange& exchange);
  Task<bool> Send(Exchange& exchange, Response response);
  Task<bool> SendFile(Exchange& exchange, Response& response, std::string& head);
  Task<bool> SendPieces(Exchange& exchange, Response& response, std::string& head);
  Task<bool> Linger();

  /// Bytes read into the buffer; 0 at the end, on an error or when the deadline passed.
  Task<std::size_t> ReadMore(std::size_t most);
  Task<bool> Write(std::string_view bytes);
  [[nodiscard]] std::string_view buffered() const {
    return std::string_view(buffer_).substr(begin_);
  }
  void Consume(std::size_t bytes);
  void SetDeadline(std::int64_t in_ms);

  boost::asio::ip::tcp::socket socket_;
  Shared& shared_;
  IoThread& home_;
  bool from_loopback_ = false;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::int64_t deadline_ms_ = 0;  // SteadyMs(); 0: none
  bool timed_out_ = false;
  const CancelToken* running_ = nullptr;  // the request's, until its answer is sent
  bool idle_ = false;
  bool first_ = true;
};

}  // namespace aimass::http
