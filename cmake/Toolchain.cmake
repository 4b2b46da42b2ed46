# Compiler flags, linker, cache: how the whole tree is built.
add_library(sealtrain_flags INTERFACE)
target_compile_options(sealtrain_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor
  # GCC 12 sees overflows in inlined vector and StatusOr code that are not there.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-restrict;-Wno-maybe-uninitialized>
  # As GCC: what it calls -Wconversion leaves changes of sign out.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>
  -fstack-protector-strong -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.
  $<$<BOOL:${SEALTRAIN_WERROR}>:-Werror>)
target_compile_definitions(sealtrain_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
target_link_options(sealtrain_flags INTERFACE -Wl,-z,relro,-z,now)

if(SEALTRAIN_SANITIZE)
  add_compile_options(-fsanitize=${SEALTRAIN_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SEALTRAIN_SANITIZE})
endif()

if(SEALTRAIN_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage in the rooms, too
endif()

find_program(SEALTRAIN_CCACHE ccache)
if(SEALTRAIN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without this ccache keeps nothing that uses a precompiled header, and reads twice what
  # includes a header that protoc has just made.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${SEALTRAIN_CCACHE})
endif()
find_program(SEALTRAIN_MOLD mold)
if(SEALTRAIN_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
