# libFuzzer targets, with the preset fuzz (clang): tests/fuzz/NAME.cc becomes fuzz_NAME. tests/fuzz/test_fuzz.py runs
# them. They share one library with what they reach and no more: clang compiles it beside all that g++ compiles.
if(NOT AIMASS_SANITIZE MATCHES "fuzzer")
  return()
endif()

file(GLOB sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/src/base/*.cc
  ${CMAKE_SOURCE_DIR}/src/table/*.cc ${CMAKE_SOURCE_DIR}/src/native/archive/*.cc
  ${CMAKE_SOURCE_DIR}/src/native/duckdb/*.cc ${CMAKE_SOURCE_DIR}/src/runtimes/*.cc
  ${CMAKE_SOURCE_DIR}/src/runtimes/*/*.cc ${CMAKE_SOURCE_DIR}/src/datasets/formats/csv/*.cc
  ${CMAKE_SOURCE_DIR}/src/datasets/formats/excel/*.cc ${CMAKE_SOURCE_DIR}/src/datasets/formats/json/*.cc)
list(FILTER sources EXCLUDE REGEX "_test\\.cc$|^base/(pool|process)\\.cc$|^table/ipc\\.cc$")
list(APPEND sources api/http/chunks.cc api/http/compress.cc api/http/message.cc api/http/parser.cc
  api/http/problem.cc api/http/url.cc datasets/format.cc datasets/import/infer.cc datasets/import/mapped.cc
  datasets/import/number.cc datasets/import/query_reader.cc datasets/import/tally.cc datasets/sql/check.cc
  datasets/sql/function_lists.cc native/mongodb/bson.cc sources/connectors/mongodb/decode.cc
  sources/connectors/mongodb/json.cc sources/connectors/mongodb/layout.cc sources/database.cc sources/fields.cc)
list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/src/)
get_target_property(base_sources aimass_base SOURCES)
list(FILTER base_sources INCLUDE REGEX "/generated/(messages_zh|version)\\.cc$")
add_library(fuzz_product STATIC EXCLUDE_FROM_ALL ${sources} ${base_sources})
target_include_directories(fuzz_product PUBLIC ${CMAKE_SOURCE_DIR}/src)
get_target_property(libraries aimass_base LINK_LIBRARIES)
target_link_libraries(fuzz_product PUBLIC ${libraries} aimass::duckdb aimass::mongoc LibArchive::LibArchive)
# Half of the compiler's time would go into reading these again and again.
target_precompile_headers(fuzz_product PRIVATE <base/json.h> <algorithm> <filesystem> <functional> <map> <memory> <set>)

add_custom_target(fuzz_targets COMMENT "Every fuzz target")
file(GLOB targets CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*.cc)
foreach(target IN LISTS targets)
  get_filename_component(name ${target} NAME_WE)
  add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${target})
  target_link_libraries(fuzz_${name} PRIVATE fuzz_product)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz_targets fuzz_${name})
endforeach()
