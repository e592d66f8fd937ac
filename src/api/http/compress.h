#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass::http {

enum class Coding : std::uint8_t { kIdentity, kGzip, kZstd };

[[nodiscard]] std::string_view CodingName(Coding coding);  // "gzip"

/// The coding of a Content-Encoding field. Errors: kUnsupported naming what is read.
[[nodiscard]] Result<Coding> CodingOf(std::string_view content_encoding);

/// The best coding that an Accept-Encoding field allows; zstd before gzip where both weigh the
/// same.
[[nodiscard]] Coding ChooseCoding(std::string_view accept_encoding);

/// Whether an answer of this media type gets smaller (text and JSON do, Parquet and images do not).
[[nodiscard]] bool IsCompressible(std::string_view content_type);

/// Compresses a stream piece by piece. One thread.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// `coding` must not be kIdentity.
  [[nodiscard]] static std::unique_ptr<Encoder> Make(Coding coding);
  /// Errors   kInternal from the library.
  [[nodiscard]] virtual Result<std::string> Put(std::string_view piece, bool last) = 0;
};

/// The inverse. One thread.
class Decoder {
 public:
  virtual ~Decoder() = default;
  [[nodiscard]] static std::unique_ptr<Decoder> Make(Coding coding);
  /// Appends to `out`, which may then hold at most `max_bytes`.
  /// Errors   kInvalidArgument for damaged input, kPayloadTooLarge.
  [[nodiscard]] virtual Status Put(std::string_view piece, std::size_t max_bytes,
                                   std::string* out) = 0;
  /// kInvalidArgument where the input stopped in the middle.
  [[nodiscard]] virtual Status Finish() const = 0;
};

}  // namespace aimass::http
