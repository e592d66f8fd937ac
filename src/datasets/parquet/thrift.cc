#include "datasets/parquet/thrift.h"

namespace aimass::thrift {
namespace {

using Kind = Value::Kind;

constexpr int kMaxDepth = 32;

std::unexpected<Error> Damaged() {
  return Fail(ErrorCode::kUnprocessable, "the footer of a Parquet file is damaged");
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

  Result<Value> Read(Kind kind, int depth, bool in_list) {
    Value out{.kind = kind};
    if (depth > kMaxDepth) return Damaged();
    switch (kind) {
      case Kind::kTrue:
      case Kind::kFalse: {
        if (!in_list) return out;
        ASSIGN_OR_RETURN(const std::uint8_t byte, Byte());
        out.kind = byte == 1 ? Kind::kTrue : Kind::kFalse;
        return out;
      }
      case Kind::kByte: {
        ASSIGN_OR_RETURN(out.integer, Byte());
        return out;
      }
      case Kind::kInt16:
      case Kind::kInt32:
      case Kind::kInt64: {
        ASSIGN_OR_RETURN(out.integer, Integer());
        return out;
      }
      case Kind::kDouble: {
        ASSIGN_OR_RETURN(out.bytes, Bytes(8));
        return out;
      }
      case Kind::kBinary: {
        ASSIGN_OR_RETURN(const std::uint64_t size, Varint());
        ASSIGN_OR_RETURN(out.bytes, Bytes(size));
        return out;
      }
      case Kind::kList:
      case Kind::kSet: {
        ASSIGN_OR_RETURN(const std::uint8_t head, Byte());
        std::uint64_t count = head >> 4U;
        if (count == 15) {
          ASSIGN_OR_RETURN(count, Varint());
        }
        ASSIGN_OR_RETURN(out.element, KindOf(head & 15U));
        return Items(std::move(out), count, {out.element}, depth);
      }
      case Kind::kMap: {
        ASSIGN_OR_RETURN(const std::uint64_t count, Varint());
        if (count == 0) return out;
        ASSIGN_OR_RETURN(const std::uint8_t head, Byte());
        ASSIGN_OR_RETURN(out.element, KindOf(head >> 4U));
        ASSIGN_OR_RETURN(out.value, KindOf(head & 15U));
        return Items(std::move(out), count, {out.element, out.value}, depth);
      }
      case Kind::kStruct:
        return Fields(std::move(out), depth);
    }
    return Damaged();
  }

 private:
  Result<Value> Items(Value out, std::uint64_t count, std::vector<Kind> kinds, int depth) {
    if (count > bytes_.size()) return Damaged();
    for (std::uint64_t i = 0; i < count; ++i) {
      for (const Kind kind : kinds) {
        ASSIGN_OR_RETURN(Value item, Read(kind, depth + 1, true));
        out.items.push_back(std::move(item));
      }
    }
    return out;
  }

  Result<Value> Fields(Value out, int depth) {
    std::int64_t id = 0;
    for (;;) {
      ASSIGN_OR_RETURN(const std::uint8_t head, Byte());
      if (head == 0) return out;
      if ((head >> 4U) != 0) {
        id += head >> 4U;
      } else {
        ASSIGN_OR_RETURN(id, Integer());
      }
      ASSIGN_OR_RETURN(const Kind kind, KindOf(head & 15U));
      ASSIGN_OR_RETURN(Value value, Read(kind, depth + 1, false));
      out.fields.emplace_back(static_cast<std::int16_t>(id), std::move(value));
    }
  }

  static Result<Kind> KindOf(unsigned number) {
    if (number < 1 || number > 12) return Damaged();
    return static_cast<Kind>(number);
  }

  Result<std::uint8_t> Byte() {
    if (at_ >= bytes_.size()) return Damaged();
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }

  Result<std::string> Bytes(std::uint64_t size) {
    if (size > bytes_.size() - at_) return Damaged();
    std::string out(bytes_.substr(at_, size));
    at_ += size;
    return out;
  }

  Result<std::uint64_t> Varint() {
    std::uint64_t out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      ASSIGN_OR_RETURN(const std::uint8_t byte, Byte());
      out |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return out;
    }
    return Damaged();
  }

  Result<std::int64_t> Integer() {
    ASSIGN_OR_RETURN(const std::uint64_t zigzag, Varint());
    return static_cast<std::int64_t>((zigzag >> 1U) ^ (~(zigzag & 1U) + 1U));
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

void AppendVarint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>((value & 0x7fU) | 0x80U);
  out += static_cast<char>(value);
}

void AppendInteger(std::string& out, std::int64_t value) {
  AppendVarint(out,
               (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63));
}

unsigned Number(Kind kind) { return static_cast<unsigned>(kind); }

void Append(std::string& out, const Value& value, bool in_list);

void AppendFields(std::string& out, const Value& value) {
  std::int64_t last = 0;
  for (const auto& [id, field] : value.fields) {
    const std::int64_t step = id - last;
    const bool is_short = step > 0 && step <= 15;
    out +=
        static_cast<char>((is_short ? static_cast<unsigned>(step) << 4U : 0U) | Number(field.kind));
    if (!is_short) AppendInteger(out, id);
    Append(out, field, false);
    last = id;
  }
  out += '\0';
}

void Append(std::string& out, const Value& value, bool in_list) {
  switch (value.kind) {
    case Kind::kTrue:
    case Kind::kFalse:
      if (in_list) out += static_cast<char>(Number(value.kind));
      return;
    case Kind::kByte:
      out += static_cast<char>(value.integer);
      return;
    case Kind::kInt16:
    case Kind::kInt32:
    case Kind::kInt64:
      return AppendInteger(out, value.integer);
    case Kind::kDouble:
      out += value.bytes;
      return;
    case Kind::kBinary:
      AppendVarint(out, value.bytes.size());
      out += value.bytes;
      return;
    case Kind::kList:
    case Kind::kSet: {
      const std::size_t count = value.items.size();
      const bool is_short = count < 15;
      out += static_cast<char>((is_short ? static_cast<unsigned>(count) << 4U : 0xf0U) |
                               Number(value.element));
      if (!is_short) AppendVarint(out, count);
      break;
    }
    case Kind::kMap:
      AppendVarint(out, value.items.size() / 2);
      if (!value.items.empty())
        out += static_cast<char>(Number(value.element) << 4U | Number(value.value));
      break;
    case Kind::kStruct:
      return AppendFields(out, value);
  }
  for (const Value& item : value.items) Append(out, item, true);
}

}  // namespace

Value* Value::Find(std::int16_t id) {
  for (auto& [its, field] : fields) {
    if (its == id) return &field;
  }
  return nullptr;
}

Result<Value> ParseStruct(std::string_view bytes) {
  Reader reader(bytes);
  ASSIGN_OR_RETURN(Value value, reader.Read(Kind::kStruct, 0, false));
  if (!reader.at_end()) return Damaged();
  return value;
}

std::string Serialise(const Value& value) {
  std::string out;
  Append(out, value, false);
  return out;
}

}  // namespace aimass::thrift
