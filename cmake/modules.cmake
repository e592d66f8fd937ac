include(GoogleTest)
add_custom_target(unit_tests COMMENT "Every module's unit tests")
set_property(GLOBAL PROPERTY aimass_modules "")

# aimass_module(NAME [LINKS library...])
#
# src/NAME/**/*.cc becomes the static library aimass_NAME, which links every module declared before it that has
# sources; src/NAME/**/*_test.cc becomes the executable NAME_test, registered with ctest. Includes start at src/.
# A folder without sources is skipped.
function(aimass_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINKS")
  set(folder ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(scratch ${CMAKE_SOURCE_DIR}/src/base/testing/scratch.cc)
  list(REMOVE_ITEM sources ${folder}/main.cc ${scratch})
  get_property(left GLOBAL PROPERTY aimass_modules)
  list(TRANSFORM left PREPEND aimass_)

  if(sources)
    add_library(aimass_${name} STATIC ${sources})
    set(scope PUBLIC)
    set_property(GLOBAL APPEND PROPERTY aimass_modules ${name})
  else()
    add_library(aimass_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(aimass_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  list(REVERSE left)  # static libraries: the user before the used
  target_link_libraries(aimass_${name} ${scope} ${left} ${arg_LINKS})

  if(tests)
    add_executable(${name}_test EXCLUDE_FROM_ALL ${tests} ${scratch})
    target_link_libraries(${name}_test PRIVATE aimass_${name} GTest::gmock GTest::gtest GTest::gtest_main)
    add_dependencies(unit_tests ${name}_test)
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES LABELS ${name} TIMEOUT 300
      # Threads that wait must not spin: tests run side by side.
      ENVIRONMENT "OMP_WAIT_POLICY=passive;OMP_NUM_THREADS=2;LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0;TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")
  endif()
endfunction()

# aimass_plugins(MODULE m KIND k REGISTRY R HEADER h FUNCTION f)
#
# Writes f(R&), declared by the module's header h, which calls `void Register(R&)` of every plug-in: the folder
# src/m/k/NAME registers itself in namespace aimass::k::NAME (aimass::m::NAME where k is "."). Adding a plug-in
# is adding a folder.
function(aimass_plugins)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "MODULE;KIND;REGISTRY;HEADER;FUNCTION" "")
  set(header ${CMAKE_SOURCE_DIR}/src/${arg_HEADER})
  file(GLOB header_exists CONFIGURE_DEPENDS ${header})
  get_target_property(type aimass_${arg_MODULE} TYPE)
  if(NOT header_exists OR NOT type STREQUAL "STATIC_LIBRARY")
    return()
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  file(STRINGS ${header} declared REGEX "${arg_FUNCTION}\\(")
  if(NOT declared)
    return()
  endif()

  set(space ${arg_KIND})
  if(arg_KIND STREQUAL ".")
    set(space ${arg_MODULE})
  endif()
  set(folder ${CMAKE_SOURCE_DIR}/src/${arg_MODULE}/${arg_KIND})
  cmake_path(NORMAL_PATH folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER sources INCLUDE REGEX "/")
  list(TRANSFORM sources REPLACE "/.*" "" OUTPUT_VARIABLE names)
  list(REMOVE_DUPLICATES names)
  list(REMOVE_ITEM names testing)
  list(SORT names)

  set(declarations "")
  set(calls "")
  foreach(name IN LISTS names)
    string(APPEND declarations "namespace aimass::${space}::${name} {\nvoid Register(${arg_REGISTRY}& registry);\n}\n")
    string(APPEND calls "  ${space}::${name}::Register(registry);\n")
  endforeach()
  set(unused "")
  if(NOT names)
    set(unused "[[maybe_unused]] ")
  endif()
  set(output ${CMAKE_BINARY_DIR}/generated/${arg_FUNCTION}.cc)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[// Written by cmake/modules.cmake from folder names.
#include "@arg_HEADER@"

@declarations@
namespace aimass {
void @arg_FUNCTION@(@unused@@arg_REGISTRY@& registry) {
@calls@}
}  // namespace aimass
]])
  target_sources(aimass_${arg_MODULE} PRIVATE ${output})
endfunction()

# The binary: src/main/main.cc over aimass_main.
function(aimass_executable)
  set(entry ${CMAKE_SOURCE_DIR}/src/main/main.cc)
  file(GLOB entry_exists CONFIGURE_DEPENDS ${entry})
  if(entry_exists)
    add_executable(aimass ${entry})
    target_link_libraries(aimass PRIVATE aimass_main)
  endif()
endfunction()
