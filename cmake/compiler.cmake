# Language, warnings, sanitizers, linker and compiler cache.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_options(-Wall -Wextra -Wpedantic -Werror
  # g++ 12 reports these where nothing is wrong: bugs 105329, 105651 (std::string +) and 105562 (sanitizers).
  -Wno-restrict -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow -Wno-error=array-bounds
  # Designated initialisers leave fields at their declared defaults on purpose.
  -Wno-missing-field-initializers)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # g++ 12 is the compiler of the house and its warnings count; clang builds the fuzz targets.
  add_compile_options(-w)
endif()

if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v2)
endif()

if(AIMASS_SANITIZE)
  add_compile_options(-fsanitize=${AIMASS_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${AIMASS_SANITIZE})
  if(AIMASS_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

find_program(AIMASS_MOLD mold)
if(AIMASS_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(AIMASS_CCACHE ccache)
if(AIMASS_CCACHE)
  # NOHASHDIR: build trees of one checkout share their objects.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=time_macros ${AIMASS_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

# Everything that runs lies at the top of the build tree and finds its libraries in lib/ beside it. DT_RPATH, not
# RUNPATH, because the libraries in lib/ look for each other there as well.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_BUILD_RPATH "$ORIGIN/lib")
set(CMAKE_INSTALL_RPATH "$ORIGIN/lib")
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
add_link_options(-Wl,--disable-new-dtags)
