# libFuzzer targets, with the preset fuzz (clang): fuzz/NAME/target.cc becomes fuzz_NAME. Seeds are in fuzz/NAME/seeds,
# and so is every input that once broke something. `scripts/fuzz.sh` runs them.
add_custom_target(fuzz_targets COMMENT "Every fuzz target")

function(aimass_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  list(TRANSFORM arg_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/src/)
  add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/fuzz/${name}/target.cc ${arg_SOURCES})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(fuzz_${name} PRIVATE ${arg_LINKS})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz_targets fuzz_${name})
endfunction()

if(AIMASS_SANITIZE MATCHES "fuzzer")
  aimass_fuzz(configuration LINKS aimass_base)
  aimass_fuzz(csv LINKS aimass_datasets)
  aimass_fuzz(excel LINKS aimass_datasets)
  aimass_fuzz(http SOURCES api/http/parser.cc api/http/chunks.cc api/http/problem.cc api/http/message.cc LINKS aimass_base)
  aimass_fuzz(json LINKS aimass_base)
  aimass_fuzz(model LINKS aimass_runtimes)
  aimass_fuzz(sql LINKS aimass_datasets)
endif()
