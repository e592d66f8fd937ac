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
