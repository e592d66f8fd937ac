// Workbooks. What begins with "PK" is taken as it is; of anything else the target makes a workbook,
// because a fuzzer seldom finds a checksum: the sheet, and behind each form feed the styles, the
// shared texts, the list of sheets.
#include <zlib.h>

#include <array>
#include <memory>

#include "table.h"

namespace aimass::formats {
namespace csv {
void Register(FormatRegistry& registry);
}
namespace excel {
void Register(FormatRegistry& registry);
}
}  // namespace aimass::formats

namespace {

using namespace aimass;

void AppendNumber(std::string& out, std::uint64_t number, int bytes) {
  for (; bytes > 0; --bytes, number >>= 8) out += static_cast<char>(number & 0xff);
}

/// A zip file (APPNOTE 6.3) whose members are stored as they are.
class Zip {
 public:
  void Add(std::string_view name, std::string_view content) {
    const std::size_t at = out_.size();
    const uLong crc =
        crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
    std::string head;
    AppendNumber(head, 20, 2);  // version
    AppendNumber(head, 0, 8);   // flags, stored, time, date
    AppendNumber(head, crc, 4);
    AppendNumber(head, content.size(), 4);
    AppendNumber(head, content.size(), 4);
    AppendNumber(head, name.size(), 2);
    AppendNumber(head, 0, 2);  // extra field
    out_.append("PK\x03\x04").append(head).append(name).append(content);
    directory_.append("PK\x01\x02");
    AppendNumber(directory_, 20, 2);
    directory_ += head;
    AppendNumber(directory_, 0, 10);  // comment, disk, attributes
    AppendNumber(directory_, at, 4);
    directory_ += name;
    ++members_;
  }

  [[nodiscard]] std::string Finish() {
    const std::size_t at = out_.size();
    out_ += directory_;
    out_.append("PK\x05\x06");
    AppendNumber(out_, 0, 4);
    AppendNumber(out_, members_, 2);
    AppendNumber(out_, members_, 2);
    AppendNumber(out_, directory_.size(), 4);
    AppendNumber(out_, at, 4);
    AppendNumber(out_, 0, 2);
    return std::move(out_);
  }

 private:
  std::string out_;
  std::string directory_;
  std::size_t members_ = 0;
};

std::string Workbook(std::string_view text) {
  std::array<std::string_view, 4> parts{"", "", "", R"(<sheet name="a" r:id="r1"/>)"};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = std::min(text.find('\f'), text.size());
    parts.at(i) = text.substr(0, end);
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  Zip zip;
  zip.Add("xl/workbook.xml", parts[3]);
  zip.Add("xl/_rels/workbook.xml.rels",
          R"(<Relationship Id="r1" Target="worksheets/sheet1.xml"/>)");
  zip.Add("xl/worksheets/sheet1.xml", parts[0]);
  if (!parts[1].empty()) zip.Add("xl/styles.xml", parts[1]);
  if (!parts[2].empty()) zip.Add("xl/sharedStrings.xml", parts[2]);
  return zip.Finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto formats = [] {
    auto all = std::make_unique<FormatRegistry>("format");
    formats::csv::Register(*all);
    formats::excel::Register(*all);
    return all;
  }();
  const std::string_view content = fuzz::Text(data, size);
  fuzz::ReadTable(**formats->Find("excel"), {}, OnMisfit::kWiden, *formats,
                  content.starts_with("PK") ? std::string(content) : Workbook(content));
  return 0;
}
