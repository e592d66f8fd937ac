# Every library from outside: Debian's by name (deps/apt-build.txt), the others by deps/lock.json.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/deps/lock.json ${CMAKE_SOURCE_DIR}/scripts/fetch_deps.py)
set(copy_flag "")
if(AIMASS_COPY_LIBS)
  set(copy_flag --copy)
endif()
execute_process(
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/fetch_deps.py --into ${CMAKE_BINARY_DIR} ${copy_flag}
  RESULT_VARIABLE fetched)
if(NOT fetched EQUAL 0)
  message(FATAL_ERROR "scripts/fetch_deps.py failed; what it said stands above")
endif()

# The headers stay where the cache has them, so that all build trees compile with the same paths (ccache).
file(REAL_PATH ${CMAKE_BINARY_DIR}/deps/include/duckdb.h duckdb_header)
cmake_path(GET duckdb_header PARENT_PATH duckdb_include)

function(aimass_fetched_library name file)
  add_library(aimass::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(aimass::${name} PROPERTIES IMPORTED_LOCATION ${CMAKE_BINARY_DIR}/lib/${file})
  foreach(directory IN LISTS ARGN)
    set_property(TARGET aimass::${name} APPEND PROPERTY INTERFACE_INCLUDE_DIRECTORIES ${directory})
  endforeach()
endfunction()
aimass_fetched_library(duckdb libduckdb.so ${duckdb_include})
aimass_fetched_library(xgboost libxgboost.so)    # header: Debian's libxgboost-dev, in the default include path
aimass_fetched_library(lightgbm lib_lightgbm.so) # its wheel has no header: src/native/lightgbm declares what it uses
set_target_properties(aimass::xgboost PROPERTIES
  IMPORTED_LINK_DEPENDENT_LIBRARIES "" INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
find_package(CURL REQUIRED)
find_package(LibArchive REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark QUIET)

# Debian packages without a CMake file of their own.
function(aimass_system_library name)
  add_library(aimass_${name} INTERFACE)
  add_library(aimass::${name} ALIAS aimass_${name})
  foreach(library IN LISTS ARGN)
    find_library(path_${library} ${library} REQUIRED)
    target_link_libraries(aimass_${name} INTERFACE ${path_${library}})
  endforeach()
endfunction()
aimass_system_library(sodium sodium)
aimass_system_library(icu icui18n icuuc)
aimass_system_library(re2 re2)
aimass_system_library(zstd zstd)
aimass_system_library(zip zip)
aimass_system_library(flatbuffers flatbuffers)
aimass_system_library(mariadb mariadb)
target_include_directories(aimass_mariadb SYSTEM INTERFACE /usr/include/mariadb)
aimass_system_library(pq pq)
aimass_system_library(hiredis hiredis)
aimass_system_library(pugixml pugixml)
aimass_system_library(soci soci_core soci_sqlite3 soci_postgresql)
target_include_directories(aimass_soci SYSTEM INTERFACE /usr/include/postgresql)
