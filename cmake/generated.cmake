# Sources written by the build: the Chinese texts of every module and the version.
#
#   namespace aimass {
#   std::span<const std::pair<std::string_view, std::string_view>> ChineseTexts();  // sorted by English text
#   std::string_view Version();      // "0.1.0"
#   std::string_view BuildCommit();  // short git commit at configure time, empty outside git
#   }
function(aimass_generated_texts target)
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL "STATIC_LIBRARY")
    return()
  endif()
  set(output ${CMAKE_BINARY_DIR}/generated/messages_zh.cc)
  set(merge ${CMAKE_SOURCE_DIR}/cmake/merge_messages.py)
  file(GLOB_RECURSE texts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/zh.json ${CMAKE_SOURCE_DIR}/src/*/zh.json)
  set(flags "")
  if(AIMASS_LENIENT)
    set(flags --lenient)
  endif()
  add_custom_command(OUTPUT ${output}
    COMMAND ${Python3_EXECUTABLE} ${merge} ${flags} --out ${output} ${texts}
    DEPENDS ${merge} ${texts} VERBATIM COMMENT "Merging Chinese texts")

  execute_process(COMMAND git rev-parse --short=12 HEAD WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(version ${CMAKE_BINARY_DIR}/generated/version.cc)
  file(CONFIGURE OUTPUT ${version} @ONLY CONTENT [[// Written by cmake/generated.cmake.
#include <string_view>

namespace aimass {
std::string_view Version();
std::string_view BuildCommit();
std::string_view Version() { return "@PROJECT_VERSION@"; }
std::string_view BuildCommit() { return "@commit@"; }
}  // namespace aimass
]])
  target_sources(${target} PRIVATE ${output} ${version})
endfunction()

# The files that the binary carries, for base/embedded.h.
function(aimass_embedded_files target)
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL "STATIC_LIBRARY")
    return()
  endif()
  set(root ${CMAKE_SOURCE_DIR})
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${root}
    ${root}/api/openapi.yaml ${root}/catalogue/*.yaml ${root}/solutions/* ${root}/src/*/assets/*)
  list(FILTER files EXCLUDE REGEX "\\.(csv|parquet|xz|gz|zst|zip)$|_test\\.|__pycache__")
  list(FILTER files INCLUDE REGEX "^(api|catalogue|solutions)/|^src/[a-z]+/assets/")
  list(SORT files)
  set(blobs "")
  set(rows "")
  set(index 0)
  foreach(file IN LISTS files)
    string(APPEND blobs "asm(\".section .rodata\\naimass_blob_${index}:\\n.incbin \\\"${root}/${file}\\\"\\n\"\n"
      "    \"aimass_blob_${index}_end:\\n.byte 0\\n.previous\");\n"
      "extern \"C\" const char aimass_blob_${index}[];\nextern \"C\" const char aimass_blob_${index}_end[];\n")
    string(APPEND rows "      EmbeddedFile{\"${file}\", Between(aimass_blob_${index}, aimass_blob_${index}_end)},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  set(output ${CMAKE_BINARY_DIR}/generated/embedded.cc)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [=[// Written by cmake/generated.cmake.
#include "base/embedded.h"

#include <algorithm>
#include <vector>

@blobs@
namespace aimass {
namespace {
[[maybe_unused]] std::string_view Between(const char* first, const char* last) {
  return {first, static_cast<std::size_t>(last - first)};
}
}  // namespace

std::span<const EmbeddedFile> EmbeddedFiles() {
  static const std::vector<EmbeddedFile> files = {
@rows@  };
  return files;
}

std::optional<std::string_view> FindEmbedded(std::string_view path) {
  const auto files = EmbeddedFiles();
  const auto found = std::ranges::lower_bound(files, path, {}, &EmbeddedFile::path);
  if (found == files.end() || found->path != path) return std::nullopt;
  return found->content;
}
}  // namespace aimass
]=])
  list(TRANSFORM files PREPEND ${root}/)
  set_source_files_properties(${output} PROPERTIES OBJECT_DEPENDS "${files}")
  target_sources(${target} PRIVATE ${output})
endfunction()
