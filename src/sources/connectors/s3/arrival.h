#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "native/curl/client.h"
#include "sources/files.h"

namespace aimass::connectors::s3 {

/// The bytes of one object on their way into a file, over as many requests as that takes: all of
/// them, in their order, of the object as it was listed.
class Arrival {
 public:
  /// `file` and `etag`: as they were listed. Errors: kPayloadTooLarge; the system's.
  [[nodiscard]] static Result<Arrival> Open(const SourceFile& file, std::string etag,
                                            const FetchRequest& request);

  /// A request is sent that asks for the bytes from have() on.
  void Expect() { checked_ = false; }
  /// Errors   kUnavailable where the answer is of another object than was listed.
  [[nodiscard]] Status Take(const curl::Answer& answer, std::string_view bytes);

  [[nodiscard]] std::int64_t have() const { return have_; }
  [[nodiscard]] bool whole() const { return have_ == file_->bytes; }
  [[nodiscard]] bool changed() const { return changed_; }
  /// Once it is whole().
  [[nodiscard]] FetchedFile Finish();

 private:
  Arrival(const SourceFile& file, std::string etag, const FetchRequest& request)
      : file_(&file), etag_(std::move(etag)), request_(&request) {}
  [[nodiscard]] Status Check(const curl::Answer& answer);
  [[nodiscard]] Status BeginAgain();
  [[nodiscard]] std::unexpected<Error> Changed();

  const SourceFile* file_;
  std::string etag_;
  const FetchRequest* request_;
  FileDescriptor to_;  // none: only the hash is wanted
  Sha256Sum sum_;
  std::int64_t have_ = 0;
  bool checked_ = false;  // the answer that is being taken
  bool changed_ = false;  // since it was listed
};

}  // namespace aimass::connectors::s3
