#include "api/http/compress.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace aimass::http {
namespace {

constexpr std::size_t kBlock = 64u << 10;

Status TooLarge(std::size_t max_bytes) {
  return Fail(ErrorCode::kPayloadTooLarge, "the body may have {} bytes after decompression",
              max_bytes);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool Same(std::string_view left, std::string_view lower) {
  return std::ranges::equal(
      left, lower, [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

class GzipEncoder final : public Encoder {
 public:
  GzipEncoder() {
    ready_ = deflateInit2(&stream_, 5, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~GzipEncoder() override { deflateEnd(&stream_); }

  Result<std::string> Put(std::string_view piece, bool last) override {
    std::string out;
    if (!ready_) return Fail(ErrorCode::kInternal, "{} cannot compress: {}", "gzip", "init");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    std::array<char, kBlock> block;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = block.size();
      if (deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR) {
        return Fail(ErrorCode::kInternal, "{} cannot compress: {}", "gzip", "stream");
      }
      out.append(block.data(), block.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

struct ZstdFree {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdEncoder final : public Encoder {
 public:
  ZstdEncoder() : context_(ZSTD_createCCtx()) {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 3);
  }

  Result<std::string> Put(std::string_view piece, bool last) override {
    std::string out;
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    std::array<char, kBlock> block;
    for (;;) {
      ZSTD_outBuffer to{block.data(), block.size(), 0};
      const std::size_t left =
          ZSTD_compressStream2(context_.get(), &to, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) {
        return Fail(ErrorCode::kInternal, "{} cannot compress: {}", "zstd",
                    ZSTD_getErrorName(left));
      }
      out.append(block.data(), to.pos);
      if (last ? left == 0 : in.pos == in.size) return out;
    }
  }

 private:
  std::unique_ptr<ZSTD_CCtx, ZstdFree> context_;
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  Status Put(std::string_view piece, std::size_t max_bytes, std::string* out) override {
    if (!ready_) return Fail(ErrorCode::kInternal, "{} cannot decompress: {}", "gzip", "init");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    std::array<char, kBlock> block;
    while (stream_.avail_in > 0) {
      if (ended_) {  // several members one after the other are one body
        inflateReset(&stream_);
        ended_ = false;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = block.size();
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return Fail(ErrorCode::kInvalidArgument, "the body is not valid {}", "gzip");
      }
      out->append(block.data(), block.size() - stream_.avail_out);
      if (out->size() > max_bytes) return TooLarge(max_bytes);
      ended_ = code == Z_STREAM_END;
      if (code == Z_BUF_ERROR) break;
    }
    return Drain(max_bytes, out);
  }

  Status Finish() const override {
    if (!ended_) return Fail(ErrorCode::kInvalidArgument, "the body is not valid {}", "gzip");
    return {};
  }

 private:
  /// inflate may still hold output when the input is used up.
  Status Drain(std::size_t max_bytes, std::string* out) {
    std::array<char, kBlock> block;
    while (!ended_) {
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = block.size();
      const int code = inflate(&stream_, Z_NO_FLUSH);
      out->append(block.data(), block.size() - stream_.avail_out);
      if (out->size() > max_bytes) return TooLarge(max_bytes);
      ended_ = code == Z_STREAM_END;
      if (code != Z_OK || stream_.avail_out > 0) break;
    }
    return {};
  }

  z_stream stream_{};
  bool ready_ = false;
  bool ended_ = false;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, 27);
  }

  Status Put(std::string_view piece, std::size_t max_bytes, std::string* out) override {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    std::array<char, kBlock> block;
    for (;;) {
      ZSTD_outBuffer to{block.data(), block.size(), 0};
      left_ = ZSTD_decompressStream(context_.get(), &to, &in);
      if (ZSTD_isError(left_) != 0) {
        left_ = 1;
        return Fail(ErrorCode::kInvalidArgument, "the body is not valid {}", "zstd");
      }
      out->append(block.data(), to.pos);
      if (out->size() > max_bytes) return TooLarge(max_bytes);
      if (in.pos == in.size && to.pos < to.size) return {};
    }
  }

  Status Finish() const override {
    if (left_ != 0) return Fail(ErrorCode::kInvalidArgument, "the body is not valid {}", "zstd");
    return {};
  }

 private:
  std::unique_ptr<ZSTD_DCtx, ZstdFree> context_;
  std::size_t left_ = 1;
};

class Plain final : public Decoder {
 public:
  Status Put(std::string_view piece, std::size_t max_bytes, std::string* out) override {
    out->append(piece);
    if (out->size() > max_bytes) {
      return Fail(ErrorCode::kPayloadTooLarge, "the body may have {} bytes", max_bytes);
    }
    return {};
  }
  Status Finish() const override { return {}; }
};

}  // namespace

std::string_view CodingName(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return "gzip";
    case Coding::kZstd:
      return "zstd";
    case Coding::kIdentity:
      break;
  }
  return "identity";
}

Result<Coding> CodingOf(std::string_view content_encoding) {
  const std::string_view name = Trim(content_encoding);
  if (name.empty() || Same(name, "identity")) return Coding::kIdentity;
  if (Same(name, "gzip") || Same(name, "x-gzip")) return Coding::kGzip;
  if (Same(name, "zstd")) return Coding::kZstd;
  return Fail(ErrorCode::kUnsupported, "Content-Encoding must be gzip, zstd or identity, got '{}'",
              name);
}

Coding ChooseCoding(std::string_view accept_encoding) {
  double best = 0;
  Coding chosen = Coding::kIdentity;
  while (!accept_encoding.empty()) {
    const std::size_t comma = accept_encoding.find(',');
    std::string_view item = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(comma == std::string_view::npos ? accept_encoding.size()
                                                                  : comma + 1);
    double weight = 1;
    const std::size_t semicolon = item.find(';');
    if (semicolon != std::string_view::npos) {
      std::string_view parameter = Trim(item.substr(semicolon + 1));
      if (parameter.starts_with("q=")) {
        parameter.remove_prefix(2);
        std::from_chars(parameter.data(), parameter.data() + parameter.size(), weight);
      }
    }
    item = Trim(item.substr(0, semicolon));
    Coding coding = Coding::kIdentity;
    if (Same(item, "zstd")) coding = Coding::kZstd;
    if (Same(item, "gzip") || Same(item, "*")) coding = Coding::kGzip;
    if (coding == Coding::kIdentity || weight <= 0) continue;
    if (weight > best || (weight == best && coding == Coding::kZstd)) {
      best = weight;
      chosen = coding;
    }
  }
  return chosen;
}

bool IsCompressible(std::string_view content_type) {
  const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
  if (type == "text/event-stream") return false;
  return type.starts_with("text/") || type.ends_with("json") || type.ends_with("+xml") ||
         type == "application/xml" || type == "application/yaml" ||
         type == "application/javascript" || type == "application/x-ndjson" ||
         type == "application/vnd.apache.arrow.stream";
}

std::unique_ptr<Encoder> Encoder::Make(Coding coding) {
  if (coding == Coding::kZstd) return std::make_unique<ZstdEncoder>();
  return std::make_unique<GzipEncoder>();
}

std::unique_ptr<Decoder> Decoder::Make(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return std::make_unique<GzipDecoder>();
    case Coding::kZstd:
      return std::make_unique<ZstdDecoder>();
    case Coding::kIdentity:
      break;
  }
  return std::make_unique<Plain>();
}

}  // namespace aimass::http
